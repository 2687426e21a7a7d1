"""The run's plan: which limit holds when, and which part of each phase is counted."""

from __future__ import annotations

from dataclasses import dataclass

from sekisho.durations import format_ms
from sekisho.model import Limit, Mode

CAP = 2
RAISED_CAP = 10
DELAY_MS = 5_000

SESSION_SECONDS = 2.0  # what a receiver takes at most, but for one session in ten

# Set-up before the phases; letters that arrive and cleaning after them.
SETUP_SECONDS = 10.0
AFTER_SECONDS = 18.0

_SETTLED = DELAY_MS / 1_000 + SESSION_SECONDS


@dataclass(frozen=True, slots=True)
class Phase:
    """A span of the run under one limit.

    The first `washout_seconds` are not counted: sessions that were open at the switch are not
    cut, and what the new limit admits arrives a delay and a session later.
    """

    name: str
    limit: Limit
    washout_seconds: float
    counted_seconds: float

    @property
    def seconds(self) -> float:
        """How long the phase lasts."""
        return self.washout_seconds + self.counted_seconds


# (name, limit, wash-out, least counted, share of the seconds to spare). An enforced phase is
# counted for whole rounds of delay and session, or the arithmetic could not be met.
_PHASES = (
    ("observe", Limit(Mode.OBSERVE, CAP, DELAY_MS), 3.0, 6.0, 0.25),
    ("enforce", Limit(Mode.ENFORCE, CAP, DELAY_MS), _SETTLED, 2 * _SETTLED, 0.5),
    ("raised", Limit(Mode.ENFORCE, RAISED_CAP, DELAY_MS), _SETTLED, _SETTLED, 0.25),
)
_LEAST = sum(washout + counted for _, _, washout, counted, _ in _PHASES)

MINIMUM_SECONDS = SETUP_SECONDS + _LEAST + AFTER_SECONDS
DEFAULT_SECONDS = 90.0


def describe(limit: Limit) -> str:
    """Name a limit in a few words."""
    if limit.mode is Mode.OBSERVE:
        return "counts only"
    return f"cap {limit.cap}, delay {format_ms(limit.delay_ms)}"


def plan(seconds: float) -> tuple[Phase, ...]:
    """Divide a run of `seconds` in all. Raises ValueError below what the figures need."""
    spare = seconds - MINIMUM_SECONDS
    if spare < 0:
        raise ValueError(
            f"{seconds:g} seconds are too few: three phases with a delay of {DELAY_MS / 1_000:g} s "
            f"need at least {MINIMUM_SECONDS:g}; use --seconds {MINIMUM_SECONDS:g} or more"
        )
    return tuple(
        Phase(name, limit, washout, counted + spare * share)
        for name, limit, washout, counted, share in _PHASES
    )
