"""The values of questions about lines; their JSON keys are stable (docs/api.md).

These answers name lines: each is recorded before it is given, and nobody may keep it in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sekisho.api.models import GivenBy, LimitValue, Value
from sekisho.api.reading import AddressField, LineName, Moment, Port, Said, Until
from sekisho.lines.purposes import Purpose


class Action(StrEnum):
    """What is recorded in the audit log when it is done or refused."""

    HOLDER = "line holder"
    SHOW = "line show"
    RELIEF = "line relief"
    RELIEF_END = "line relief end"
    IMPORT = "line import"
    AUDIT_LOG = "audit log"
    TRIAL_REGISTER = "trial register"
    TRIAL_SUSPEND = "trial suspend"
    TRIAL_RESUME = "trial resume"
    TRIAL_COMPLAINT = "trial complaint"
    TRIAL_BLOCKLIST = "trial blocklist"
    DESK_INGEST = "desk ingest"
    DESK_CASES = "desk cases"
    DESK_CASE = "desk case"
    DESK_APPROVE = "desk approve"
    DESK_SUSPEND = "desk suspend"
    DESK_CONFIRM = "desk confirm"
    DESK_HOLD = "desk hold"
    DESK_RELEASE = "desk release"
    DESK_RESTORE = "desk restore"
    DESK_DISMISS = "desk dismiss"
    DESK_TOLD = "desk told"
    DESK_RETRY = "desk retry"
    DESK_REPORT = "desk report"
    DESK_ORIGINAL = "desk original"
    DESK_ATTRIBUTE = "desk attribute"
    DESK_SEEN = "desk seen"
    DESK_FORGET = "desk forget reporter"
    DESK_EXPORT = "desk export"


class Request(BaseModel):
    """What somebody asks: frozen, and without a key that is not known here."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Question(Request):
    """A question about one line: why it is asked, and for what (a case, a ticket, an order)."""

    purpose: Purpose
    reference: Said | None = None


class HolderQuestion(Question):
    """Who held an address, or its port where lines share it, at a moment."""

    address: AddressField
    port: Port | None = None
    at: Moment


class LineQuestion(Question):
    """What is known of a line; `since`: leases that ended before are left out."""

    line: LineName
    since: Moment | None = None


class ReliefRequest(Request):
    """Release a line from its limit until an end."""

    line: LineName
    until: Until
    reason: Said


class ReliefEndRequest(Request):
    """End a line's relief now."""

    line: LineName
    reason: Said


class KeaCall(Request):
    """One call of Kea's hook, as etc/kea-lease.sh passes it on: the event, when, and its environment."""

    event: Annotated[str, Field(max_length=64)]
    at: Moment
    variables: Annotated[Mapping[str, Annotated[str, Field(max_length=1_024)]], Field(max_length=10_000)]


class Found(StrEnum):
    """How a look-up of a holder went."""

    HELD = "held"
    AMBIGUOUS = "ambiguous"
    NOBODY = "nobody"
    PORT_NEEDED = "port-needed"  # lines share the address
    NOT_KEPT = "not-kept"  # what was then has been deleted


class CandidateValue(Value):
    """A line that held the address then, or may have; `ending` says why its lease ended."""

    line: str
    begin: datetime
    end: datetime | None
    ending: str | None


class HolderAnswer(Value):
    """Who held an address: `line` is null unless `answer` is held.

    `skew_seconds`: clocks may differ by so much, and where that decides, the answer is ambiguous.
    """

    address: str
    port: int | None
    at: datetime
    answer: Found
    line: str | None
    candidates: tuple[CandidateValue, ...]
    skew_seconds: float


class HeldValue(Value):
    """An address or a prefix; `ports` are a line's ranges of it as in "1024-2031", null: all."""

    address: str
    ports: tuple[str, ...] | None = None


class LeaseValue(HeldValue):
    """A span in which a line held an address; `end` and `ending` are null while it goes on."""

    begin: datetime
    end: datetime | None
    ending: str | None


class ReliefValue(Value):
    """A line's release from its limit: until when, why, since when and by whom."""

    until: datetime
    reason: str
    since: datetime
    by: str


class RestrictionValue(Value):
    """What a case at the desk has done to a line: which case, since when, until when."""

    case: int
    kind: str
    since: datetime
    until: datetime


class LineAnswer(Value):
    """What is known of a line.

    Class and limit, and where each is from, are null where the line holds no address and no list names it.
    `class_limit_given_by`: what gives its class the limit that it has now. `met_cap_at`: when a session of it
    was last refused for its cap; null: not in the last day, as far as the gate remembers.
    """

    line: str
    fixed: bool
    class_name: str | None = None
    class_from: Literal["list", "pool"] | None = None
    limit: LimitValue | None = None
    limit_from: Literal["class", "relief", "case"] | None = None
    class_limit_given_by: GivenBy | None = None
    met_cap_at: datetime | None = None
    measures: tuple[RestrictionValue, ...] = ()
    relief: ReliefValue | None
    holds: tuple[HeldValue, ...]
    leases_since: datetime
    leases: tuple[LeaseValue, ...]


class ReliefAnswer(Value):
    """The relief that a line has now; null: none."""

    line: str
    relief: ReliefValue | None


class AtDeskValue(Value):
    """A line about which something is open at the desk, and which may be another customer's by a new list.

    `gone`: it is another's, or nobody's; else that is in doubt, and `why`. `case`, `state`, `measures`: of
    its open case, if it has one. `letters`: how many wait to be sent; they are not, where its contact goes.
    """

    line: str
    gone: bool
    why: str
    case: int | None
    state: str | None
    measures: tuple[str, ...]
    relief_until: datetime | None
    letters: int


class ImportAnswer(Value):
    """What a list changes, or would where `dry_run`.

    `lines` it names; `lines_set` are new or have another class; `lines_dropped` are no longer on it.
    `at_desk`: those about which something is open at the desk, and which may be another customer's by it.
    """

    dry_run: bool
    lines: int
    lines_set: int
    lines_dropped: int
    leases_begun: int
    leases_ended: int
    at_desk: tuple[AtDeskValue, ...] = ()
    warnings: tuple[str, ...] = ()


class EventsAnswer(Value):
    """What is durable of the calls: how many events of lines came of them, and how many were of no use."""

    taken: int
    unparsable: int


class LinesStatus(Value):
    """How the office's knowledge of lines stands; sums only.

    `store`: "ok", or why not, and then the numbers are null. `gate_is_whole`: the gate has all of it.
    `counts`: of events, by who counted and how they went.
    """

    store: str
    lines: int | None = None
    addresses_held: int | None = None
    reliefs: int | None = None
    gate_is_whole: bool
    counts: Mapping[str, Mapping[str, int]]


class AuditRecordValue(Value):
    """A record of the audit log; `hash` (hexadecimal) covers it and the hash before."""

    number: int
    at: datetime
    uid: int
    user: str
    action: str
    subject: str
    purpose: str
    reference: str
    outcome: str
    hash: str


class AuditLog(Value):
    """Records of the audit log, the oldest first; `more`: there are others after the last."""

    records: tuple[AuditRecordValue, ...]
    more: bool


class AuditVerification(Value):
    """How the chain of the audit log stands.

    `first_broken`: the number of the first record that does not fit; `head`: the hash of the last that does.
    `head_found`: whether a record has the hash that was asked for; null: none was. `forgotten`: up to which
    number records were forgotten, since they were old, and when last.
    """

    sound: bool
    records: int
    first_broken: int | None
    head: str | None
    head_found: bool | None
    forgotten: int = 0
    forgotten_at: datetime | None = None
