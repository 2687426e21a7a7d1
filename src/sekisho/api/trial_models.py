"""The values of questions about the trial; their JSON keys are stable (docs/api.md)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from sekisho.api.line_models import Request
from sekisho.api.models import BlockValue, LimitValue, Value
from sekisho.api.reading import Said
from sekisho.trial.events import What
from sekisho.trial.standing import State


class ReasonRequest(Request):
    """Suspend or resume the trial, and why."""

    reason: Said


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


class TrialStatus(Value):
    """How the trial stands; `digest` is that of the plan in force, `store` why it is away, or `"ok"`."""

    name: str
    state: State
    begin: datetime
    end: datetime
    zone: str
    digest: str
    registration: Registration
    registered: RegisteredValue | None
    suspension: SuspensionValue | None
    classes: Mapping[str, TrialClassValue]
    next_change: datetime | None
    store: str


class RegisterAnswer(RegisteredValue):
    """What was registered; `supersedes` is the digest of the version before."""

    name: str
    supersedes: str | None
    text: str


class ActAnswer(Value):
    """What a suspension or resumption has come to; `not_durable` says why it is not in the store yet."""

    name: str
    state: State
    suspension: SuspensionValue | None
    not_durable: str | None = None


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
