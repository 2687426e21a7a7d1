"""Blocks that were paired by lot, with what was counted in both of each pair."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
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
class Matched:
    """The cells of gates that lie equally far from the beginnings of both blocks of a pair.

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


def together(pairs: Pairs, found: Sequence[Matched]) -> Matched:
    """Add up the gates that followed one lot; of each pair those that have enough of it.

    A gate without much thus weighs little, and what is lost at one of them is lost on both sides.
    """
    parts = [_even(one) for one in found]
    owners = np.concatenate([*(one.owners for one in parts), np.array([], dtype=np.intp)])
    on, off = _joined([one.on for one in parts]), _joined([one.off for one in parts])
    order = np.lexsort((on.begins, owners))
    enough = np.zeros(len(pairs.numbers), dtype=np.bool_)
    for one in found:
        enough |= one.enough
    return Matched(pairs.numbers, owners[order], on.where(order), off.where(order), enough)


def _even(found: Matched) -> Matched:
    """Return what has enough, each cell as if it had been covered as long as the one beside it."""
    chosen = found.enough[found.owners]
    on, off = found.on.where(chosen), found.off.where(chosen)
    covered = (on.covered + off.covered) / 2
    on, off = (Columns(one.begins, one.counts * covered / one.covered, covered) for one in (on, off))
    return Matched(found.pairs, found.owners[chosen], on, off, found.enough)


def _joined(parts: Sequence[Columns]) -> Columns:
    return Columns(
        np.concatenate([*(one.begins for one in parts), np.array([], dtype=np.int64)]),
        np.concatenate([*(one.counts for one in parts), np.array([])]),
        np.concatenate([*(one.covered for one in parts), np.array([])]),
    )


def differences(found: Matched) -> Reals:
    """Return how much more the on block of each pair has of (count + 1) by time covered: natural logarithms.

    Of the pairs that have enough in common, in their order.
    """
    values: Reals = _differences(found, slice(None))[found.enough]
    return values


def carried(found: Matched) -> Reals:
    """Return how much the difference in the first part after the wash-out is above that in the rest.

    A pair of one cell has no parts; cells of several gates at one time are of the same part.
    """
    is_next = np.ones(len(found.owners), dtype=np.bool_)  # and not of another gate at the same time
    is_next[1:] = (np.diff(found.owners) != 0) | (np.diff(found.on.begins) != 0)
    sizes = np.bincount(found.owners[is_next], minlength=len(found.pairs))
    ranks = np.cumsum(is_next) - 1 - (np.cumsum(sizes) - sizes)[found.owners]
    is_first = ranks < sizes[found.owners] // 2
    parted = found.enough & (sizes > 1)
    first, rest = _differences(found, is_first), _differences(found, ~is_first)
    values: Reals = (first - rest)[parted]
    return values


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
