"""What was counted, cell by cell, and what of it can be used.

A year of many gates is millions of cells, so they are computed with as columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, overload

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Whole = NDArray[np.int64]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_US: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Cell:
    """What was counted for the length of a series' step from `begin`.

    `covered`: the share of it, above 0 to 1, in which somebody counted; a cell without is left out.
    """

    begin: datetime
    count: int
    covered: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Columns(Sequence[Cell]):
    """Cells as columns: `begins` in microseconds since 1970 (UTC); counts are exact up to 2**53."""

    begins: Whole
    counts: Reals
    covered: Reals

    def __len__(self) -> int:
        """Return how many cells there are."""
        return len(self.begins)

    @overload
    def __getitem__(self, place: int) -> Cell: ...
    @overload
    def __getitem__(self, place: slice) -> Columns: ...
    def __getitem__(self, place: int | slice) -> Cell | Columns:
        """Return one cell, or those of a slice."""
        if isinstance(place, slice):
            return self.where(place)
        begin = _EPOCH + int(self.begins[place]) * _US
        return Cell(begin, int(self.counts[place]), float(self.covered[place]))

    def __eq__(self, other: object) -> bool:
        """Compare with cells however they are kept."""
        return isinstance(other, Sequence) and list(self) == list(other)

    def __hash__(self) -> int:
        """Agree with the comparison."""
        return hash(tuple(self))

    def where(self, chosen: slice | NDArray[np.bool_] | NDArray[np.intp]) -> Columns:
        """Return the cells that are chosen."""
        return Columns(self.begins[chosen], self.counts[chosen], self.covered[chosen])

    def within(self, firsts: Whole, lasts: Whole) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the numbers of spans and of cells in order that begin in them, one beside the other.

        Spans: from `firsts` to `lasts`, both included, in microseconds.
        """
        low = np.searchsorted(self.begins, firsts, "left")
        sizes = np.maximum(np.searchsorted(self.begins, lasts, "right") - low, 0)
        owners = np.repeat(np.arange(len(sizes)), sizes)
        return owners, np.arange(len(owners)) + np.repeat(low - (np.cumsum(sizes) - sizes), sizes)


@dataclass(frozen=True, slots=True)
class Series:
    """What one gate counted of one thing, for one class; cells are as long as `step`, mostly an hour."""

    gate: str
    step: timedelta
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with a series: cells missing between others, overlapping (the clock jumped), invalid."""

    missing: int = 0
    overlapping: int = 0
    invalid: int = 0


def microseconds(moment: datetime) -> int:
    """Return an aware moment as microseconds since 1970."""
    return (moment - _EPOCH) // _US


def columns(cells: Sequence[Cell]) -> Columns:
    """Return cells as columns."""
    if isinstance(cells, Columns):
        return cells
    return Columns(
        np.array([microseconds(cell.begin) for cell in cells], dtype=np.int64),
        np.array([cell.count for cell in cells], dtype=np.float64),
        np.array([cell.covered for cell in cells], dtype=np.float64),
    )


def usable(series: Series) -> tuple[Series, Faults]:
    """Return a series in order, without cells that overlap or are invalid, and how many there were."""
    given = columns(series.cells)
    valid = given.where((given.counts >= 0) & (given.covered > 0) & (given.covered <= 1))
    valid = valid.where(np.argsort(valid.begins, kind="stable"))
    step = series.step // _US
    near = np.diff(valid.begins) < step
    clashing = np.zeros(len(valid), dtype=np.bool_)
    clashing[1:] |= near
    clashing[:-1] |= near
    kept = valid.where(~clashing)
    missing = np.maximum(np.rint(np.diff(kept.begins) / step) - 1, 0).sum()
    faults = Faults(int(missing), int(clashing.sum()), len(given) - len(valid))
    return replace(series, cells=kept), faults


def summed(series: Sequence[Series]) -> Series:
    """Add up usable series of one step where all have a cell, so that one without is no change."""
    parts = [columns(one.cells) for one in series]
    begins, places, found = np.unique(
        np.concatenate([one.begins for one in parts]), return_inverse=True, return_counts=True
    )
    counts = np.bincount(places, np.concatenate([one.counts for one in parts]), len(begins))
    shares = np.concatenate([one.covered for one in parts]) / len(parts)
    covered = np.minimum(np.bincount(places, shares, len(begins)), 1.0)
    cells = Columns(begins, counts.astype(np.float64), covered.astype(np.float64)).where(found == len(parts))
    return Series("+".join(one.gate for one in series), series[0].step, cells)
