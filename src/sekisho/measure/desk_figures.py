"""How long the desk took, and how many reports there were, week by week: what of it may be published.

A week is counted when all of its cases have had the same time: four weeks after its end. So its numbers never
change any more, and what was published of it stays true.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain, product
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from sekisho.desk.figures import CaseTimes, DeskFigures, DeskWeek, ReportedHour, SentInWeek
from sekisho.measure.cells import Cell, Dimension, Ledger, Published, Table
from sekisho.measure.judge import NotPublishableError
from sekisho.measure.publish import release
from sekisho.measure.rules import Rules
from sekisho.measure.stages import StageOf, StageWeek
from sekisho.measure.windows import Size, Window, window_at
from sekisho.model import Sent, Stage
from sekisho.trial.plan import Plan
from sekisho.trial.told import three_digits

SETTLED: Final = timedelta(days=28)
_EDGES: Final = {
    "under 1 min": timedelta(minutes=1),  # what the desk does by itself
    "1-60 min": timedelta(hours=1),
    "1-24 h": timedelta(days=1),
    "1-7 d": timedelta(days=7),
    "7-28 d": SETTLED,
}
NEVER: Final = "not within 28 d"
TIMES: Final = (*_EDGES, NEVER)
"""The fixed bins of how long something took."""

_STOP_REQUEST: Final = (Dimension("until_stop_request", TIMES),)
_SUSPENSION: Final = (Dimension("until_suspension", TIMES),)
_PROVED: Final = "proved"
_REPORTS: Final = (Dimension("reports", (_PROVED,)),)

_EACH: Final = "all"
_ALL: Final = (Dimension("sent", (_EACH,)),)
_SENT: Final = tuple(product(Stage, Sent._fields))
"""Of what lines have sent: each by itself, for there is no sum of two of them."""

_ByLine = defaultdict[tuple[str, ...], Counter[int]]


class Since(NamedTuple):
    """From when on cases and reports are whole: neither began later nor was forgotten."""

    cases: datetime
    reports: datetime


@dataclass
class _Week:
    """What is counted of a class and a week, by line: it goes no further."""

    stop_request: _ByLine = field(default_factory=lambda: defaultdict(Counter))
    suspension: _ByLine = field(default_factory=lambda: defaultdict(Counter))
    reports: _ByLine = field(default_factory=lambda: defaultdict(Counter))


Counted = Mapping[tuple[datetime, str], _Week]
"""By the begin of the week, and the class."""


def statistics(class_name: str) -> tuple[str, ...]:
    """Name all that is published of a class; no total of classes is ever told."""
    sent = chain.from_iterable(_of_sent(class_name, *one) for one in _SENT)
    return _of_cases(class_name), _of_reports(class_name), *sent


def settled_weeks(since: datetime, now: datetime, zone: ZoneInfo) -> tuple[Window, ...]:
    """Return the whole weeks from a moment on whose cases have had their time."""
    week, weeks = window_at(Size.WEEK, since, zone), []
    while week.end + SETTLED <= now:
        if week.begin >= since:
            weeks.append(week)
        week = window_at(Size.WEEK, week.end, zone)
    return tuple(weeks)


def count_weeks(
    cases: Iterable[CaseTimes], reports: Iterable[ReportedHour], since: Since, zone: ZoneInfo
) -> Counted:
    """Count cases by the week in which they were opened, and reports by that of the sending."""
    found: defaultdict[tuple[datetime, str], _Week] = defaultdict(_Week)
    for one in cases:
        week = window_at(Size.WEEK, one.opened, zone).begin
        if week >= since.cases:
            counted = found[week, one.class_name]
            counted.stop_request[(_bin(one.opened, one.stop_requested),)][one.line] += 1
            counted.suspension[(_bin(one.opened, one.suspended),)][one.line] += 1
    for hour in reports:
        week = window_at(Size.WEEK, hour.begin, zone).begin
        if week >= since.reports:
            found[week, hour.class_name].reports[(_PROVED,)][hour.line] += hour.reports
    return found


def publish_desk(
    counted: Counted,
    sent: Mapping[StageOf, StageWeek],
    weeks: Sequence[Window],
    classes: Collection[str],
    before: Ledger,
    zone: ZoneInfo,
) -> tuple[DeskFigures, Ledger]:
    """Return what may be seen, and the ledger that remembers it; `before`: what was published until now."""
    door = _Door(before, zone)
    shown = [
        door.week(week, name, counted.get((week.begin, name)), sent) for week in weeks for name in classes
    ]
    found = tuple(one for one in shown if one is not None)
    return DeskFigures(found, door.refused, door.differing), door.ledger


def in_periods(figures: DeskFigures, plan: Plan, zone: ZoneInfo) -> DeskFigures:
    """Tell of each week in which period of a trial it lies as a whole."""
    weeks = (
        replace(one, period=_period(plan, one.class_name, window_at(Size.WEEK, one.begin, zone)))
        for one in figures.weeks
    )
    return replace(figures, weeks=tuple(weeks))


@dataclass
class _Door:
    """What was published so far, and how much of what came to the door was not."""

    ledger: Ledger
    zone: ZoneInfo
    refused: int = 0
    differing: int = 0

    def week(
        self, window: Window, class_name: str, counted: _Week | None, sent: Mapping[StageOf, StageWeek]
    ) -> DeskWeek | None:
        """Return what may be seen of a class and a week; None: there was nothing."""
        of_cases, of_reports = _of_cases(class_name), _of_reports(class_name)
        one = counted or _Week()
        stop_request = self._shown(Published(of_cases, window, _STOP_REQUEST), _cells(one.stop_request))
        suspension = self._shown(Published(of_cases, window, _SUSPENSION), _cells(one.suspension))
        reports = self._shown(Published(of_reports, window, _REPORTS), _cells(one.reports))
        of_stages = tuple(
            self._sent(window, class_name, kind, sent.get(StageOf(window.begin, class_name, *kind)))
            for kind in _SENT
        )
        if not (stop_request or suspension or reports or any(each.count for each in of_stages)):
            return None
        return DeskWeek(
            begin=window.begin,
            class_name=class_name,
            period=None,
            reports=reports.get(_PROVED),
            cases=stop_request.get(None),
            until_stop_request={name: stop_request.get(name) for name in TIMES},
            until_suspension={name: suspension.get(name) for name in TIMES},
            sent=of_stages,
        )

    def _sent(
        self, window: Window, class_name: str, kind: tuple[Stage, str], week: StageWeek | None
    ) -> SentInWeek:
        """Return what may be seen of what the lines of a stage have sent."""
        cells = (None, None) if week is None else week
        total, line_hours = (
            self._shown(Published(name, window, _ALL), {} if cell is None else {(_EACH,): cell}).get(_EACH)
            for name, cell in zip(_of_sent(class_name, *kind), cells, strict=True)
        )
        mean = None if total is None or not line_hours else three_digits(total / line_hours)
        return SentInWeek(*kind, total, line_hours, mean)

    def _shown(
        self, what: Published, cells: Mapping[tuple[str, ...], Cell]
    ) -> Mapping[str | None, int | None]:
        """Publish a table of one dimension; empty where there is none, or nothing of it may be seen."""
        if not cells and what not in self.ledger.shapes:
            return {}
        try:
            shown, self.ledger, differs = release(Table(*what, cells), self.ledger, Rules(), self.zone)
        except NotPublishableError:
            self.refused += 1
            return {}
        self.differing += differs
        return {name: count for (name,), count in shown.cells.items()}


def _of_cases(class_name: str) -> str:
    return f"cases by how long the desk took: {class_name}"


def _of_reports(class_name: str) -> str:
    return f"proved reports: {class_name}"


def _of_sent(class_name: str, stage: Stage, what: str) -> tuple[str, str]:
    """Name what was sent in a stage, and the line-hours of that."""
    of = f"{what} while {stage}"
    return f"{of}: {class_name}", f"line-hours of {of}: {class_name}"


def _cells(by_line: _ByLine) -> dict[tuple[str, ...], Cell]:
    return {at: Cell(len(lines), lines.total(), max(lines.values())) for at, lines in by_line.items()}


def _bin(begin: datetime, end: datetime | None) -> str:
    if end is None:
        return NEVER
    return next((name for name, edge in _EDGES.items() if end - begin < edge), NEVER)


def _period(plan: Plan, class_name: str, week: Window) -> str:
    def is_within(begin: datetime, end: datetime) -> bool:
        return begin <= week.begin and week.end <= end

    if week.end <= plan.span.begin:
        return "before"
    if week.begin >= plan.span.end:
        return "after"
    for number, phase in enumerate(plan.phases, 1):
        if class_name in dict(phase.limits) and is_within(phase.span.begin, phase.span.end):
            return f"phase {number}"
    drawn = plan.switchback
    if drawn is not None and class_name in dict(drawn.on) and is_within(drawn.span.begin, drawn.span.end):
        return "switchback"
    return "trial" if is_within(plan.span.begin, plan.span.end) else "across"
