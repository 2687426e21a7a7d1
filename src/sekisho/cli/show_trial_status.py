"""Puts how the trial stands, and what happened to it, into words; times are of the trial's zone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sekisho.api.models import BlockValue
from sekisho.api.trial_models import (
    ActAnswer,
    AlertsValue,
    BlocklistAnswer,
    RegisterAnswer,
    Registration,
    SuspensionValue,
    TrialClassValue,
    TrialGateValue,
    TrialLog,
    TrialStatus,
)
from sekisho.cli.show import limit_text
from sekisho.trial.plan import Arm
from sekisho.trial.standing import State

MOST_DAYS = 14
DAYS_TOLD = 3

_NOT_REGISTERED = (
    "not registered: what comes of it is no experiment; `sekisho trial register` freezes the plan"
)


def status_text(status: TrialStatus) -> str:
    """Tell how the trial stands."""
    return "\n".join(_status(status, ZoneInfo(status.zone)))


def log_text(log: TrialLog) -> str:
    """Tell what happened to the trial, a line each."""
    zone = ZoneInfo(log.zone)
    return "\n".join(
        f"{moment(one.at, zone)} | {one.what} | {_who(one.by, one.uid)} | {one.reason}" for one in log.events
    )


def registered_text(done: RegisterAnswer) -> str:
    """Tell what was registered."""
    late = ""
    if done.late:
        late = "\nlate: the trial had begun; what came before this registration is no experiment"
    return f"trial {done.name}: registered as version {done.version}\ndigest: {done.digest}{late}"


def act_text(done: ActAnswer) -> str:
    """Tell what a suspension or a resumption has come to."""
    does = "all of its classes are observed" if done.state is State.SUSPENDED else "the gate follows its plan"
    if done.state in (State.NOT_STARTED, State.OVER):
        does = "its classes have their own limits"
    said = "suspended" if done.suspension is not None else str(done.state)
    return "\n".join((f"trial {done.name}: {said}; {does}", *_gates(done.gates)))


def blocklist_text(done: BlocklistAnswer) -> str:
    """Tell what became of numbers of blocklist entries, a line each."""
    zone = ZoneInfo(done.zone)
    return "\n".join(
        f"{one.class_name}, {moment(one.begin, zone)} to {moment(one.end, zone)}: {one.count}, {one.became}"
        for one in done.numbers
    )


def moment(at: datetime, zone: ZoneInfo) -> str:
    """Write a moment of a zone with its offset."""
    return at.astimezone(zone).isoformat(sep=" ", timespec="seconds")


def _status(status: TrialStatus, zone: ZoneInfo) -> Iterator[str]:
    span = f"{moment(status.begin, zone)} to {moment(status.end, zone)} ({status.zone})"
    yield f"trial {status.name}: {status.state}, {span}"
    if status.suspension is not None:
        yield _suspension(status.suspension, zone)
    yield _registration(status, zone)
    if status.units:
        yield f"each draws lots of its own: {', '.join(status.units)}"
    for name, one in status.classes.items():
        yield f"{name}: {limit_text(one.limit)}; {_why(one, status, zone)}"
    if status.next_change is not None:
        yield f"next change: {moment(status.next_change, zone)}"
    yield from _gates(status.gates)
    yield from _guardrails(status, zone)
    if status.complaints:
        yield "complaints: " + ", ".join(f"{one.day} {one.count}" for one in status.complaints[-MOST_DAYS:])
    for told in status.blocklist or ():
        yield f"blocklist entries of {told.class_name} are entered until {moment(told.until, zone)}"
    if status.alerts is not None:
        yield from _alerts(status.alerts, zone)
    if status.store != "ok":
        yield f"the store is away: {status.store}"


def _gates(gates: Sequence[TrialGateValue] | None) -> Iterator[str]:
    """Tell of each gate where the store has several."""
    for one in gates if gates is not None and len(gates) > 1 else ():
        yield f"  {one.name}: {_obeys(one)}"


def _obeys(one: TrialGateValue) -> str:
    if one.obeys:
        return "obeys"
    if one.heard is None:
        return "never heard of: start its daemon"
    heard = f"heard last {one.heard.isoformat(sep=' ', timespec='seconds')}"
    if one.silent:
        way_out = "see to its daemon, or to its way to the store"
        return f"not known, {heard}: its kernel keeps the limits that it had; {way_out}"
    return f"not yet, {heard}: ask `trial status` again"


def _guardrails(status: TrialStatus, zone: ZoneInfo) -> Iterator[str]:
    if status.looked_at is not None:
        yield f"guardrails, looked at {moment(status.looked_at, zone)}:"
    elif status.guardrails:
        yield "guardrails, which are not looked at while the trial does not run:"
    for one in status.guardrails:
        now = f"not known: {one.not_known}" if one.not_known else f"{_amount(one.value)} {one.unit}"
        days = "; ".join(f"{day.day} {_amount(day.value)}" for day in one.days[-DAYS_TOLD:])
        highest = f"; highest of the day: {days}" if days else ""
        yield f"  {one.what}: {now}, bound {one.bound:g}{highest}"


def _amount(value: float | None) -> str:
    return "more than is measured" if value is None else f"{value:.4g}"


def _alerts(alerts: AlertsValue, zone: ZoneInfo) -> Iterator[str]:
    if alerts.waiting:
        since = "" if alerts.since is None else f", the oldest of {moment(alerts.since, zone)}"
        yield f"alerts not sent yet: {alerts.waiting}{since}{f': {alerts.why}' if alerts.why else ''}"
    for one in alerts.given_up:
        yield f"given up {moment(one.at, zone)}, and nobody is told: {one.letter}: {one.why}"


def _suspension(suspension: SuspensionValue, zone: ZoneInfo) -> str:
    if not suspension.known:
        return f"suspended since {moment(suspension.since, zone)} as a precaution: {suspension.reason}"
    who = _who(suspension.by, suspension.uid)
    durable = (
        "" if suspension.durable else " (not in the store yet, and lost if the daemon ends before it is)"
    )
    return f"suspended since {moment(suspension.since, zone)} by {who}: {suspension.reason}{durable}"


def _registration(status: TrialStatus, zone: ZoneInfo) -> str:
    if status.registration is Registration.UNKNOWN:
        return "registered: not known while the store is away"
    if status.registered is None:
        return _NOT_REGISTERED
    one = status.registered
    late = ", late" if one.late else ""
    text = f"registered: version {one.version}, {moment(one.registered_at, zone)}{late}, digest {one.digest}"
    if status.registration is Registration.DIFFERS:
        text += f"\nthe plan in force differs from what is registered; its digest is {status.digest}"
    return text


def _why(one: TrialClassValue, status: TrialStatus, zone: ZoneInfo) -> str:
    block = "its own limit" if one.block is None else _block(one.block, zone)
    if one.set_by_operator:
        return f"set by `gate set`; by the plan: {block}"
    return f"by the plan: {block}" if status.state is State.SUSPENDED else block


def _block(block: BlockValue, zone: ZoneInfo) -> str:
    kind = f"phase {block.phase}" if block.arm is Arm.PHASE else str(block.arm)
    pair = "" if block.pair is None else f" of pair {block.pair}"
    unit = "" if block.unit is None else f", lot of {block.unit},"
    return f"{kind}{pair}{unit} until {moment(block.end, zone)}"


def _who(by: str, uid: int | None) -> str:
    return by if uid is None else f"{by} ({uid})"
