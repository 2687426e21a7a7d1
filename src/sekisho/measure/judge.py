"""Which tables can be judged at all, and what ties them to those before.

The intervals of `feasible` are all that a reader can find only where every equation between published cells
is written down. So windows are of one grid; a day is published before none of its hours or after all of them,
and a week alike; and the tables of one statistic may not go round in a circle (a × b, b × c, c × a), for then
more follows from them than from their common totals.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from sekisho.measure.bins import BINS
from sekisho.measure.cells import Cell, Dimension, Ledger, Published, Shape, Table, identity, places
from sekisho.measure.feasible import Equation
from sekisho.measure.windows import Window, parts, window_at

MOST_DIMENSIONS: Final = 3
MOST_VALUE: Final = 2**50  # below it floating point knows every whole number, and sums of some thousand


class NotPublishableError(Exception):
    """A table that cannot be published: says why, and the way out."""


def check_table(table: Table, zone: ZoneInfo) -> None:
    """Refuse a table that is not of the grid, the bins, or its own shape. Raises NotPublishableError."""
    _check_window(table.window, zone)
    _check_shape(table.shape)
    for at, cell in table.cells.items():
        if len(at) != len(table.shape) or any(
            value not in one.values for value, one in zip(at, table.shape, strict=True)
        ):
            raise NotPublishableError(
                f"there is no cell {at!r} in the table: name its values in the dimensions"
            )
        _check_cell(at, cell)


def related_to(new: Published, ledger: Ledger, zone: ZoneInfo) -> set[Published]:
    """Return what was published before that a table could be compared with. Raises NotPublishableError."""
    window = new.window
    of_statistic = [one for one in ledger.shapes if one.statistic == new.statistic]
    related = set()
    for one in of_statistic:
        if one.window.end <= window.begin or window.end <= one.window.begin:
            continue
        if not (window.begin <= one.window.begin and one.window.end <= window.end):
            raise NotPublishableError(
                f"{told(one)}, which overlaps, was published before:"
                " publish windows of the same grid, smaller ones first"
            )
        related.add(one)
    _check_parts(new, related, zone)
    _check_shapes({new, *related})
    return related


class _Told(Protocol):
    @property
    def statistic(self) -> str: ...
    @property
    def window(self) -> Window: ...


def told(one: _Told) -> str:
    """Say what was published."""
    return f"{one.statistic} of the {one.window.size} from {one.window.begin:%Y-%m-%d %H:%M} UTC"


def equations_of(published: Iterable[Published], zone: ZoneInfo) -> tuple[Equation, ...]:
    """Return all totals and their parts, by dimension and by time."""
    all_of_them = set(published)
    found: dict[Equation, None] = {}
    for one in sorted(all_of_them, key=lambda one: (one.window, [each.name for each in one.shape])):
        smaller = [one._replace(window=part) for part in parts(one.window, zone)]
        found.update(dict.fromkeys(_totals(one)))
        if smaller and all_of_them.issuperset(smaller):
            found.update(dict.fromkeys(_in_time(one, smaller)))
    return tuple(found)


def _check_window(window: Window, zone: ZoneInfo) -> None:
    if window != window_at(window.size, window.begin, zone):
        raise NotPublishableError(
            f"from {window.begin} to {window.end} is no {window.size} of {zone.key}:"
            " publish whole hours, days or weeks"
        )


def _check_shape(shape: Shape) -> None:
    names = [one.name for one in shape]
    if not 1 <= len(set(names)) == len(names) <= MOST_DIMENSIONS:
        raise NotPublishableError(f"a table has one to {MOST_DIMENSIONS} dimensions, each once, not {names}")
    for one in shape:
        if not one.values or len(set(one.values)) != len(one.values):
            raise NotPublishableError(
                f"dimension {one.name!r} needs values, each once: it has {one.values!r}"
            )
        if one.values != BINS.get(one.name, one.values):
            raise NotPublishableError(f"dimension {one.name!r} has fixed bins: {', '.join(BINS[one.name])}")


def _check_cell(at: tuple[str, ...], cell: Cell) -> None:
    largest = cell.largest or 0
    if not (cell.lines >= 0 and 0 <= largest <= cell.value <= MOST_VALUE) or (cell.value and not cell.lines):
        raise NotPublishableError(
            f"cell {at!r} has lines and a number that cannot be: sums of at most 2**50, of at least one line"
        )


def _check_parts(new: Published, related: set[Published], zone: ZoneInfo) -> None:
    if all(one.window == new.window for one in related):
        return
    missing = {new._replace(window=part) for part in parts(new.window, zone)} - related
    if missing:
        first = min(one.window.begin for one in missing)
        raise NotPublishableError(
            f"some of the {new.window.size} was published in smaller windows, but not the one from"
            f" {first:%Y-%m-%d %H:%M} UTC in this shape: their difference would show it; publish it first"
        )


def _check_shapes(published: Iterable[Published]) -> None:
    values: dict[str, Dimension] = {}
    for one in published:
        for dimension in one.shape:
            if values.setdefault(dimension.name, dimension) != dimension:
                raise NotPublishableError(
                    f"dimension {dimension.name!r} had other values in a table of the same time:"
                    " use the same, and leave cells empty"
                )
    if _is_circle({frozenset(one.name for one in each.shape) for each in published}):
        raise NotPublishableError(
            "the tables of this statistic would go round in a circle: publish one with all their dimensions"
        )


def _is_circle(sets: set[frozenset[str]]) -> bool:
    """Tell whether sets of names have no tree that joins them (Graham, Yu and Özsoyoğlu's reduction)."""
    while True:
        names = [name for one in sets for name in one]
        shared = {frozenset(name for name in one if names.count(name) > 1) for one in sets}
        left = {one for one in shared if not any(one < other for other in shared)}
        if left == sets:
            return len(left) > 1
        sets = left


def _totals(one: Published) -> Iterator[Equation]:
    for at in places(one.shape):
        for number, dimension in enumerate(one.shape):
            if at[number] is None:
                each = ((*at[:number], value, *at[number + 1 :]) for value in dimension.values)
                yield Equation(identity(*one, at), tuple(identity(*one, part) for part in each))


def _in_time(one: Published, smaller: Iterable[Published]) -> Iterator[Equation]:
    for at in places(one.shape):
        yield Equation(identity(*one, at), tuple(identity(*part, at) for part in smaller))
