"""Reports as an outcome of a trial: how many there were about what a class has sent, hour by hour.

Each hour has had the same time to be reported in: what came later counts for none, and the last hours are
left out until that time is over. Only reports count whose party is proved; anybody can claim to report.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from sekisho.desk.figures import ReportedHour
from sekisho.measure.cells import Cell
from sekisho.measure.rules import Rules, is_few
from sekisho.measure.turns import HOUR
from sekisho.trial.plan import Span
from sekisho.trial.report_values import Because, NotKnown
from sekisho.trial.series import Columns, Series, microseconds

LATE: Final = timedelta(days=3)
"""A report has to come in so soon after the sending: most do in minutes, people's in a day or two."""

_OF_ALL_GATES: Final = ""  # a report tells of no gate
_HOUR_US: Final = HOUR // timedelta(microseconds=1)


def reported_span(
    span: Span, first_report: datetime | None, kept: timedelta, now: datetime
) -> Span | NotKnown:
    """Return the whole hours of a span in which reports were counted, or why there are none.

    `first_report`: when the first that is kept came in; `kept`: how long reports are.
    """
    if first_report is None:
        return NotKnown(Because.NOT_COUNTED)
    begin = max(span.begin, _full_hour(max(first_report, now - kept)))
    end = min(span.end, _full_hour(now - LATE - HOUR))
    return Span(begin, end) if begin < end else NotKnown(Because.NOT_COUNTED)


class ReportedHours:
    """The reports about the hours of a span; `rows`: those in which there were any."""

    def __init__(self, span: Span, rows: Iterable[ReportedHour]) -> None:
        self._span = span
        self._hours: defaultdict[str, Counter[datetime]] = defaultdict(Counter)
        self._lines: defaultdict[str, Counter[int]] = defaultdict(Counter)
        for row in rows:
            self._hours[row.class_name][row.begin] += row.reports
            self._lines[row.class_name][row.line] += row.reports

    def series(self, class_name: str) -> tuple[Series, ...]:
        """Return the reports about a class as one series; none where lines could be recognised in it."""
        if self.why_none(class_name) is not None:
            return ()
        first, end = microseconds(self._span.begin), microseconds(self._span.end)
        begins = np.arange(first, end, _HOUR_US, dtype=np.int64)
        counts = np.zeros(len(begins))
        for hour, reports in self._hours[class_name].items():
            counts[(microseconds(hour) - first) // _HOUR_US] = reports
        return (Series(_OF_ALL_GATES, HOUR, Columns(begins, counts, np.ones(len(begins)))),)

    def why_none(self, class_name: str) -> NotKnown | None:
        """Tell why nothing may be told of a class: of how few lines there were reports is a secret too."""
        by_line = self._lines[class_name].values()
        rules = Rules()
        cell = Cell(len(by_line), sum(by_line), max(by_line, default=0))
        return NotKnown(Because.TOO_FEW_LINES, None, rules.fewest) if is_few(cell, rules) else None


def _full_hour(moment: datetime) -> datetime:
    """Return the next full hour (UTC)."""
    begun = moment.replace(minute=0, second=0, microsecond=0)
    return begun if begun == moment else begun + HOUR
