"""The values of questions about the trial; their JSON keys are stable (docs/api.md)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from sekisho.api.line_models import Request
from sekisho.api.models import BlockValue, GivenUpValue, LimitValue, Value
from sekisho.api.reading import Day, Moment, Said
from sekisho.config.values import fault
from sekisho.trial.blocklist import Became
from sekisho.trial.events import What
from sekisho.trial.guardrails import What as Watched
from sekisho.trial.standing import State


class ReasonRequest(Request):
    """Suspend or resume the trial, and why."""

    reason: Said


class ComplaintRequest(Request):
    """So many complaints of customers more on a day of the trial's zone, today if it is left out."""

    count: Annotated[int, Field(strict=True, ge=1, le=10_000)]
    on: Day | None = None
    reason: Said


class BlocklistNumber(Request):
    """So many addresses of a class came onto a blocklist on a day of the trial's zone, or in an hour.

    `hour`: the hour that a moment is in. Neither: yesterday.
    """

    class_name: Annotated[str, Field(strict=True, max_length=100)]
    count: Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
    on: Day | None = None
    hour: Moment | None = None

    @model_validator(mode="after")
    def _is_of_one_span(self) -> Self:
        if self.on is not None and self.hour is not None:
            raise fault("both a day and an hour are given", "give one of them")
        return self


class BlocklistRequest(Request):
    """Numbers of blocklist entries, all of which are entered or none; `reason`: needed to correct one."""

    numbers: Annotated[tuple[BlocklistNumber, ...], Field(min_length=1, max_length=10_000)]
    reason: Said | None = None


class SuspensionValue(Value):
    """Since when, by whom and why a trial is suspended.

    `known` is false where the store is away and cannot say whether it is; `durable` where the daemon has
    not written it yet.
    """

    since: datetime
    by: str
    uid: int | None
    reason: str
    known: bool
    durable: bool


class RegisteredValue(Value):
    """The version that was registered last."""

    version: int
    digest: str
    registered_at: datetime
    late: bool


class Registration(StrEnum):
    """How the plan in force and what is registered of it agree."""

    IN_FORCE = "in force"
    DIFFERS = "differs"
    NONE = "none"
    UNKNOWN = "unknown"


class TrialClassValue(Value):
    """A class of the trial: its limit now, whether an operator has set it, and the block that it is in."""

    limit: LimitValue
    set_by_operator: bool
    block: BlockValue | None


class GuardrailDayValue(Value):
    """The highest value of a day beside its bound; null where it is beyond what is measured."""

    day: date
    value: float | None
    bound: float


class GuardrailValue(Value):
    """What a guardrail sees: `value` beside `bound`, both in `unit`, or why it is `not_known`.

    `beyond`: the value is higher than what is measured, and null. `days`: the last that anything is known of.
    """

    what: Watched
    unit: str
    bound: float
    value: float | None
    beyond: bool
    not_known: str | None
    days: tuple[GuardrailDayValue, ...]


class ComplaintDayValue(Value):
    """How many complaints there were on a day."""

    day: date
    count: int


class BlocklistClassValue(Value):
    """Until when blocklist entries of a class were entered."""

    class_name: str
    until: datetime


class AlertsValue(Value):
    """Alerts that are not sent yet, since when the oldest, and why its last try failed; those given up."""

    waiting: int
    since: datetime | None
    why: str | None
    given_up: tuple[GivenUpValue, ...] = ()


class TrialGateValue(Value):
    """Whether a gate of the store does as the trial stands here, and when its daemon was heard last.

    `silent`: it is down, or the store is away from it; its kernel keeps the limits that it had, and `obeys`
    is false. `heard` is null where it never was.
    """

    name: str
    obeys: bool
    heard: datetime | None
    silent: bool


class TrialStatus(Value):
    """How the trial stands; `digest` is that of the plan in force, `store` why it is away, or `"ok"`.

    `units`: classes or gates that draw lots of their own.
    `looked_at`: when guardrails were looked at last; null while the trial does not run. `complaints`,
    `blocklist`, `alerts` and `gates` are null where the store is away.
    """

    name: str
    state: State
    begin: datetime
    end: datetime
    zone: str
    digest: str
    registration: Registration
    registered: RegisteredValue | None
    suspension: SuspensionValue | None
    units: tuple[str, ...] = ()
    classes: Mapping[str, TrialClassValue]
    next_change: datetime | None
    looked_at: datetime | None = None
    guardrails: tuple[GuardrailValue, ...] = ()
    complaints: tuple[ComplaintDayValue, ...] | None = None
    blocklist: tuple[BlocklistClassValue, ...] | None = None
    alerts: AlertsValue | None = None
    gates: tuple[TrialGateValue, ...] | None = None
    store: str


class RegisterAnswer(RegisteredValue):
    """What was registered; `supersedes` is the digest of the version before."""

    name: str
    supersedes: str | None
    text: str


class ActAnswer(Value):
    """What a suspension or resumption has come to; `not_durable` says why it is not in the store yet.

    `gates`: null where the store is away, and no other gate knows.
    """

    name: str
    state: State
    suspension: SuspensionValue | None
    gates: tuple[TrialGateValue, ...] | None
    not_durable: str | None = None


class ComplaintAnswer(Value):
    """How many complaints of the day there are by now."""

    name: str
    day: date
    count: int


class BlocklistNumberValue(Value):
    """The number of a class and a span, and what became of it."""

    class_name: str
    begin: datetime
    end: datetime
    count: int
    became: Became


class BlocklistAnswer(Value):
    """What became of the numbers, in the order in which they came."""

    name: str
    zone: str
    numbers: tuple[BlocklistNumberValue, ...]


class TrialEventValue(Value):
    """Something that happened; `uid` is null where no user did it."""

    at: datetime
    what: What
    reason: str
    by: str
    uid: int | None


class TrialLog(Value):
    """All that happened to the trial, in order."""

    name: str
    zone: str
    events: tuple[TrialEventValue, ...]
