"""The values of the desk's interface; their JSON keys are stable (docs/desk.md)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from sekisho.api.line_models import HolderAnswer, Question, Request
from sekisho.api.models import GivenUpValue, Value
from sekisho.api.reading import AddressField, Before, LineName, Moment, Port, Said, Until
from sekisho.config.values import fault
from sekisho.desk.case_values import Kind
from sekisho.lines.purposes import Purpose

CaseNumber = Annotated[int, Field(ge=1, lt=1 << 31)]


class OfValue(Value):
    """A value that is read from what has the same names."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class DecisionRequest(Request):
    """What a person decides about a case; `kind`, `until`: of a suspension or a hold's limit.

    `version`: of the case that the person has seen; where it was changed since, nothing is done.
    """

    reason: Said
    kind: Kind | None = None
    until: Until | None = None
    version: Annotated[int, Field(ge=0)] | None = None


class ExportRequest(Request):
    """Ask for the bundle of a case: for what, and why."""

    purpose: Purpose
    reason: Said


class ReasonRequest(Request):
    """Say why something is done that needs no more than that."""

    reason: Said


class SeenRequest(Request):
    """Take reports out of people's queue: those of some numbers, or all that came before a moment."""

    reason: Said
    reports: Annotated[tuple[CaseNumber, ...], Field(min_length=1, max_length=50)] | None = None
    before: Before | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.reports is None) == (self.before is None):
            raise fault("it is not said which", "name reports, or a moment before which they came")
        return self


class SeenAnswer(Value):
    """How many reports were taken out of people's queue."""

    seen: int


class AttributeRequest(Request):
    """Say that a report is about a line, and why; `place`: which of its incidents, where several wait.

    `address`, `port`, `at`: what a person has read in it, where it names nothing that a program can read.
    """

    line: LineName
    reason: Said
    place: Annotated[int, Field(strict=True, ge=0, lt=1_000)] | None = None
    address: AddressField | None = None
    port: Port | None = None
    at: Moment | None = None


class TakenAnswer(Value):
    """A report was taken; `is_new`: it was not here before."""

    report: int
    is_new: bool


class IncidentValue(OfValue):
    """What came of an incident, the `place`-th of its report; `case`: which it counts for, if any."""

    place: int
    found: str
    because: str | None
    weight: str | None
    incidents: int
    moment: datetime | None
    case: int | None


class ReportAnswer(Value):
    """What became of a report: `state` is unread, read, or queued: people have to look at it, and why.

    `vouched`: the party that it is from, as whoever handed it over says.
    """

    report: int
    received: datetime
    state: str
    format: str | None
    party: str | None
    vouched: str | None
    why: str | None
    incidents: tuple[IncidentValue, ...] = ()


class TimeValue(OfValue):
    """A time as somebody wrote it; `at`: null where it cannot be told for certain."""

    source: str
    at: datetime | None
    written: str


class IncidentLook(Value):
    """What a report says of an incident, and who held, then, each address of ours that it names.

    `addresses`: those; what stands below a stranger's server may be made up.
    """

    place: int
    addresses: tuple[str, ...]
    times: tuple[TimeValue, ...]
    holders: tuple[HolderAnswer, ...]


class ReportLook(Value):
    """A report as it is read now; `refused`: why it is not understood, and then there is no more of it.

    `reporter`: the domain that it says it is from; `authenticated`: that of which our mail server says so.
    `incidents_more`: how many are left out.
    """

    report: ReportAnswer
    refused: str | None = None
    feedback: str | None = None
    trust: str | None = None
    reporter: str | None = None
    authenticated: str | None = None
    incidents: tuple[IncidentLook, ...] = ()
    incidents_more: int = 0


class QueueAnswer(Value):
    """Reports that people have to look at, the oldest first; `more`: there are others after these.

    `unopened`: how many stay unread since no key opens them; those of them that are among `reports` tell why.
    """

    reports: tuple[ReportAnswer, ...]
    more: bool
    unopened: int


class EvidenceValue(OfValue):
    """What was known: how many parties and incidents, of which time."""

    parties: int
    incidents: int
    first: datetime | None
    last: datetime | None


class MeasureValue(OfValue):
    """What is done to a line."""

    kind: str
    since: datetime
    until: datetime
    by: str
    reason: str
    evidence: EvidenceValue


class ApprovalValue(OfValue):
    """Who wants a suspension too, and why."""

    by: str
    reason: str


class ProposalValue(OfValue):
    """A suspension that waits for approval."""

    kind: str
    reason: str
    until: datetime | None
    approved: tuple[ApprovalValue, ...]


class RequestValue(OfValue):
    """What became of a stop request, and when: waiting, sent, told (by a person), none, given-up."""

    reached: str
    at: datetime


class CaseValue(OfValue):
    """A case, without its line: who wants to know that is recorded.

    `marks`: why people have to look at it.
    """

    number: int
    version: int
    class_name: str
    state: str
    opened: datetime
    since: datetime
    stop_requested: datetime | None
    request: RequestValue | None
    proposal: ProposalValue | None
    measures: tuple[MeasureValue, ...]
    judgement: str | None
    marks: tuple[str, ...]


class CasesAnswer(Value):
    """Cases in the order of their numbers; `more`: there are others after these.

    `claimed`: how many are left out: nothing proves whose the reports are, and nobody has decided on them.
    """

    cases: tuple[CaseValue, ...]
    more: bool
    claimed: int = 0


class LineCasesQuestion(Question):
    """Which cases a line has had."""

    line: LineName


class EventValue(OfValue):
    """Something that changed a case."""

    at: datetime
    what: str
    before: str
    after: str
    by: str
    reason: str
    evidence: EvidenceValue
    done: tuple[str, ...]


class PartValue(OfValue):
    """What became of a login of the line; `nas`: its name in the configuration, null where none has it."""

    became: str
    nas: str | None
    cause: int | None
    why: str


class ActionValue(OfValue):
    """What was asked for a case, and how far it has come.

    `cause`: RFC 5176's Error-Cause; `parts`: what became of each login of the line, of NASes alone.
    """

    key: str
    case: int
    do: str
    kind: str
    until: datetime
    by: str
    reason: str
    asked_for: datetime
    progress: str
    changed: datetime | None
    tries: int
    timeouts: int
    cause: int | None
    parts: tuple[PartValue, ...]


class ReporterValue(Value):
    """How a party that is proved stands: new, trusted or doubted, by what people found of its reports.

    `is_named`: `trusted` of [desk] names it; `too_many`: it has reported so much that nothing counts now.
    `incidents`: how many of its incidents count, as far as they are kept. `last`: when it last reported.
    """

    party: str
    standing: str
    is_named: bool
    too_many: bool
    incidents: int
    confirmed: int
    dismissed: int
    last: datetime


class ReportersAnswer(Value):
    """Parties that are proved, in the order of their names; `more`: there are others after these."""

    reporters: tuple[ReporterValue, ...]
    more: bool


class ForgetRequest(Request):
    """Forget what was found of a party's reports, and why."""

    party: Annotated[str, Field(strict=True, min_length=1, max_length=320)]
    reason: Said


class ReportedValue(OfValue):
    """How many incidents a party has reported, the first of when, and what its word counts for.

    `is_claimed`: nothing proves that they are the party's.
    """

    party: str
    moment: datetime
    incidents: int
    is_sound: bool
    is_claimed: bool


class CaseAnswer(Value):
    """A case with its line, who reported it, what happened to it, and what was asked for it.

    `reported`: since it began, or stopped by itself; of these `reported_more` are left out. `reports`: the
    numbers of those that count for it, the last 1,000.
    """

    line: str
    case: CaseValue
    reported: tuple[ReportedValue, ...]
    reported_more: int
    reports: tuple[int, ...]
    events: tuple[EventValue, ...]
    actions: tuple[ActionValue, ...]


class ActionsAnswer(Value):
    """What is asked but not seen to hold, the oldest first.

    `untold`: cases whose stop request has reached nobody yet. `waiting`: how many notices are not sent yet;
    `given_up`: those that reached nobody.
    """

    actions: tuple[ActionValue, ...]
    untold: tuple[CaseValue, ...] = ()
    waiting: int = 0
    given_up: tuple[GivenUpValue, ...] = ()
