"""How finely a report tells its figures, on the terminal, the page and in JSON alike.

A figure with all its digits is a fraction that gives away the counts that it was made of, and two reports
that are one pair of blocks apart give away that pair's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeVar

from sekisho.trial.estimate import Estimate
from sekisho.trial.estimate_observed import Step
from sekisho.trial.protocol import Outcome
from sekisho.trial.report_values import Because, NotKnown

Change = TypeVar("Change", Estimate, Step)

LEAST_SESSIONS: Final = 1_000  # for a share of them to be told
FEW_IN_A_BLOCK: Final = frozenset((Outcome.REPORTS, Outcome.BLOCKLIST))
LEAST_PAIRS_OF_FEW: Final = 17
"""An end of the interval of six pairs is one pair's change, and a block has few of these."""


def share(part: int, whole: int) -> float | NotKnown:
    """Return how many sessions are in a part of them, in per cent."""
    if whole < LEAST_SESSIONS:
        return NotKnown(Because.TOO_FEW_SESSIONS, None, LEAST_SESSIONS)
    return round(100 * part / whole, 1)


def three_digits(value: float) -> float:
    """Round a number to its first three digits."""
    return float(f"{value:.3g}")


def decimals(outcome: Outcome) -> int:
    """Return to how many decimals of a per cent a change of an outcome is told."""
    return 0 if outcome in FEW_IN_A_BLOCK else 1


def told_effect(effect: Estimate, outcome: Outcome) -> Estimate | NotKnown:
    """Round an effect, unless it has too few pairs for its outcome; a p-value is never rounded to zero."""
    if outcome in FEW_IN_A_BLOCK and effect.pairs < LEAST_PAIRS_OF_FEW:
        return NotKnown(Because.TOO_FEW_PAIRS, effect.pairs, LEAST_PAIRS_OF_FEW)
    return replace(told_change(effect, outcome), p=None if effect.p is None else _two_digits(effect.p))


def told_change(change: Change, outcome: Outcome) -> Change:
    """Round a change to 0.1 %, or to 1 % where a block has so few that fractions would tell them."""
    places = decimals(outcome)
    return replace(
        change,
        change_percent=round(change.change_percent, places) + 0.0,  # no minus before zero
        low_percent=round(change.low_percent, places) + 0.0,
        high_percent=round(change.high_percent, places) + 0.0,
    )


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}")
