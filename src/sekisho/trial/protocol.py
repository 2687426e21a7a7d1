"""What is settled before a trial begins: its plan, what it is judged by, and what stops it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sekisho.trial.plan import Plan


class Outcome(StrEnum):
    """What the effect of a trial is measured on."""

    ATTEMPTS = "attempts"
    ADMITTED = "admitted"
    REFUSED = "refused"
    BYTES = "bytes"
    REPORTS = "reports"
    BLOCKLIST = "blocklist"
    CPU = "cpu"
    PACKETS = "packets"
    DROPS = "drops"


OF_SESSIONS: Final = (Outcome.ATTEMPTS, Outcome.ADMITTED, Outcome.REFUSED, Outcome.BYTES)

USUAL: Final = (*OF_SESSIONS, Outcome.REPORTS)
"""What is measured where nothing is said."""

OF_EQUIPMENT: Final = frozenset((Outcome.CPU, Outcome.PACKETS, Outcome.DROPS))
"""What is measured of gates and not of classes."""


class HarmOutcome(StrEnum):
    """What may be harm when it is more while a trial limits: per cent of sessions, of one day.

    REFUSED of those that were tried; UNFINISHED of those that ended: by silence, without FIN or RST.
    """

    REFUSED = "refused"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Difference:
    """A daily share, and by how many percentage points it may be more while limited than while not."""

    of: HarmOutcome
    harmless: float


@dataclass(frozen=True, slots=True)
class Guardrails:
    """What is tolerated before the trial is suspended by itself.

    `complaints_per_day`: the rate known from before the trial; None: complaints stop nothing. `gate_errors`:
    a minute. `bypass_ms`: how long traffic may go around the gate. `delay_p99_ms`: by how much 1 in 100
    sessions may wait longer than its limit's delay. `leases_ms`: how long no lease may arrive. `difference`:
    None: none stops it.
    """

    complaints_per_day: float | None = None
    gate_errors: int = 0
    bypass_ms: int = 60_000
    delay_p99_ms: int = 1_000
    leases_ms: int = 900_000
    difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class TrialProtocol:
    """A plan with its outcomes, the primary one first, and its guardrails."""

    plan: Plan
    outcomes: tuple[Outcome, ...] = USUAL
    guardrails: Guardrails = Guardrails()
