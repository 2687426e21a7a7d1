"""Which cells keep one secret together: the corners of a cube.

Take another value in every dimension: to the cells at the corners one can add and take off the same number in
turn, and no total changes. So where all corners are suppressed the cell stays open by as much as the corners
hold. A total stands in a cube like a value that changes along with its part. (Repsilber's method; how open
the cell is in the end, the intervals say.)
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from itertools import product
from typing import NamedTuple

from sekisho.measure.cells import Place, Shape


class _Cube(NamedTuple):
    """How good it is, the best first: whether it is too narrow, how many cells it costs, and how much."""

    is_narrow: bool
    cells: int
    value: int
    corners: tuple[Place, ...]


_NO_CUBE = _Cube(True, 0, 0, ())


def cheapest(
    at: Place,
    shape: Shape,
    values: Mapping[Place, int],
    hidden: Container[Place],
    fixed: Container[Place],
    needed: float,
) -> tuple[Place, ...]:
    """Return the cells of the cheapest cube that are not suppressed yet; nothing where there is no cube.

    `fixed`: cells that cannot be suppressed; `needed`: how far the cell has to stay open.
    """
    cubes = (_cube(at, other, values, hidden, needed) for other in _others(at, shape))
    usable = (cube for cube in cubes if cube.corners and not any(each in fixed for each in cube.corners))
    return min(usable, key=lambda cube: cube[:3], default=_NO_CUBE).corners


def _others(at: Place, shape: Shape) -> Iterator[Place]:
    choices = [
        [value for value in (*one.values, None) if value != mine] for one, mine in zip(shape, at, strict=True)
    ]
    yield from product(*choices)


def _cube(
    at: Place, other: Place, values: Mapping[Place, int], hidden: Container[Place], needed: float
) -> _Cube:
    room: dict[bool, list[int]] = {True: [], False: []}
    new = []
    for turns in product((False, True), repeat=len(at)):
        corner = tuple(there if turn else here for here, there, turn in zip(at, other, turns, strict=True))
        swapped = sum(
            turn and None not in pair for turn, *pair in zip(turns, at, other, strict=True)
        )  # a total goes with its parts
        room[swapped % 2 == 0].append(values[corner])
        if corner not in hidden:
            new.append(corner)
    open_by = min(room[True]) + min(room[False]) if room[False] else needed
    return _Cube(open_by < needed, len(new), sum(values[each] for each in new), tuple(new))
