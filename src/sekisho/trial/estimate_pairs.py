"""Blocks that were paired by lot, with what was counted in both of each pair."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta, tzinfo
from operator import attrgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sekisho.trial.lots import earlier_is_on, is_weekend
from sekisho.trial.plan import Arm, Block
from sekisho.trial.series import Columns, Reals, Series, Whole, columns, microseconds

LEAST_COVERED: Final = 0.5  # of what a pair has after its wash-out, for it to count

_US: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Pairs:
    """The two blocks of each of some pairs, in microseconds, of which `firsts` end the wash-out.

    `begins`, `firsts`, `ends`: one row of the blocks that are on and one of those that are off.
    """

    numbers: Whole
    begins: Whole
    firsts: Whole
    ends: Whole


@dataclass(frozen=True, slots=True)
class Differences:
    """How much more the on block of each pair has of (count + 1) per time covered: natural logarithms."""

    pairs: Whole
    values: Reals


@dataclass(frozen=True, slots=True)
class Matched:
    """The cells of one gate that lie equally far from the beginnings of both blocks of a pair.

    `on`, `off`: one beside the other, by pair and time. `owners`: the place of their pair among `pairs`.
    `enough`: by place: whether what they have in common is enough.
    """

    pairs: Whole
    owners: NDArray[np.intp]
    on: Columns
    off: Columns
    enough: NDArray[np.bool_]


def paired(blocks: Iterable[Block]) -> Pairs:
    """Return the pairs of one class's blocks of which both are there, as they follow each other."""
    sides: dict[int, dict[Arm, Block]] = defaultdict(dict)
    for block in blocks:
        if block.pair is not None:
            sides[block.pair][block.arm] = block
    both = {pair: found for pair, found in sides.items() if found.keys() == {Arm.ON, Arm.OFF}}
    rows = [[found[arm] for found in both.values()] for arm in (Arm.ON, Arm.OFF)]
    return Pairs(
        np.array(list(both), dtype=np.int64),
        np.array([[microseconds(one.begin) for one in row] for row in rows], dtype=np.int64),
        np.array(
            [[microseconds(one.washout_end or one.begin) for one in row] for row in rows], dtype=np.int64
        ),
        np.array([[microseconds(one.end) for one in row] for row in rows], dtype=np.int64),
    )


def matched(pairs: Pairs, series: Series) -> Matched:
    """Pair what a usable series has."""
    cells, step = columns(series.cells), series.step // _US
    found, keys = [], []
    width = int((pairs.ends - pairs.begins).max(initial=0)) + 1  # no cell is so far from its beginning
    for begins, firsts, ends in zip(pairs.begins, pairs.firsts, pairs.ends, strict=True):
        owners, places = cells.within(firsts, ends - step)
        found.append((owners, places))
        keys.append(owners * width + cells.begins[places] - begins[owners])
    _, *common = np.intersect1d(keys[0], keys[1], assume_unique=True, return_indices=True)
    (owners, on), (_, off) = (
        (owners[at], places[at]) for (owners, places), at in zip(found, common, strict=True)
    )
    sides = cells.where(on), cells.where(off)
    size = len(pairs.numbers)
    covered = np.minimum(*(np.bincount(owners, one.covered, size) for one in sides))
    whole = (pairs.ends[0] - pairs.firsts[0]) / step
    return Matched(pairs.numbers, owners, *sides, (covered > 0) & (covered >= LEAST_COVERED * whole))


def differences(found: Matched) -> Differences:
    """Return the differences of the pairs that have enough in common."""
    return Differences(found.pairs[found.enough], _differences(found, slice(None))[found.enough])


def carried(found: Matched) -> Differences:
    """Return how much the difference in the first part after the wash-out is above that in the rest.

    A pair of one cell has no parts.
    """
    sizes = np.bincount(found.owners, minlength=len(found.pairs))
    ranks = np.arange(len(found.owners)) - (np.cumsum(sizes) - sizes)[found.owners]
    is_first = ranks < sizes[found.owners] // 2
    parted = found.enough & (sizes > 1)
    first, rest = _differences(found, is_first), _differences(found, ~is_first)
    return Differences(found.pairs[parted], (first - rest)[parted])


def neighbours(blocks: Iterable[Block], zone: tzinfo, seed: int) -> Iterator[Block]:
    """Pair the off blocks of one lot, of a weekday kind and hour of the day, as they follow each other.

    Nothing differs there. Which one is called on is drawn like the trial's own, with pairs numbered downward
    from -1.
    """
    strata: dict[tuple[bool, int], list[Block]] = defaultdict(list)
    for block in sorted(blocks, key=attrgetter("begin")):
        if block.arm is Arm.OFF and block.pair is not None:
            wall = block.begin.astimezone(zone)
            strata[is_weekend(wall.date()), wall.hour].append(block)
    pair = 0
    for found in strata.values():
        for earlier, later in zip(found[::2], found[1::2], strict=False):
            pair -= 1
            first = earlier_is_on(seed, pair, earlier.unit)
            yield replace(earlier, pair=pair, arm=Arm.ON if first else Arm.OFF)
            yield replace(later, pair=pair, arm=Arm.OFF if first else Arm.ON)


def _differences(found: Matched, chosen: slice | NDArray[np.bool_]) -> Reals:
    """Return the difference of each pair by what is chosen of its cells; a pair without has none."""
    owners, size = found.owners[chosen], len(found.pairs)
    on, off = (one.where(chosen) for one in (found.on, found.off))
    with np.errstate(divide="ignore", invalid="ignore"):
        return _levels(owners, on, size) - _levels(owners, off, size)


def _levels(owners: NDArray[np.intp], cells: Columns, size: int) -> Reals:
    levels: Reals = np.log(
        (np.bincount(owners, cells.counts, size) + 1) / np.bincount(owners, cells.covered, size)
    )
    return levels
