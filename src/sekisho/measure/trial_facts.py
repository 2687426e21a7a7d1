"""From the hours of a trial to what its report says of coverage, harm and counts."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from operator import attrgetter
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from sekisho.measure.cells import Cell, Dimension, Ledger, Table
from sekisho.measure.judge import NotPublishableError
from sekisho.measure.publish import release
from sekisho.measure.readings import Mark
from sekisho.measure.suppress import Rules, is_few
from sekisho.measure.trial_hours import HOUR, TrialHours
from sekisho.measure.windows import Size, Window, window_at
from sekisho.trial.estimate_pairs import LEAST_COVERED
from sekisho.trial.notice import Values
from sekisho.trial.plan import Plan, Span, schedule
from sekisho.trial.protocol import Outcome
from sekisho.trial.report_values import (
    Because,
    Coverage,
    GateCoverage,
    Harm,
    NotKnown,
    Published,
    Shown,
)
from sekisho.trial.series import Series, columns, microseconds

LEAST_SESSIONS: Final = 1_000  # for a share of them to be told
_TEN: Final = 10
_OUTCOMES: Final = (Outcome.ADMITTED, Outcome.REFUSED)  # which add up to attempts
STATISTIC: Final = "sessions"  # what the counts of the report are published as
_HOUR_US: Final = 3_600_000_000


class Of(NamedTuple):
    """What a count is of: the week from `begin`."""

    begin: datetime
    class_name: str
    outcome: Outcome


class Behind(NamedTuple):
    """How many lines are behind a count, and how much of it the line with the most has; None: not known."""

    lines: int | None
    largest: int | None


def coverage(
    plan: Plan, hours: TrialHours, gates: Sequence[str], marks: Iterable[Mark], now: datetime
) -> Coverage:
    """Tell how much of a trial so far was read; `gates`: all there should be."""
    so_far = Span(plan.span.begin, max(plan.span.begin, min(plan.span.end, now)))
    by_gate = _first_class(plan, hours)
    why: dict[str, Counter[str]] = defaultdict(Counter)
    for mark in marks:
        why[mark.gate][mark.why.name.lower()] += 1
    found = []
    for gate in dict.fromkeys((*gates, *hours.gates())):
        expected = (so_far.end - so_far.begin) / HOUR
        cells = columns(by_gate[gate].cells if gate in by_gate else ())
        cells = cells.where(cells.begins < microseconds(so_far.end))
        covered = float(cells.covered.sum())
        silent = max(0, round(expected) - len(cells))
        doubtful, marked = hours.doubtful(gate), dict(why[gate])
        found.append(GateCoverage(gate, expected, covered, silent, hours.otherwise(gate), doubtful, marked))
    blocks, missing = _blocks(plan, by_gate, [one.gate for one in found], now)
    return Coverage(tuple(found), blocks, missing, tuple(_days(plan, by_gate, len(found), so_far)))


def harm(
    plan: Plan,
    hours: TrialHours,
    values: Mapping[str, Values | None],
    met: Mapping[str, int | NotKnown] | None = None,
) -> tuple[Harm, ...]:
    """Tell what the limits did to the lines of each class.

    `values`: of each, over the trial. `met`: how many lines the lowest cap would meet, where that is known.
    """
    found = []
    for name, _ in plan.own:
        of_class = values.get(name)
        limited, free = hours.sessions(name, limited=True), hours.sessions(name, limited=False)
        found.append(
            Harm(
                class_name=name,
                caps=NotKnown(Because.NOT_MEASURED) if of_class is None else of_class.caps,
                delays_ms=NotKnown(Because.NOT_MEASURED) if of_class is None else of_class.delays_ms,
                over_cap_percent=_share(limited.over_cap, limited.tried),
                over_cap_percent_without=_share(free.over_cap, free.tried),
                held_percent=_share(limited.held, limited.tried),
                lines_that_met_the_cap=(met or {}).get(name, NotKnown(Because.NOT_MEASURED)),
                delay_seen_ms=NotKnown(Because.NOT_MEASURED),
            )
        )
    return tuple(found)


def reliefs_at_least(reliefs: int) -> int | NotKnown:
    """Round the lines with a relief down to tens, so that a later report does not give one away."""
    if is_few(Cell(reliefs, reliefs, 1), Rules()):
        return NotKnown(Because.SUPPRESSED)
    return reliefs // _TEN * _TEN


def published(
    plan: Plan, hours: TrialHours, behind: Mapping[Of, Behind], before: Ledger, now: datetime
) -> tuple[Published, Ledger]:
    """Return the counts of whole weeks that may be seen, and the ledger that remembers them.

    `before`: what was published of these times, which stays as it was. A cell whose lines or whose largest
    line nobody knows is suppressed.
    """
    classes = tuple(name for name, _ in plan.own)
    weeks = whole_weeks(plan, now)
    if not before.shapes and (why_not := _why_none(behind.values())) is not None:
        size = (len(classes) + 1) * (len(_OUTCOMES) + 1) * len(weeks)
        return Published((), size, 0, why_not), before
    counts = _by_week(plan, hours, weeks)
    shape = (
        Dimension("class", classes, apart=True),
        Dimension("outcome", tuple(map(str, _OUTCOMES))),
    )
    ledger, cells, refused, differing = before, [], 0, 0
    for week in weeks:
        wanted: dict[tuple[str, ...], Cell] = {
            (name, str(one)): _cell(behind.get(Of(week.begin, name, one)), counts[week, name, one])
            for name in classes
            for one in _OUTCOMES
        }
        table = Table(STATISTIC, week, shape, wanted)
        try:
            shown, ledger, differs = release(table, ledger, Rules(), ZoneInfo(plan.zone))
        except NotPublishableError:
            refused += 1
            continue
        differing += differs
        cells += [Shown(week.begin, name, one, count) for (name, one), count in shown.cells.items()]
    suppressed = sum(one.count is None for one in cells)
    return Published(tuple(cells), suppressed, refused, differing=differing), ledger


def _why_none(behind: Collection[Behind]) -> Because | None:
    """Tell why no cell can be shown, where that is so of all."""
    if all(one.lines is None for one in behind):
        return Because.LINES_NOT_KNOWN
    return Because.LARGEST_NOT_KNOWN if all(one.largest is None for one in behind) else None


def _cell(behind: Behind | None, count: int) -> Cell:
    if behind is None or behind.lines is None or behind.largest is None:
        return Cell(min(1, count), count, count)  # as if one line had it all
    return Cell(behind.lines, count, behind.largest)


def _first_class(plan: Plan, hours: TrialHours) -> dict[str, Series]:
    """Return the series by gate of one class: gates are read with all of their classes at once."""
    return {one.gate: one for one in hours.series(plan.own[0][0], Outcome.ATTEMPTS)}


def _blocks(
    plan: Plan, by_gate: Mapping[str, Series], gates: Sequence[str], now: datetime
) -> tuple[int, int]:
    """Count the blocks that are compared and over, and those of them that some gate has too little of."""
    first = plan.own[0][0]
    blocks = [
        block
        for block in schedule(plan)
        if block.pair is not None and block.class_name == first and block.end <= now
    ]
    spans = [(microseconds(block.washout_end or block.begin), microseconds(block.end)) for block in blocks]
    firsts, ends = np.array(spans, dtype=np.int64).reshape(-1, 2).T
    missing = np.zeros(len(blocks), dtype=np.bool_)
    for gate in gates:
        cells = columns(by_gate[gate].cells if gate in by_gate else ())
        owners, places = cells.within(firsts, ends - _HOUR_US)
        covered = np.bincount(owners, cells.covered[places], len(blocks))
        missing |= covered < LEAST_COVERED * ((ends - firsts) / _HOUR_US)
    return len(blocks), int(missing.sum())


def _days(plan: Plan, by_gate: Mapping[str, Series], gates: int, span: Span) -> Iterator[tuple[date, float]]:
    zone = ZoneInfo(plan.zone)
    covered: defaultdict[int, float] = defaultdict(float)
    for series in by_gate.values():
        cells = columns(series.cells)
        for moment, share in zip(cells.begins.tolist(), cells.covered.tolist(), strict=True):
            covered[moment] += share
    days: dict[date, list[float]] = {}
    begin = span.begin
    while begin < span.end:
        share = covered[microseconds(begin)] / max(1, gates)
        days.setdefault(begin.astimezone(zone).date(), []).append(share)
        begin += HOUR
    for day, found in days.items():
        yield day, sum(found) / len(found)


def _share(part: int, whole: int) -> float | NotKnown:
    if whole < LEAST_SESSIONS:
        return NotKnown(Because.TOO_FEW_SESSIONS, None, LEAST_SESSIONS)
    return round(100 * part / whole, 1)


def whole_weeks(plan: Plan, now: datetime) -> list[Window]:
    """Return the weeks that lie in the trial and are over."""
    zone = ZoneInfo(plan.zone)
    week, weeks = window_at(Size.WEEK, plan.span.begin, zone), []
    while week.end <= min(plan.span.end, now):
        if week.begin >= plan.span.begin:
            weeks.append(week)
        week = window_at(Size.WEEK, week.end, zone)
    return weeks


def _by_week(plan: Plan, hours: TrialHours, weeks: Sequence[Window]) -> Counter[tuple[Window, str, Outcome]]:
    counts: Counter[tuple[Window, str, Outcome]] = Counter()
    for name, _ in plan.own:
        for outcome in _OUTCOMES:
            for series in hours.series(name, outcome):
                for cell in series.cells:
                    place = bisect_right(weeks, cell.begin, key=attrgetter("begin")) - 1
                    if place >= 0 and cell.begin < weeks[place].end:
                        counts[weeks[place], name, outcome] += cell.count
    return counts
