"""What keeps a line from being recognised in a number. Apart from `suppress`, which loads scipy."""

from __future__ import annotations

from dataclasses import dataclass

from sekisho.measure.cells import FEWEST_LINES, Cell


@dataclass(frozen=True, slots=True)
class Rules:
    """What keeps a line from being recognised.

    `fewest`: lines behind a cell that is shown. `dominance`: what share of it one line may have at most.
    `spread`: the least share of what a secret cell can be at most that must stay open.
    """

    fewest: int = FEWEST_LINES
    dominance: float = 0.5
    spread: float = 0.5


def is_few(cell: Cell, rules: Rules) -> bool:
    """Tell whether lines could be recognised in a cell; also in an empty one: none of them did it."""
    dominated = cell.largest is not None and cell.largest > rules.dominance * cell.value
    return cell.lines < rules.fewest or dominated
