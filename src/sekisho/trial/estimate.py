"""The effect of a registered switchback, and the checks of it.

An answer is a number with an interval or says why there is none. What is compared is the logarithm of what
was counted in the two blocks of a pair, of which a lot put one on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import expm1, inf
from zoneinfo import ZoneInfo

import numpy as np

from sekisho.trial.estimate_flips import flip_signs
from sekisho.trial.estimate_pairs import (
    Matched,
    carried,
    differences,
    matched,
    neighbours,
    paired,
    together,
)
from sekisho.trial.plan import ENOUGH_PAIRS, Block, Plan, Switchback, Units, pairs_among, schedule, units
from sekisho.trial.series import Faults, Reals, Series, usable


@dataclass(frozen=True, slots=True)
class Estimate:
    """A change in per cent with its 95 % interval, from so many pairs; others had too little counted.

    `p`: of no change, two-sided; None where the plan was not registered. `exact`: no draws were needed.
    """

    pairs: int
    left_out: int
    change_percent: float
    low_percent: float
    high_percent: float
    p: float | None
    exact: bool


@dataclass(frozen=True, slots=True)
class TooFew:
    """There are too few pairs for an answer."""

    pairs: int
    left_out: int
    needed: int = ENOUGH_PAIRS


@dataclass(frozen=True, slots=True)
class Unvarying:
    """Every pair counted the same on both sides, as where nothing is counted or a counter is stuck."""

    pairs: int
    left_out: int


Answer = Estimate | TooFew | Unvarying


@dataclass(frozen=True, slots=True)
class UnitPairs:
    """How many pairs of a unit were compared, and how many had too little counted."""

    unit: str
    pairs: int
    left_out: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What a switchback says about one thing that was counted; `faults`: by class and gate.

    `carry_over`: how much the change differs between the first part of the blocks and the rest. `placebo`:
    the same analysis where nothing was changed. Of neither the interval should leave out zero. `units`: those
    that drew lots of their own.
    """

    effect: Answer
    carry_over: Answer
    placebo: Answer
    faults: Mapping[tuple[str, str], Faults]
    units: tuple[UnitPairs, ...] = ()


@dataclass(frozen=True, slots=True)
class _Lots:
    """What one lot decided: blocks of a class, and the usable series of the gates that followed it."""

    unit: str | None
    blocks: Sequence[Block]
    series: Sequence[Series]

    def matched(self) -> Matched:
        pairs = paired(self.blocks)
        return together(pairs, [matched(pairs, one) for one in self.series])


def measure(
    plan: Plan,
    class_name: str,
    counted: Sequence[Series],
    *,
    registered: bool,
    until: datetime | None = None,
) -> Measured:
    """Compare the blocks of a class in a switchback; `counted`: the series of each gate.

    Suspensions that were not planned count as maintenance: add them to the plan first. Pairs that are not
    over at `until` (None: all are) are none yet. Raise ValueError where the plan has no switchback.
    """
    return _measure(plan, {class_name: counted}, registered=registered, until=until)


def measure_together(
    plan: Plan,
    counted: Mapping[str, Sequence[Series]],
    *,
    registered: bool,
    until: datetime | None = None,
) -> Measured:
    """Compare the blocks of all classes, each of which is a unit; `counted`: by class, of each gate.

    Raise ValueError as `measure` does, and where one lot decided for several classes.
    """
    if plan.switchback is not None and plan.switchback.units is not Units.CLASSES:
        raise ValueError(f"trial {plan.name!r} draws one lot for its classes: measure each for itself")
    return _measure(plan, counted, registered=registered, until=until)


def _measure(
    plan: Plan, counted: Mapping[str, Sequence[Series]], *, registered: bool, until: datetime | None
) -> Measured:
    if (drawn := plan.switchback) is None:
        raise ValueError(f"trial {plan.name!r} has no switchback: it can only be observed")
    sound = {name: [usable(one) for one in series] for name, series in counted.items()}
    usable_series = {name: [one for one, _ in found] for name, found in sound.items()}
    lots = tuple(_lots(plan, drawn, usable_series, until))
    placebos = tuple(_placebo(one, ZoneInfo(plan.zone), drawn.seed) for one in lots)
    found = [one.matched() for one in lots]
    by_lot = [differences(one) for one in found]

    def answer(of_lots: Sequence[Reals], among: Sequence[_Lots]) -> Answer:
        planned = sum(pairs_among(one.blocks) for one in among)
        return _answer(of_lots, planned, drawn.seed, registered=registered)

    return Measured(
        answer(by_lot, lots),
        answer([carried(one) for one in found], lots),
        answer([differences(one.matched()) for one in placebos], placebos),
        {(name, series.gate): faults for name, found in sound.items() for series, faults in found},
        tuple(
            UnitPairs(one.unit, len(of_lot), pairs_among(one.blocks) - len(of_lot))
            for one, of_lot in zip(lots, by_lot, strict=True)
            if one.unit is not None
        ),
    )


def _lots(
    plan: Plan, drawn: Switchback, counted: Mapping[str, Sequence[Series]], until: datetime | None
) -> Iterator[_Lots]:
    """Part blocks and series by the lot that they followed."""
    blocks = [block for block in schedule(plan) if block.pair is not None]
    for unit, limits in units(drawn).items():
        for name, _ in limits:
            if name in counted:
                of_unit = [one for one in blocks if (one.class_name, one.unit) == (name, unit)]
                yield _Lots(
                    unit,
                    of_unit if until is None else _over(of_unit, until),
                    [one for one in counted[name] if drawn.units is not Units.GATES or one.gate == unit],
                )


def _over(blocks: Sequence[Block], until: datetime) -> list[Block]:
    """Return the blocks of pairs of which both are over."""
    to_come = {one.pair for one in blocks if one.end > until}
    return [one for one in blocks if one.pair not in to_come]


def _placebo(lots: _Lots, zone: ZoneInfo, seed: int) -> _Lots:
    return replace(lots, blocks=tuple(neighbours(lots.blocks, zone, seed)))


def _answer(by_lot: Sequence[Reals], planned: int, seed: int, *, registered: bool) -> Answer:
    """Test the differences of all pairs, each of which was drawn, and is flipped, for itself."""
    found = np.concatenate([*by_lot, np.array([])])
    pairs, left_out = len(found), planned - len(found)
    if pairs < ENOUGH_PAIRS:
        return TooFew(pairs, left_out)
    if not found.any():
        return Unvarying(pairs, left_out)
    flipped = flip_signs(found, seed)
    low, change, high = (percent(end) for end in (flipped.low, flipped.shift, flipped.high))
    return Estimate(pairs, left_out, change, low, high, flipped.p if registered else None, flipped.exact)


def percent(logarithm: float) -> float:
    """Return a difference of natural logarithms as a change in per cent."""
    try:
        return 100 * expm1(logarithm)
    except OverflowError:
        return inf
