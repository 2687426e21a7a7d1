"""What the desk keeps of a case, and what may happen to it: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sekisho.model import Stage

BY_ITSELF = "sekishod"
"""The author of what follows from reports and from time; no person may have this name."""


class State(StrEnum):
    """Where a case stands."""

    COLLECTING = "collecting"
    STOP_REQUESTED = "stop-request-sent"
    STOPPED = "stopped-by-itself"
    LIMITED = "individually-limited"
    PROPOSED = "suspension-proposed"
    SUSPENDED = "suspended"
    HELD = "evidence-hold"
    RESTORED = "restored"
    DISMISSED = "dismissed"
    GONE = "line-gone"
    KEPT = "evidence-kept"  # of a line that is gone


CLOSED = frozenset({State.RESTORED, State.DISMISSED, State.GONE, State.KEPT})
"""Whoever is reported after these has a new case; what was before counts no more."""

REQUESTED = frozenset({State.STOP_REQUESTED, State.LIMITED, State.PROPOSED})
"""In these the customer is to know of a stop request, and nothing is known that goes beyond it."""

STAGES: Final[Mapping[State, Stage]] = {
    State.COLLECTING: Stage.REPORTED,
    State.STOP_REQUESTED: Stage.ASKED,
    State.PROPOSED: Stage.ASKED,
}
"""How far the cases have come whose lines are counted apart, while these have no limit of their own."""


FROZEN = frozenset({State.HELD, State.KEPT})
"""What such a case has stays with it, as evidence."""


class What(StrEnum):
    """What happens to a case; of `OF_THEMSELVES` nobody is the author.

    `CORRECTION`: accounting that came late has taken reports out of it, which are another line's.
    `LETTER_SENT`, `NO_LETTER`, `LETTER_GIVEN_UP`: what became of the letter with its stop request; `TOLD`: a
    person has told the customer.
    """

    REPORT = "report"
    TIME = "time"
    CORRECTION = "correction"
    LETTER_SENT = "letter-sent"
    NO_LETTER = "no-letter"
    LETTER_GIVEN_UP = "letter-given-up"
    TOLD = "told"
    LINE_GONE = "line-gone"
    LINE_DOUBTED = "line-doubted"
    CONFIRM = "confirm"
    APPROVE = "approve"
    SUSPEND = "suspend"
    HOLD = "hold"
    RELEASE = "release"
    RESTORE = "restore"
    DISMISS = "dismiss"
    ATTRIBUTE = "attribute"


LETTERS = frozenset({What.LETTER_SENT, What.NO_LETTER, What.LETTER_GIVEN_UP})
OF_THEMSELVES = (
    frozenset({What.REPORT, What.TIME, What.CORRECTION, What.LINE_GONE, What.LINE_DOUBTED}) | LETTERS
)
"""What no person does."""

ACCUSING = frozenset({What.APPROVE, What.SUSPEND, What.HOLD, What.RELEASE})
"""Decisions after which a customer is told or a line restricted, for the reports that there are."""

STEPS = ACCUSING | {What.REPORT, What.ATTRIBUTE}
"""What may lead further: reports that wait to be asked anew do not count there."""


class Mark(StrEnum):
    """Why people have to look at a case, in words for them."""

    UNTOLD = "it goes on, and nobody was told to stop: tell the customer (`desk told`), suspend, or dismiss"
    STRANGERS = "strangers alone have reported it, and many others today: approve or dismiss"
    ACCOUNTING = "accounting that came late has taken reports out of it: decide anew"
    DOUBTED = "its line may be another customer's: confirm that it is not, or restore"


class Kind(StrEnum):
    """What may be done to a line."""

    LIMIT = "individual-limit"
    PORT25 = "port-25-suspension"
    LINE = "line-suspension"


SUSPENSIONS = frozenset({Kind.PORT25, Kind.LINE})


class Notice(StrEnum):
    """What the line's customer is told."""

    STOP_REQUEST = "stop-request"
    LIMIT = "limit"
    SUSPENSION = "suspension"
    RESTORATION = "restoration"
    WITHDRAWAL = "withdrawal"


class Judgement(StrEnum):
    """What people found of the reports of a case."""

    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"


class Reached(StrEnum):
    """Whether a stop request has reached the customer."""

    WAITING = "waiting"
    SENT = "sent"
    TOLD = "told"  # by a person
    NONE = "none"  # there is nobody to write to
    GIVEN_UP = "given-up"


@dataclass(frozen=True, slots=True)
class Request:
    """What became of a stop request, and when; `version`: of the case that asked, which its letter bears."""

    version: int
    reached: Reached
    at: datetime

    @property
    def is_known(self) -> bool:
        """Tell whether the customer knows of it."""
        return self.reached in (Reached.SENT, Reached.TOLD)


@dataclass(frozen=True, slots=True)
class Counted:
    """Reports of one party that count alike, folded; `moment`: of the earliest of them (aware UTC).

    `incidents`: how many; `is_sound`: it counts for all steps, else for the stop request alone; `is_claimed`:
    nothing proves that it is the party's.
    """

    party: str
    moment: datetime
    incidents: int = 1
    is_sound: bool = True
    is_claimed: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was known when something was decided: how many parties and incidents, of which time."""

    parties: int = 0
    incidents: int = 0
    first: datetime | None = None
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens to a case.

    `by`: a person, or `BY_ITSELF`; `reason`: a person's words; `kind`, `until`: what a person chose of a
    suspension or of a hold's limit; None: as the policy says. `version`: which of the case the person has
    seen; None: that is not said. `login`: the uid under which the person has logged in, whatever user that
    person is now; None: nobody has, or as root, which many may be.
    """

    what: What
    by: str = BY_ITSELF
    reason: str = ""
    kind: Kind | None = None
    until: datetime | None = None
    version: int | None = None
    login: int | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """What is done to a line: since when, until when, by whom, why, and on which evidence."""

    kind: Kind
    since: datetime
    until: datetime
    by: str
    reason: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Approval:
    """That a person wants a suspension too: by whom, why, and under which uid that person has logged in."""

    by: str
    reason: str
    login: int | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A suspension that waits for approval; `until`: None: as the policy says; `approved`: by whom."""

    kind: Kind
    reason: str
    until: datetime | None = None
    approved: tuple[Approval, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """The reports against one line and what was done about them.

    `counted_from`: incidents before do not count; `version`: how often it was changed; `stop_requested`: when
    the desk decided to ask the customer to stop, since the case last began; `request`: what became of that,
    None: of a case from before it was kept, that is not known; `is_told`: the customer knows of a request or
    a suspension that was not taken back; `measures`: what is in force, one of a kind. `strangers_asked`: when
    the word of strangers alone had the customer asked, last. `asked_by`: who had the customer asked. `marks`:
    why people have to look at it. `counted_once`: the `counted_from` of before its line was doubted; None: it
    is not.
    """

    number: int
    line: int
    class_name: str
    state: State
    opened: datetime
    since: datetime
    counted_from: datetime
    version: int = 0
    stop_requested: datetime | None = None
    request: Request | None = None
    is_told: bool = False
    proposal: Proposal | None = None
    measures: tuple[Measure, ...] = ()
    judgement: Judgement | None = None
    strangers_asked: datetime | None = None
    asked_by: str = BY_ITSELF
    marks: tuple[Mark, ...] = ()
    counted_once: datetime | None = None

    @property
    def is_doubted(self) -> bool:
        """Tell whether the line may be another customer's than the one the case is about."""
        return Mark.DOUBTED in self.marks

    def measure(self, kind: Kind) -> Measure | None:
        """Return the measure of a kind that is in force."""
        return next((one for one in self.measures if one.kind is kind), None)


@dataclass(frozen=True, slots=True)
class Impose:
    """Do something to the line."""

    measure: Measure


@dataclass(frozen=True, slots=True)
class Lift:
    """Undo it."""

    measure: Measure
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Tell:
    """Send a notice to the line's customer; `until`: when what it tells of ends."""

    notice: Notice
    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Freeze:
    """Let nothing of the case and of its line be forgotten."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Thaw:
    """Let it be forgotten in its time again."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Judge:
    """Let it count for or against those who have reported."""

    judgement: Judgement


Change = Impose | Lift | Tell | Freeze | Thaw | Judge


@dataclass(frozen=True, slots=True)
class Decision:
    """What comes of an event: the case after it, what is to be done, and why not, where it is refused.

    `reason`: why it is done, in a person's words or, where it comes by itself, in ours.
    """

    case: Case
    changes: tuple[Change, ...] = ()
    refusal: str | None = None
    reason: str = ""
