"""The effect of a registered switchback, and the checks of it.

An answer is a number with an interval or says why there is none. What is compared is the logarithm of what
was counted in the two blocks of a pair, of which a lot put one on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import expm1, inf
from zoneinfo import ZoneInfo

import numpy as np

from sekisho.trial.estimate_flips import flip_signs
from sekisho.trial.estimate_pairs import (
    Differences,
    Matched,
    carried,
    differences,
    matched,
    neighbours,
    paired,
)
from sekisho.trial.plan import ENOUGH_PAIRS, Block, Plan, schedule
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
class Measured:
    """What a switchback says about one class and one thing that was counted; `faults`: by gate.

    `carry_over`: how much the change differs between the first part of the blocks and the rest. `placebo`:
    the same analysis where nothing was changed. Of neither the interval should leave out zero.
    """

    effect: Answer
    carry_over: Answer
    placebo: Answer
    faults: Mapping[str, Faults]


def measure(plan: Plan, class_name: str, counted: Sequence[Series], *, registered: bool) -> Measured:
    """Compare the blocks of a switchback; `counted`: the series of each gate, all of which followed one lot.

    Suspensions that were not planned count as maintenance: add them to the plan first. Raise ValueError where
    the plan has no switchback.
    """
    if (drawn := plan.switchback) is None:
        raise ValueError(f"trial {plan.name!r} has no switchback: it can only be observed")
    blocks = [block for block in schedule(plan) if block.class_name == class_name]
    sound = [usable(series) for series in counted]
    placebo = tuple(neighbours(blocks, ZoneInfo(plan.zone), drawn.seed))
    found, found_placebo = _all_matched(blocks, sound), _all_matched(placebo, sound)

    def answer(found: Sequence[Differences], among: Sequence[Block]) -> Answer:
        return _answer(found, _count_pairs(among), drawn.seed, registered=registered)

    return Measured(
        answer([differences(one) for one in found], blocks),
        answer([carried(one) for one in found], blocks),
        answer([differences(one) for one in found_placebo], placebo),
        {series.gate: faults for series, faults in sound},
    )


def _all_matched(blocks: Sequence[Block], sound: Sequence[tuple[Series, Faults]]) -> list[Matched]:
    pairs = paired(blocks)
    return [matched(pairs, series) for series, _ in sound]


def _count_pairs(blocks: Sequence[Block]) -> int:
    return len({block.pair for block in blocks} - {None})


def _answer(found: Sequence[Differences], planned: int, seed: int, *, registered: bool) -> Answer:
    """Test differences by pair: what gates had in one pair was drawn together, and is flipped together."""
    means = _means(found)
    pairs, left_out = len(means), planned - len(means)
    if pairs < ENOUGH_PAIRS:
        return TooFew(pairs, left_out)
    if not means.any():
        return Unvarying(pairs, left_out)
    flipped = flip_signs(means, seed)
    low, change, high = (percent(end) for end in (flipped.low, flipped.shift, flipped.high))
    return Estimate(pairs, left_out, change, low, high, flipped.p if registered else None, flipped.exact)


def _means(found: Sequence[Differences]) -> Reals:
    """Return the mean of each pair over gates, in the order in which pairs are met."""
    if not found:
        return np.array([])
    numbers = np.concatenate([one.pairs for one in found])
    _, firsts, places = np.unique(numbers, return_index=True, return_inverse=True)
    sums = np.bincount(places, np.concatenate([one.values for one in found]))
    means: Reals = (sums / np.bincount(places))[np.argsort(firsts)]
    return means


def percent(logarithm: float) -> float:
    """Return a difference of natural logarithms as a change in per cent."""
    try:
        return 100 * expm1(logarithm)
    except OverflowError:
        return inf
