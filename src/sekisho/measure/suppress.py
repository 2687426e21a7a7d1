"""Which cells are suppressed: those of few lines, and as many beside them as keep them secret.

After each further suppression less is known, so that every interval only grows: a cell that was found wide
enough stays so, and each is looked at once.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sekisho.measure.cells import Identity, Place, Secret, Shape
from sekisho.measure.feasible import Knowledge
from sekisho.measure.hypercube import cheapest
from sekisho.measure.rules import Rules


class ExposedError(Exception):
    """A cell cannot be kept secret: what was published before gives it away."""


class Grid(NamedTuple):
    """The cells of a new table, by their places, with their values."""

    shape: Shape
    places: Mapping[Identity, Place]
    values: Mapping[Place, int]


@dataclass
class _Suppression:
    """What is suppressed so far; `open_ones`: what may still be."""

    grid: Grid
    knowledge: Knowledge
    rules: Rules
    secret: dict[Identity, Secret]
    open_ones: dict[Identity, int]

    def run(self) -> None:
        """Suppress until every secret cell is open wide enough."""
        queue = list(self.secret)
        for one in queue:
            while (needed := self._lacks(one)) is not None:
                more = self._cube(one, needed) or self._beside(one)
                if not more:
                    raise ExposedError
                for other in more:
                    del self.open_ones[other], self.knowledge.known[other]
                    self.secret[other] = Secret.ALONGSIDE
                queue += more

    def _lacks(self, one: Identity) -> float | None:
        """Return how wide a cell has to be, or None where it is."""
        least, most = self.knowledge.interval(one)
        needed: float = self.rules.fewest
        if self.secret[one] is Secret.FEW:
            needed = max(needed, self.rules.spread * most)
        return None if most - least >= needed else needed

    def _cube(self, one: Identity, needed: float) -> list[Identity]:
        """Return what of the cheapest cube around a cell of the new table is to be suppressed."""
        if (at := self.grid.places.get(one)) is None:
            return []
        hidden = {place for each, place in self.grid.places.items() if each in self.secret}
        fixed = {
            place
            for each, place in self.grid.places.items()
            if each not in self.open_ones and each not in self.secret
        }
        wanted = cheapest(at, self.grid.shape, self.grid.values, hidden, fixed, needed)
        return [each for each, place in self.grid.places.items() if place in wanted]

    def _beside(self, one: Identity) -> list[Identity]:
        """Return the smallest cell in an equation with one, or else with what is tied to it."""
        for equation in (*self.knowledge.of(one), *self.knowledge.around(one)[0]):
            if some := [each for each in equation.all if each in self.open_ones]:
                return [min(some, key=lambda each: (self.open_ones[each] == 0, self.open_ones[each]))]
        return []


def suppress(
    grid: Grid,
    secret: Mapping[Identity, Secret],
    before: Container[Identity],
    knowledge: Knowledge,
    rules: Rules,
) -> dict[Identity, Secret]:
    """Return which cells are secret when all is done, those that were among them.

    `secret`: those that are from the beginning, none of them known; `before`: what was published before and
    stays as it is. What is suppressed is taken out of `knowledge`.
    Raises ExposedError, and ContradictionError where the numbers do not add up.
    """
    open_ones = {
        one: grid.values[at] for one, at in grid.places.items() if one not in secret and one not in before
    }
    found = _Suppression(grid, knowledge, rules, dict(secret), open_ones)
    found.run()
    return found.secret
