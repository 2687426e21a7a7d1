"""From the counts of a switchback to what its report says of the effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from sekisho.trial.estimate import Answer, Estimate, Measured, TooFew, UnitPairs, measure, measure_together
from sekisho.trial.plan import Arm, Plan, Switchback, Units, at_gate, schedule
from sekisho.trial.protocol import OF_EQUIPMENT, Outcome
from sekisho.trial.report_values import Because, Effect, Experiment, NotKnown
from sekisho.trial.series import Series, Whole, columns, microseconds
from sekisho.trial.told import told_effect
from sekisho.trial.walltime import HOUR

Counted = Callable[[str, Outcome], Sequence[Series]]
"""Each gate's series of a class and an outcome; empty: nothing was counted."""

Untold = Mapping[tuple[str, Outcome], NotKnown]
"""Why nothing is told of an outcome of a class."""


class _Asked(NamedTuple):
    """Which classes an experiment is of, and as whose it is told."""

    whose: str | None
    classes: Sequence[str]
    outcome: Outcome
    is_primary: bool


def experiments_of(
    held: Plan,
    outcomes: Sequence[Outcome],
    now: datetime,
    counted: Counted,
    untold: Untold,
    *,
    registered: bool,
) -> tuple[Experiment, ...] | NotKnown:
    """Return what each outcome says, the primary one first; `held`: the plan with its suspensions.

    `untold`: why what would have been counted is not.
    """
    if held.switchback is None:
        return NotKnown(Because.NO_SWITCHBACK)
    if now <= held.span.begin:
        return NotKnown(Because.NOT_BEGUN)
    found = []
    for one in _asked(held.switchback, outcomes):
        series = {name: counted(name, one.outcome) for name in one.classes}
        if any(series.values()):
            answers = _answers(held, series, one.outcome, now, registered=registered)
        else:
            none = uncounted(one.outcome, one.classes, untold)
            answers = none, none, none, ()
        found.append(Experiment(one.whose, one.outcome, one.is_primary, *answers))
    return tuple(found)


def _asked(drawn: Switchback, outcomes: Sequence[Outcome]) -> Iterator[_Asked]:
    """Yield what is asked of a switchback; classes that are units are one answer before they are several."""
    names = [name for name, _ in drawn.on]
    is_apart = drawn.units is Units.CLASSES and len(names) > 1
    if is_apart:
        yield from (_Asked(None, names, outcome, outcome is outcomes[0]) for outcome in outcomes)
    for name in names:
        for outcome in outcomes:
            is_primary = outcome is outcomes[0] and not is_apart
            if outcome not in OF_EQUIPMENT:
                yield _Asked(name, [name], outcome, is_primary)
            elif name == names[0]:  # one lot decides for all classes of a gate: each says the same
                yield _Asked(None, [name], outcome, is_primary)


def _answers(
    plan: Plan,
    counted: Mapping[str, Sequence[Series]],
    outcome: Outcome,
    now: datetime,
    *,
    registered: bool,
) -> tuple[Effect, Effect, Effect, tuple[UnitPairs, ...]]:
    """Return effect, carry-over and placebo of some classes, and their units."""
    plan = _as_counted(plan, counted)
    if not _any_while_off(plan, counted):
        none = NotKnown(Because.NONE_WHILE_OFF)
        return none, none, none, ()
    found = _measured(plan, counted, now, registered=registered)
    effect, carried, placebo = (
        _effect(one, outcome) for one in (found.effect, found.carry_over, found.placebo)
    )
    return effect, carried, placebo, found.units


def _as_counted(plan: Plan, counted: Mapping[str, Sequence[Series]]) -> Plan:
    """Return a plan without wash-outs where days are counted: they cannot be taken out of one."""
    if plan.switchback is None or all(one.step <= HOUR for series in counted.values() for one in series):
        return plan
    return replace(plan, switchback=replace(plan.switchback, washout=timedelta()))


def _measured(
    plan: Plan, counted: Mapping[str, Sequence[Series]], now: datetime, *, registered: bool
) -> Measured:
    if len(counted) > 1:
        return measure_together(plan, counted, registered=registered, until=now)
    ((name, series),) = counted.items()
    return measure(plan, name, series, registered=registered, until=now)


def _any_while_off(plan: Plan, counted: Mapping[str, Sequence[Series]]) -> bool:
    """Tell whether anything was counted in the off blocks that are compared, or nothing was read there.

    Refused sessions are none while nothing is refused, and a change in per cent would be of nothing.
    """
    read = []
    for class_name, of_gates in counted.items():
        for series in of_gates:
            cells = columns(series.cells)
            cells = cells.where(np.argsort(cells.begins, kind="stable"))
            firsts, lasts = _off(at_gate(plan, series.gate), class_name)
            read.append(cells.counts[cells.within(firsts, lasts)[1]])
    return any(counts.any() for counts in read) or not any(counts.size for counts in read)


@lru_cache(maxsize=4)
def _off(plan: Plan, class_name: str) -> tuple[Whole, Whole]:
    """Return when the off blocks that are compared begin after the wash-out, and their last microseconds."""
    off = [
        (microseconds(block.washout_end or block.begin), microseconds(block.end) - 1)
        for block in schedule(plan)
        if block.class_name == class_name and block.arm is Arm.OFF and block.pair is not None
    ]
    firsts, lasts = np.array(off, dtype=np.int64).reshape(-1, 2).T
    return firsts, lasts


def _effect(answer: Answer, outcome: Outcome) -> Effect:
    if isinstance(answer, Estimate):
        return told_effect(answer, outcome)
    if isinstance(answer, TooFew):
        return NotKnown(Because.TOO_FEW_PAIRS, answer.pairs, answer.needed)
    return NotKnown(Because.UNVARYING, answer.pairs)


def uncounted(outcome: Outcome, classes: Sequence[str], untold: Untold) -> NotKnown:
    """Tell why there is no series of an outcome for classes."""
    none = NotKnown(Because.NO_DESK if outcome is Outcome.REPORTS else Because.NOT_COUNTED)
    return next((untold[name, outcome] for name in classes if (name, outcome) in untold), none)
