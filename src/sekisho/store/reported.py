"""What is counted of reports and of cases, for figures: rows name lines, which go no further than a sum."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, case, func, select

from sekisho.desk.case_values import Case, State
from sekisho.desk.figures import CaseTimes, ReportedHour
from sekisho.desk.trust import PROVED
from sekisho.store.cases import read_case
from sekisho.store.desk_tables import case_event, desk_case, incident, report
from sekisho.store.door import Door
from sekisho.store.moments import from_us, to_us

_US: Final = timedelta(microseconds=1)
_HOUR_US: Final = timedelta(hours=1) // _US


class Reported(Door):
    """Counts of reports and of cases, in a transaction."""

    def first_report(self) -> datetime | None:
        """Return when the first report that is kept came in."""
        first: int | None = self._connection.execute(select(func.min(report.c.received))).scalar_one()
        return from_us(first)

    def reported_hours(self, begin: datetime, end: datetime, within: timedelta) -> Iterator[ReportedHour]:
        """Yield how many proved reports count about each line that sent in each hour of a span.

        `within`: only those that came in so soon after what they tell of.
        """
        hour = (incident.c.moment // _HOUR_US).label("hour")
        found = (
            select(incident.c.case, incident.c.line, hour, func.count().label("reports"))
            .join(report, report.c.number == incident.c.report)
            .where(
                incident.c.case.is_not(None),
                incident.c.weight.in_(PROVED),
                incident.c.moment >= to_us(begin),
                incident.c.moment < to_us(end),
                report.c.received - incident.c.moment <= within // _US,
            )
            .group_by(incident.c.case, incident.c.line, hour)
        )
        classes = {one.number: one.class_name for one in self._known_cases()}
        for row in self._connection.execute(found):
            yield ReportedHour(classes[row.case], row.line, from_us(row.hour * _HOUR_US), row.reports)

    def case_times(self) -> Iterator[CaseTimes]:
        """Yield when each case that is kept was opened, and what followed."""
        at, after, done = case_event.c.at, case_event.c.after, case_event.c.done
        is_request = and_(after.in_((State.STOP_REQUESTED, State.LIMITED)), done.like('%"tell"%'))
        found = select(
            case_event.c.case,
            func.min(case((is_request, at))).label("stop_requested"),
            func.min(case((after == State.SUSPENDED, at))).label("suspended"),
        ).group_by(case_event.c.case)
        followed = {row.case: row for row in self._connection.execute(found)}
        for one in self._known_cases():
            row = followed.get(one.number)
            moments = (None, None) if row is None else (row.stop_requested, row.suspended)
            yield CaseTimes(one.class_name, one.line, one.opened, *map(from_us, moments))

    def _known_cases(self) -> Iterator[Case]:
        for row in self._connection.execute(select(desk_case.c.number, desk_case.c.packed)):
            yield read_case(row.number, row.packed)
