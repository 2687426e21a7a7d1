"""What a reader of published tables can work out of what they do not show.

Totals are equations: whoever knows all published numbers, and that counts are whole and not negative, knows
of each other cell an interval, found exactly by integer programming. It takes scipy: import this only where
something is published.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_matrix

from sekisho.measure.cells import Identity

_ROUNDING = 1e-6  # the solver's tolerance
_ABOVE_ALL = 1_000_000


class Equation(NamedTuple):
    """A total and its parts."""

    total: Identity
    parts: tuple[Identity, ...]

    @property
    def all(self) -> tuple[Identity, ...]:
        """All cells in it."""
        return (self.total, *self.parts)


class Interval(NamedTuple):
    """What a cell can be; `most` may stand for anything above all that is known."""

    least: int
    most: int


class ContradictionError(Exception):
    """The numbers do not add up: they cannot be of the same lines and times."""


@dataclass
class Knowledge:
    """Equations, and what of their cells is known; less and less, as cells are suppressed."""

    equations: Sequence[Equation]
    known: dict[Identity, int]
    _of: dict[Identity, list[int]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._of = defaultdict(list)
        for number, equation in enumerate(self.equations):
            for one in equation.all:
                self._of[one].append(number)

    def check(self) -> None:
        """Raise ContradictionError where what is known as a whole does not add up."""
        for total, parts in self.equations:
            values = [self.known.get(part) for part in parts]
            whole = [value for value in values if value is not None]
            if total in self.known and len(whole) == len(values) and sum(whole) != self.known[total]:
                raise ContradictionError(f"{self.known[total]} is not the sum of {whole}")

    def of(self, one: Identity) -> list[Equation]:
        """Return the equations that a cell is in."""
        return [self.equations[number] for number in self._of.get(one, ())]

    def around(self, one: Identity) -> tuple[list[Equation], list[Identity]]:
        """Return the equations that unknown cells tie together with one, and these cells; it stands first."""
        found: dict[int, None] = {}
        unknown = {one: None}
        queue = [one]
        for next_one in queue:
            for number in self._of.get(next_one, ()):
                if number not in found:
                    found[number] = None
                    new = [
                        other
                        for other in self.equations[number].all
                        if other not in self.known and other not in unknown
                    ]
                    unknown.update(dict.fromkeys(new))
                    queue += new
        return [self.equations[number] for number in found], list(unknown)

    def interval(self, one: Identity) -> Interval:
        """Return what a cell that is not known can be. Raises ContradictionError."""
        system = _system(*self.around(one), self.known)
        return Interval(ceil(_least(system, 1) - _ROUNDING), floor(-_least(system, -1) + _ROUNDING))


class _System(NamedTuple):
    """The first unknown is what is asked for; none is above `most`."""

    rows: list[int]
    columns: list[int]
    signs: list[int]
    constants: list[int]
    unknown: int
    most: int


def _system(
    equations: Sequence[Equation], unknown: Sequence[Identity], known: Mapping[Identity, int]
) -> _System:
    """Write the equations as: the unknown parts less the unknown total are a constant."""
    numbers = {one: number for number, one in enumerate(unknown)}
    system = _System([], [], [], [], len(unknown), _most(equations, known))
    for row, equation in enumerate(equations):
        constant = 0
        for one, sign in ((equation.total, -1), *((part, 1) for part in equation.parts)):
            if (value := known.get(one)) is not None:
                constant -= sign * value
            else:
                system.rows.append(row)
                system.columns.append(numbers[one])
                system.signs.append(sign)
        system.constants.append(constant)
    return system


def _most(equations: Sequence[Equation], known: Mapping[Identity, int]) -> int:
    return _ABOVE_ALL + 2 * sum(known.get(one, 0) for equation in equations for one in equation.all)


def _least(system: _System, sign: int) -> float:
    """Return the least that the first unknown, or its negative, can be."""
    if not system.constants:
        return 0 if sign > 0 else -system.most
    shape = (len(system.constants), system.unknown)
    matrix: Any = csr_matrix((system.signs, (system.rows, system.columns)), shape=shape)
    wanted, upper = np.zeros(system.unknown), np.full(system.unknown, np.inf)
    wanted[0], upper[0] = sign, system.most
    constants = np.array(system.constants, dtype=float)
    found: Any = milp(
        wanted,
        integrality=np.ones(system.unknown),
        bounds=Bounds(0, upper),
        constraints=LinearConstraint(matrix, constants, constants),
    )
    if not found.success:
        raise ContradictionError(str(found.message))
    return float(found.fun)
