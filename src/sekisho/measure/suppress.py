"""Which cells are suppressed: those of few lines, and as many beside them as keep them secret.

After each further suppression less is known, so that every interval only grows: a cell that was found wide
enough stays so, and each is looked at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sekisho.measure.cells import Cell, Identity, Secret
from sekisho.measure.feasible import Knowledge


@dataclass(frozen=True, slots=True)
class Rules:
    """What keeps a line from being recognised.

    `fewest`: lines behind a cell that is shown. `dominance`: what share of it one line may have at most.
    `spread`: the least share of what a secret cell can be at most that must stay open.
    """

    fewest: int = 10
    dominance: float = 0.5
    spread: float = 0.5


class ExposedError(Exception):
    """A cell cannot be kept secret: what was published before gives it away."""


def is_few(cell: Cell, rules: Rules) -> bool:
    """Tell whether lines could be recognised in a cell; also in an empty one: none of them did it."""
    dominated = cell.largest is not None and cell.largest > rules.dominance * cell.value
    return cell.lines < rules.fewest or dominated


def suppress(
    new: Mapping[Identity, int], secret: Mapping[Identity, Secret], knowledge: Knowledge, rules: Rules
) -> dict[Identity, Secret]:
    """Return which cells are secret when all is done, those before included.

    `new`: cells that may still be suppressed, those with the smallest value first; `secret`: those that are,
    in no equation of `knowledge` known. What is suppressed is taken out of `knowledge`.
    Raises ExposedError, and ContradictionError where the numbers do not add up.
    """
    found = dict(secret)
    queue = list(secret)
    open_ones = {one: value for one, value in new.items() if one not in secret}
    for one in queue:
        while not _is_wide(one, found[one], knowledge, rules):
            other = _beside(one, open_ones, knowledge)
            if other is None:
                raise ExposedError
            del open_ones[other], knowledge.known[other]
            found[other] = Secret.ALONGSIDE
            queue.append(other)
    return found


def _is_wide(one: Identity, why: Secret, knowledge: Knowledge, rules: Rules) -> bool:
    least, most = knowledge.interval(one)
    needed = rules.fewest if why is Secret.ALONGSIDE else max(rules.fewest, rules.spread * most)
    return most - least >= needed


def _beside(one: Identity, open_ones: Mapping[Identity, int], knowledge: Knowledge) -> Identity | None:
    """Choose the next to suppress: near the one, in the equation with the fewest unknown, and small."""
    near = knowledge.of(one)
    tied, _ = knowledge.around(one)
    for equations in (sorted(near, key=lambda each: _unknown(each.all, knowledge)), tied):
        for equation in equations:
            some = [each for each in equation.all if each in open_ones]
            if some:
                return min(some, key=lambda each: (open_ones[each] == 0, open_ones[each]))
    return None


def _unknown(cells: tuple[Identity, ...], knowledge: Knowledge) -> int:
    return sum(one not in knowledge.known for one in cells)
