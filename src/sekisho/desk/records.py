"""What the desk keeps of reports, of what happened to cases, and of nothing else: frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sekisho.desk.attribute import Because, Found, Question
from sekisho.desk.case_values import Evidence, State, What
from sekisho.desk.report import Format
from sekisho.desk.trust import Weight
from sekisho.model import Address


@dataclass(frozen=True, slots=True)
class KeptReport:
    """A report as it came.

    `digest`: the SHA-256 of the original, which is kept sealed or not at all; `vouched`: the party that it
    is from, as whoever handed it over says; `refusal`: why it was not understood, for people; `is_queued`:
    people have to look at it.
    """

    received: datetime
    digest: bytes
    original: bytes | None
    format: Format | None = None
    party: str | None = None
    vouched: str | None = None
    refusal: str | None = None
    is_queued: bool = False


@dataclass(frozen=True, slots=True)
class KeptIncident:
    """What came of an incident of a report; `report`, `place`: of which one, and the how-manieth in it.

    `weight`: what it counts for, where it is attributed; `folded`: the key under which it counts once.
    """

    report: int
    place: int
    found: Found
    party: str
    because: Because | None = None
    weight: Weight | None = None
    incidents: int = 1
    moment: datetime | None = None
    line: int | None = None
    case: int | None = None
    folded: bytes | None = None


@dataclass(frozen=True, slots=True)
class Askable:
    """What it takes to ask anew to which line an incident belongs: of addresses, our own alone.

    `questions`: of one address; `under`: the addresses whose leases decide it; `same`: which
    message it is about, as `trust.sameness` makes it. `by_hand`: a person has attributed it.
    """

    questions: tuple[Question, ...]
    under: frozenset[Address]
    same: bytes
    by_hand: bool = False

    @property
    def until(self) -> datetime:
        """Return the last moment of which leases have a say in it."""
        return max(one.at + one.skew for one in self.questions)


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """Something that changed a case: from which state to which, by whom, why, on which evidence.

    `uid`: of a person on this machine; `done`: the kinds of what was done for it, in order.
    """

    case: int
    version: int
    at: datetime
    what: What
    before: State
    after: State
    by: str
    reason: str
    evidence: Evidence
    uid: int | None = None
    done: tuple[str, ...] = ()
