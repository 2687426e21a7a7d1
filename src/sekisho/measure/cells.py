"""Tables of numbers that somebody wants to publish: values.

A table has the cells of one to three dimensions, and all their totals. A cell is told from others, in
whatever table, by its statistic, its window, and the dimensions that it does not total: its `Identity`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import product
from typing import Final, NamedTuple

from sekisho.measure.windows import Window

FEWEST_LINES: Final = 10
"""Of fewer lines nothing is shown."""

Place = tuple[str | None, ...]
"""A value of each dimension; None: the total of all."""


class Identity(NamedTuple):
    """What tells a cell from all others."""

    statistic: str
    window: Window
    values: frozenset[tuple[str, str]]  # dimension and its value


class Cell(NamedTuple):
    """What is counted, of how many lines, and how much of it the line with the most, where that is known."""

    lines: int
    value: int
    largest: int | None = None


_EMPTY = Cell(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Dimension:
    """What cells are told apart by. `apart`: no line is in the cells of two values."""

    name: str
    values: tuple[str, ...]
    apart: bool = False


Shape = tuple[Dimension, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """What is to be published: sums, so that cells add up to their totals.

    `cells`: by a value of each dimension; one that is not there is empty. What is taken apart, as attempts
    into admitted and refused, has to be a dimension of one statistic, and never several statistics.
    """

    statistic: str
    window: Window
    shape: Shape
    cells: Mapping[tuple[str, ...], Cell]


class Published(NamedTuple):
    """What was published: all cells and totals of a shape."""

    statistic: str
    window: Window
    shape: Shape


class Secret(IntEnum):
    """Why a cell is suppressed. Nobody may be told which of the two it is."""

    FEW = 1  # few lines are behind it, or one dominates it
    ALONGSIDE = 2  # it would give another away


@dataclass(frozen=True, slots=True)
class Ledger:
    """All that was published: what was shown of each cell, or that it was not. Only the office sees it."""

    cells: Mapping[Identity, int | Secret] = field(default_factory=dict)
    shapes: frozenset[Published] = frozenset()


def places(shape: Shape) -> Iterator[Place]:
    """Yield the places of a shape, totals last."""
    yield from product(*((*one.values, None) for one in shape))


def identity(statistic: str, window: Window, shape: Shape, place: Place) -> Identity:
    """Return what tells the cell at a place from all others."""
    values = ((one.name, value) for one, value in zip(shape, place, strict=True) if value is not None)
    return Identity(statistic, window, frozenset(values))


def with_totals(table: Table) -> dict[Place, Cell]:
    """Return all cells and totals of a table.

    Where lines may be in several cells a total counts no more of them than are there for certain, and the
    largest may be one line in all of them.
    """
    cells: dict[Place, Cell] = {
        place: table.cells.get(place, _EMPTY) for place in product(*(one.values for one in table.shape))
    }
    # What keeps lines apart comes last: so the totals count as many lines as can be certain.
    for number in sorted(range(len(table.shape)), key=lambda number: table.shape[number].apart):
        dimension = table.shape[number]
        rest: dict[Place, list[Cell]] = {}
        for place, cell in cells.items():
            rest.setdefault((*place[:number], None, *place[number + 1 :]), []).append(cell)
        cells |= {place: _total(some, apart=dimension.apart) for place, some in rest.items()}
    return cells


def _total(cells: list[Cell], *, apart: bool) -> Cell:
    lines = [cell.lines for cell in cells]
    largest = [cell.largest for cell in cells if cell.largest is not None]
    known = len(largest) == len(cells)
    return Cell(
        sum(lines) if apart else max(lines),
        sum(cell.value for cell in cells),
        (max(largest) if apart else sum(largest)) if known else None,
    )
