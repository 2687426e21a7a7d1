"""How much of a trial was read, from its hours."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from sekisho.measure.readings import Mark
from sekisho.measure.trial_hours import HOUR, TrialHours
from sekisho.trial.estimate_pairs import LEAST_COVERED
from sekisho.trial.plan import Plan, Span, Units, schedule
from sekisho.trial.protocol import Outcome
from sekisho.trial.report_values import Coverage, GateCoverage
from sekisho.trial.series import Series, columns, microseconds

_HOUR_US: Final = 3_600_000_000


def so_far(plan: Plan, now: datetime) -> Span:
    """Return what of a trial is over."""
    return Span(plan.span.begin, max(plan.span.begin, min(plan.span.end, now)))


def coverage(
    plan: Plan, hours: TrialHours, gates: Sequence[str], marks: Iterable[Mark], now: datetime
) -> Coverage:
    """Tell how much of a trial so far was read; `gates`: all there should be."""
    past = so_far(plan, now)
    by_gate = _first_class(plan, hours)
    why: dict[str, Counter[str]] = defaultdict(Counter)
    for mark in marks:
        why[mark.gate][mark.why.name.lower()] += 1
    found = []
    for gate in dict.fromkeys((*gates, *hours.gates())):
        expected = (past.end - past.begin) / HOUR
        cells = columns(by_gate[gate].cells if gate in by_gate else ())
        cells = cells.where(cells.begins < microseconds(past.end))
        covered = float(cells.covered.sum())
        silent = max(0, round(expected) - hours.read(gate, past.end))
        doubtful, marked = hours.doubtful(gate), dict(why[gate])
        otherwise, is_planned = hours.otherwise(gate), _is_planned(plan, gate)
        found.append(
            GateCoverage(gate, expected, covered, silent, otherwise, doubtful, marked, planned=is_planned)
        )
    planned = {one.gate: by_gate.get(one.gate) for one in found if one.planned}
    blocks, missing = _blocks(plan, planned, now)
    return Coverage(tuple(found), blocks, missing, tuple(_days(plan, planned, past)))


def _is_planned(plan: Plan, gate: str) -> bool:
    """Tell whether a gate follows a lot, if there are any."""
    drawn = plan.switchback
    return drawn is None or drawn.units is not Units.GATES or gate in drawn.gates


def _first_class(plan: Plan, hours: TrialHours) -> dict[str, Series]:
    """Return the series by gate of one class: gates are read with all of their classes at once."""
    return {one.gate: one for one in hours.series(plan.own[0][0], Outcome.ATTEMPTS)}


def _blocks(plan: Plan, planned: Mapping[str, Series | None], now: datetime) -> tuple[int, int]:
    """Count the blocks that are compared and over, and those of them that some gate has too little of.

    All units have the same blocks.
    """
    first = plan.own[0][0]
    blocks = dict.fromkeys(
        (block.washout_end or block.begin, block.end)
        for block in schedule(plan)
        if block.pair is not None and block.class_name == first and block.end <= now
    )
    spans = [(microseconds(begin), microseconds(end)) for begin, end in blocks]
    firsts, ends = np.array(spans, dtype=np.int64).reshape(-1, 2).T
    missing = np.zeros(len(blocks), dtype=np.bool_)
    for series in planned.values():
        cells = columns(() if series is None else series.cells)
        owners, places = cells.within(firsts, ends - _HOUR_US)
        covered = np.bincount(owners, cells.covered[places], len(blocks))
        missing |= covered < LEAST_COVERED * ((ends - firsts) / _HOUR_US)
    return len(blocks), int(missing.sum())


def _days(plan: Plan, planned: Mapping[str, Series | None], span: Span) -> Iterator[tuple[date, float]]:
    zone = ZoneInfo(plan.zone)
    covered: defaultdict[int, float] = defaultdict(float)
    for series in planned.values():
        cells = columns(() if series is None else series.cells)
        for moment, share in zip(cells.begins.tolist(), cells.covered.tolist(), strict=True):
            covered[moment] += share
    days: dict[date, list[float]] = {}
    begin = span.begin
    while begin < span.end:
        share = covered[microseconds(begin)] / max(1, len(planned))
        days.setdefault(begin.astimezone(zone).date(), []).append(share)
        begin += HOUR
    for day, found in days.items():
        yield day, sum(found) / len(found)
