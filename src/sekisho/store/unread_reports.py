"""Reports as they came, until they are read: kept first, understood later, so that none is lost in between.

What is unread stands in the queue with neither a format nor a refusal.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Integer, and_, bindparam, func, select, update

from sekisho.desk.records import KeptIncident, KeptReport
from sekisho.store.desk_tables import incident, report
from sekisho.store.flags import is_set
from sekisho.store.incident_rows import read_incident
from sekisho.store.reports import NumberedReport, Reports, read_report

_UNREAD: Final = and_(is_set(report.c.is_queued), report.c.format.is_(None), report.c.refusal.is_(None))
_READ: Final = (
    update(report)
    .where(report.c.number == bindparam("of_number", type_=Integer), _UNREAD)
    .values(
        {
            one: bindparam(f"read_{one.name}")
            for one in (report.c.format, report.c.party, report.c.refusal, report.c.is_queued)
        }
    )
)


class UnreadReports(Reports):
    """Reports that are to be read, in a transaction."""

    def add_unread(self, one: KeptReport) -> tuple[int, bool]:
        """Write a report that nobody has read; else as `add_report`."""
        unread = KeptReport(one.received, one.digest, one.original, vouched=one.vouched, is_queued=True)
        return self.add_report(unread)

    def unread_reports(self, after: int, most: int) -> tuple[NumberedReport, ...]:
        """Return the next reports that are to be read, in the order of their coming."""
        found = select(report).where(_UNREAD, report.c.number > after).order_by(report.c.number).limit(most)
        return tuple(NumberedReport(row.number, read_report(row)) for row in self._connection.execute(found))

    def count_unread(self, most: int) -> int:
        """Return how many reports are to be read, counted up to `most`."""
        some = select(report.c.number).where(_UNREAD).limit(most).subquery()
        return self._connection.execute(select(func.count()).select_from(some)).scalar_one()

    def is_unread(self, number: int) -> bool:
        """Tell whether a report is to be read."""
        found = select(report.c.number).where(report.c.number == number, _UNREAD)
        return self._connection.execute(found).first() is not None

    def put_read(self, number: int, one: KeptReport) -> bool:
        """Write what a report was read as; tell whether it was unread, else nothing is written."""
        changed = self._many.change(
            _READ,
            of_number=number,
            read_format=one.format and str(one.format),
            read_party=one.party,
            read_refusal=one.refusal,
            read_is_queued=one.is_queued,
        )
        return changed > 0

    def incidents_of(self, number: int) -> tuple[KeptIncident, ...]:
        """Return what came of the incidents of a report, in their order."""
        found = select(incident).where(incident.c.report == number).order_by(incident.c.place)
        return tuple(map(read_incident, self._connection.execute(found)))
