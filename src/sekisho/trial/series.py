"""What was counted, cell by cell, and what of it can be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from math import isfinite


@dataclass(frozen=True, slots=True)
class Cell:
    """What was counted for the length of a series' step from `begin`.

    `covered`: the share of it, above 0 to 1, in which somebody counted; a cell without is left out.
    """

    begin: datetime
    count: int
    covered: float = 1.0


@dataclass(frozen=True, slots=True)
class Series:
    """What one gate counted of one thing, for one class; cells are as long as `step`, mostly an hour."""

    gate: str
    step: timedelta
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with a series: cells missing between others, overlapping (the clock jumped), invalid."""

    missing: int = 0
    overlapping: int = 0
    invalid: int = 0


def usable(series: Series) -> tuple[Series, Faults]:
    """Return a series in order, without cells that overlap or are invalid, and how many there were."""
    valid = sorted((cell for cell in series.cells if _is_valid(cell)), key=lambda cell: cell.begin)
    clashing = set()
    for number, (cell, following) in enumerate(pairwise(valid)):
        if following.begin < cell.begin + series.step:
            clashing |= {number, number + 1}
    kept = tuple(cell for number, cell in enumerate(valid) if number not in clashing)
    missing = sum(
        max(0, round((following.begin - cell.begin) / series.step) - 1) for cell, following in pairwise(kept)
    )
    faults = Faults(missing, len(clashing), len(series.cells) - len(valid))
    return replace(series, cells=kept), faults


def _is_valid(cell: Cell) -> bool:
    return cell.count >= 0 and isfinite(cell.covered) and 0 < cell.covered <= 1


def summed(series: Sequence[Series]) -> Series:
    """Add up usable series of one step where all have a cell, so that one without is no change."""
    begins = Counter(cell.begin for one in series for cell in one.cells)
    counts: Counter[datetime] = Counter()
    covered: dict[datetime, float] = {}
    for one in series:
        for cell in one.cells:
            if begins[cell.begin] == len(series):
                counts[cell.begin] += cell.count
                covered[cell.begin] = covered.get(cell.begin, 0.0) + cell.covered / len(series)
    cells = tuple(Cell(begin, counts[begin], min(1.0, covered[begin])) for begin in sorted(covered))
    return Series("+".join(one.gate for one in series), series[0].step, cells)
