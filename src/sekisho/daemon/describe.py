"""Puts together what `status` and `counters` tell, with the daemon or without it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, NamedTuple

from sekisho.api.models import (
    BlockValue,
    ClassStatus,
    ConfigStatus,
    CountersValue,
    DaemonStatus,
    GivenBy,
    HoldStatus,
    InterfaceStatus,
    LimitValue,
    Status,
    TrialBrief,
)
from sekisho.durations import format_ms
from sekisho.model import ClassCounters, Counters, Limit, Mode
from sekisho.trial.plan import Block
from sekisho.trial.standing import Standing

if TYPE_CHECKING:  # the hold loads much that a status without the daemon has no use for
    from sekisho.gate.hold import HoldState

NOT_ATTACHED = "not attached"

_SHOWN = ("attempted", "admitted", "refused", "held", "over_cap")
_SUMS = tuple(field.name for field in fields(ClassCounters) if isinstance(field.default, int))


class InForce(NamedTuple):
    """What the daemon knows of limits: the file's, how the trial stands, and which `gate set` gave."""

    in_file: Mapping[str, Limit]
    standing: Standing | None
    overrides: Collection[str]


def state_sentence(
    limits: Mapping[str, Limit], unheld: Collection[str] | None, missing: Collection[str]
) -> str:
    """Say what an attached gate does, and where it does not; `unheld` is None without the daemon."""
    does = "observing"
    if _is_enforcing(limits):
        reason = "daemon away" if unheld is None else f"no queue rule for {', '.join(unheld)}"
        does = "enforcing, delay by " + ("hold" if unheld == () else f"retransmission ({reason})")
    return f"{does}; not attached on {', '.join(missing)}" if missing else does


def unheld_delays(limits: Mapping[str, Limit], hold: HoldState) -> tuple[str, ...]:
    """Return the delays in force, the shortest first, that have no queue or no rule that fills it."""
    held_ms = {bank.delay_ms for bank in hold.banks.values() if bank.rule_present}
    wanted_ms = {limit.delay_ms for limit in limits.values() if limit.mode is Mode.ENFORCE and limit.delay_ms}
    return tuple(format_ms(delay_ms) for delay_ms in sorted(wanted_ms - held_ms))


def given_by(name: str, standing: Standing | None, overrides: Collection[str]) -> GivenBy:
    """Tell what gives a class its limit; `overrides`: the classes to which `gate set` has given one."""
    if name in overrides:
        return GivenBy.OPERATOR
    return GivenBy.FILE if standing is None or name not in standing.limits else GivenBy.TRIAL


def _why(name: str, in_force: InForce) -> Mapping[str, object]:
    """Tell what gives a class its limit."""
    standing = in_force.standing
    return {
        "file": LimitValue.of(in_force.in_file[name]),
        "overridden": name in in_force.overrides,
        "given_by": given_by(name, standing, in_force.overrides),
        "block": None if standing is None else block_value(standing.blocks.get(name)),
    }


def _trial(standing: Standing | None) -> TrialBrief | None:
    return None if standing is None else TrialBrief(name=standing.plan.name, state=standing.state)


def _is_enforcing(limits: Mapping[str, Limit]) -> bool:
    return any(limit.mode is Mode.ENFORCE for limit in limits.values())


def describe(
    name: str,
    interfaces: tuple[InterfaceStatus, ...],
    limits: Mapping[str, Limit],
    counters: Counters,
    *,
    configured: Collection[str] = (),
    hold: HoldState | None = None,
    in_force: InForce | None = None,
    config: ConfigStatus | None = None,
    daemon: DaemonStatus | None = None,
) -> Status:
    """Describe a gate that should be on the `configured` interfaces.

    Without the daemon what it knows is None.
    """
    unheld = None if hold is None else unheld_delays(limits, hold)
    missing = tuple(sorted(set(configured) - {one.name for one in interfaces}))
    classes = class_statuses(limits, in_force, counters, None if hold is None else held_by_delay(hold))
    return Status(
        name=name,
        state=state_sentence(limits, unheld, missing) if interfaces else NOT_ATTACHED,
        attached=bool(interfaces),
        enforcing=bool(interfaces) and _is_enforcing(limits),
        delay_by=None if not interfaces else "hold" if unheld == () else "retransmission",
        sessions=sum(one.sessions for one in classes.values()),
        classes=classes,
        totals=asdict(counters.totals),
        interfaces=interfaces,
        missing_interfaces=missing,
        hold=None if hold is None else hold_status(hold, unheld or ()),
        config=config,
        trial=None if in_force is None else _trial(in_force.standing),
        daemon=daemon,
    )


def class_statuses(
    limits: Mapping[str, Limit],
    in_force: InForce | None,
    counters: Counters,
    held_ms: Mapping[int, int] | None,
) -> dict[str, ClassStatus]:
    """Describe each class; `in_force` is None without the daemon, `held_ms` (delay → held) without a hold."""
    sums = _by_class(counters)
    return {
        name: ClassStatus.model_validate(
            {
                **LimitValue.of(limit).model_dump(),
                **({} if in_force is None else _why(name, in_force)),
                "sessions": _sessions(sums[name]),
                "held_now": None if held_ms is None else held_ms.get(limit.delay_ms, 0),
                **{key: sums[name][key] for key in _SHOWN},
            }
        )
        for name, limit in limits.items()
    }


def block_value(block: Block | None) -> BlockValue | None:
    """Show the block that a class is in."""
    if block is None:
        return None
    return BlockValue(
        begin=block.begin,
        end=block.end,
        arm=block.arm,
        phase=block.phase,
        pair=block.pair,
        washout_end=block.washout_end,
        unit=block.unit,
    )


def counters_value(counters: Counters) -> CountersValue:
    """Arrange all counters by class and arm."""
    classes: defaultdict[str, dict[str, ClassCounters]] = defaultdict(dict)
    for (name, arm), counted in counters.classes.items():
        classes[name][str(arm)] = counted
    return CountersValue(classes=classes, totals=counters.totals)


def hold_status(state: HoldState, unheld: tuple[str, ...]) -> HoldStatus:
    """Sum the banks of a hold; `unheld` are the delays that it does not keep."""
    queues = state.banks.values()
    return HoldStatus(
        held=sum(bank.held for bank in queues),
        released=sum(state.lateness),
        dropped=state.dropped,
        late_p50_ms=state.late_p50_ms,
        late_p99_ms=state.late_p99_ms,
        unheld_delays=unheld,
        rules_restored=state.rules_restored,
        queues_lost=state.queues_lost,
    )


def held_by_delay(state: HoldState) -> dict[int, int]:
    """Return how many SYNs wait with each delay (ms)."""
    held: defaultdict[int, int] = defaultdict(int)
    for bank in state.banks.values():
        held[bank.delay_ms] += bank.held
    return held


def _by_class(counters: Counters) -> defaultdict[str, defaultdict[str, int]]:
    """Sum each class's counters over its arms."""
    sums: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for (name, _), counted in counters.classes.items():
        for key in _SUMS:
            sums[name][key] += getattr(counted, key)
    return sums


def _sessions(sums: Mapping[str, int]) -> int:
    """Count live sessions: what took a slot and has not given it back.

    The counters are read one CPU after another, so a session that ends meanwhile may be counted twice.
    """
    opened = sums["admitted"] + sums["adopted"]
    return max(0, opened - sums["closed_fin"] - sums["closed_rst"] - sums["closed_time"])
