"""What is counted of reports and of cases, for figures: rows name lines, which go no further than a sum."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from sekisho.desk.figures import ReportedHour
from sekisho.desk.trust import Weight
from sekisho.store.desk_tables import desk_case, incident, report
from sekisho.store.door import Door
from sekisho.store.moments import from_us, to_us

_PROVED: Final = (Weight.SOUND, Weight.WEAK)  # anybody can claim, and could make any figure of it
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
                incident.c.weight.in_(_PROVED),
                incident.c.moment >= to_us(begin),
                incident.c.moment < to_us(end),
                report.c.received - incident.c.moment <= within // _US,
            )
            .group_by(incident.c.case, incident.c.line, hour)
        )
        classes = {
            row.number: json.loads(row.packed)["class_name"]
            for row in self._connection.execute(select(desk_case.c.number, desk_case.c.packed))
        }
        for row in self._connection.execute(found):
            yield ReportedHour(classes[row.case], row.line, from_us(row.hour * _HOUR_US), row.reports)
