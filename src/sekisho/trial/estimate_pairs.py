"""Blocks that were paired by lot, with what was counted in both of each pair."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta, tzinfo
from math import log
from operator import attrgetter
from typing import Final

from sekisho.trial.lots import earlier_is_on, is_weekend
from sekisho.trial.plan import Arm, Block
from sekisho.trial.series import Cell, Series

LEAST_COVERED: Final = 0.5  # of what a pair has after its wash-out, for it to count

_begin = attrgetter("begin")


@dataclass(frozen=True, slots=True)
class Matched:
    """The cells of a pair at one gate that lie equally far from the beginnings of its two blocks."""

    gate: str
    pair: int
    on: tuple[Cell, ...]
    off: tuple[Cell, ...]


def matched(blocks: Iterable[Block], series: Series) -> Iterator[Matched]:
    """Pair what a usable series has; `blocks`: of one class. Pairs with too little in common are left out."""
    sides: dict[int, dict[Arm, Block]] = defaultdict(dict)
    for block in blocks:
        if block.pair is not None:
            sides[block.pair][block.arm] = block
    for pair, both in sides.items():
        if both.keys() == {Arm.ON, Arm.OFF}:
            on, off = (_inside(both[arm], series) for arm in (Arm.ON, Arm.OFF))
            common = sorted(on.keys() & off.keys())
            one = Matched(series.gate, pair, tuple(on[at] for at in common), tuple(off[at] for at in common))
            covered = min(_covered(one.on), _covered(one.off))
            if covered > 0 and covered >= LEAST_COVERED * _steps(both[Arm.ON], series.step):
                yield one


def halves(found: Matched) -> tuple[Matched, Matched] | None:
    """Part a pair into what comes first after the wash-out and the rest; None: it has one cell."""
    middle = len(found.on) // 2
    if not middle:
        return None
    return (
        replace(found, on=found.on[:middle], off=found.off[:middle]),
        replace(found, on=found.on[middle:], off=found.off[middle:]),
    )


def difference(found: Matched) -> float:
    """Return how much more the on block has, as a natural logarithm, of (count + 1) per time covered."""
    return _level(found.on) - _level(found.off)


def neighbours(blocks: Iterable[Block], zone: tzinfo, seed: int) -> Iterator[Block]:
    """Pair the off blocks of a weekday kind and hour of the day as they follow each other.

    Nothing differs there. Which one is called on is drawn like the trial's own, with pairs numbered downward
    from -1.
    """
    strata: dict[tuple[bool, int], list[Block]] = defaultdict(list)
    for block in sorted(blocks, key=_begin):
        if block.arm is Arm.OFF and block.pair is not None:
            wall = block.begin.astimezone(zone)
            strata[is_weekend(wall.date()), wall.hour].append(block)
    pair = 0
    for found in strata.values():
        for earlier, later in zip(found[::2], found[1::2], strict=False):
            pair -= 1
            first = earlier_is_on(seed, pair)
            yield replace(earlier, pair=pair, arm=Arm.ON if first else Arm.OFF)
            yield replace(later, pair=pair, arm=Arm.OFF if first else Arm.ON)


def _level(cells: Sequence[Cell]) -> float:
    return log((sum(cell.count for cell in cells) + 1) / _covered(cells))


def _covered(cells: Sequence[Cell]) -> float:
    return sum(cell.covered for cell in cells)


def _inside(block: Block, series: Series) -> dict[timedelta, Cell]:
    """Return the cells that lie in a block after its wash-out, by their distance from its beginning."""
    first = bisect_left(series.cells, block.washout_end or block.begin, key=_begin)
    last = bisect_right(series.cells, block.end - series.step, key=_begin)
    return {cell.begin - block.begin: cell for cell in series.cells[first:last]}


def _steps(block: Block, step: timedelta) -> float:
    return (block.end - (block.washout_end or block.begin)) / step
