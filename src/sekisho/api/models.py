"""The values that travel between daemon and command line; their JSON keys are stable (docs/api.md).

Counts are since the gate was attached. Nothing here names a line or a destination.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, WithJsonSchema

from sekisho.config.values import Cap, Delay
from sekisho.durations import format_ms
from sekisho.model import ClassCounters, Excess, Limit, Mode, Totals
from sekisho.plan import LimitChange
from sekisho.trial.plan import Arm
from sekisho.trial.standing import State


class Value(BaseModel):
    """A frozen value of the interface."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)  # it may name a line


class LimitValue(Value):
    """A limit: sessions of one line, and the wait of each as a duration with its unit."""

    mode: Mode
    cap: int
    delay: str
    excess: Excess

    @classmethod
    def of(cls, limit: Limit) -> LimitValue:
        """Show a limit."""
        return cls(mode=limit.mode, cap=limit.cap, delay=format_ms(limit.delay_ms), excess=limit.excess)


class LimitRequest(BaseModel):
    """What of a class's limit to change; what is left out stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode | None = None
    cap: Cap | None = None
    delay: Annotated[Delay, WithJsonSchema({"type": "string", "examples": ["1s"]})] | None = None
    excess: Excess | None = None

    def change(self) -> LimitChange:
        """Return it as the planner takes it."""
        return LimitChange(mode=self.mode, cap=self.cap, delay_ms=self.delay, excess=self.excess)


class LimitAnswer(Value):
    """The limit that the class has from the next SYN on."""

    class_name: str
    limit: LimitValue
    file: LimitValue
    warnings: tuple[str, ...] = ()


class GivenBy(StrEnum):
    """What gives a class its limit."""

    FILE = "file"
    TRIAL = "trial"
    OPERATOR = "operator"


class BlockValue(Value):
    """The block of the trial that a class is in, as `trial plan --json` has it."""

    begin: datetime
    end: datetime
    arm: Arm
    phase: int | None
    pair: int | None
    washout_end: datetime | None
    unit: str | None = None


class ClassStatus(LimitValue):
    """A class: the limit in force and what gives it, the file's, sessions now, and what was counted.

    `file` and `given_by` are None where the daemon is away, `block` where the class is in none. `held_now`
    counts what waits with this delay: classes with the same delay share the queues and show the same number;
    None without a hold.
    """

    file: LimitValue | None = None
    overridden: bool = False
    given_by: GivenBy | None = None
    block: BlockValue | None = None
    sessions: int = 0
    held_now: int | None = None
    attempted: int = 0
    admitted: int = 0
    refused: int = 0
    held: int = 0
    over_cap: int = 0


class InterfaceStatus(Value):
    """Where the gate's program is attached, the kernel's tag of it, and since when this one runs."""

    name: str
    role: str
    hook: str
    program: str
    since: datetime


class HoldStatus(Value):
    """The hold: SYNs that wait now, those released, those dropped for want of room, and how late.

    `unheld_delays`: the delays in force that are kept by retransmission, for want of a queue rule.
    """

    held: int
    released: int
    dropped: int
    late_p50_ms: float | None
    late_p99_ms: float | None
    unheld_delays: tuple[str, ...] = ()
    rules_restored: int
    queues_lost: int


class RefusedReload(Value):
    """Why the file was not taken when the daemon was last told to read it again."""

    at: datetime
    problems: tuple[str, ...]


class ConfigStatus(Value):
    """The configuration in force."""

    file: str
    digest: str
    loaded_at: datetime
    refused: RefusedReload | None = None


class GivenUpValue(Value):
    """A letter of the outbox that is tried no more: its id, since when, and why."""

    letter: str
    at: datetime
    why: str


class TrialBrief(Value):
    """Which trial there is, and whether it decides about limits."""

    name: str
    state: State


class DaemonStatus(Value):
    """The process that answers."""

    pid: int
    version: str
    started_at: datetime


class Status(Value):
    """What `gate status --json` prints; the defaults are a gate that is not attached."""

    name: str
    state: str
    attached: bool = False
    enforcing: bool = False
    delay_by: Literal["hold", "retransmission"] | None = None
    sessions: int = 0
    classes: Mapping[str, ClassStatus] = {}
    totals: Mapping[str, int] = {}
    interfaces: tuple[InterfaceStatus, ...] = ()
    missing_interfaces: tuple[str, ...] = ()
    hold: HoldStatus | None = None
    config: ConfigStatus | None = None
    daemon: DaemonStatus | None = None
    trial: TrialBrief | None = None


class CountersValue(Value):
    """All counters: `classes` by class name and then by arm (a number as text), and the totals."""

    classes: Mapping[str, Mapping[str, ClassCounters]]
    totals: Totals


class ReloadAnswer(Value):
    """What a reload did; `ended` are the classes whose limit of `gate set` the file has replaced."""

    digest: str
    changed: bool
    ended: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class DownAnswer(Value):
    """The gate is detached; the daemon ends."""

    name: str
    state: str
