"""What guardrails see of a running trial, minute by minute, and when they stop it.

state, what was measured, plan ─► state, what is seen: value beside bound, breaches

Time is measured by a clock that nobody sets: a jump of the clock on the wall shortens no patience and makes
no complaints expected. What is not known is said to be, changes nothing, and is never a zero. Of counters
the last reading is part of the state, so that a restart loses nothing and counts nothing twice; what a
process alone knows and takes along when it is killed is told to be missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import zip_longest
from math import exp
from typing import Final, NamedTuple

from sekisho.gate.releases import quantile_ms
from sekisho.trial.complaints import Complaint, day_of
from sekisho.trial.guardrails import (
    ALPHA,
    LARGEST_LOG,
    LEAST_DAYS,
    Above,
    Breach,
    Complaints,
    Differences,
    HardStop,
    What,
    check_hard,
    count_complaints,
    follow_difference,
    interval,
    log_evidence,
)
from sekisho.trial.protocol import TrialProtocol

LONGEST_LOOK: Final = timedelta(seconds=90)
"""Longer between two looks, and nobody has looked meanwhile."""
LEAST_HELD: Final = 100  # sessions, of which 1 in 100 can be told
MOST_DAYS: Final = 14  # of differences that are caught up with
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_MINUTE: Final = timedelta(minutes=1)
_SHARE: Final = 0.99


class Unknown(NamedTuple):
    """A measurement that there is none of, and why."""

    why: str


class Errors(NamedTuple):
    """How often the gate had no room, by its counters; `run` tells these from others."""

    run: str
    times: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured at a moment, in part since the last look of the same process.

    `at`: aware UTC. `boot` names the machine's boot, `uptime_ns` its clock that nobody sets. `process` names
    the daemon that looks; empty: it ends with this look. `dropped`: held
    packets for which there was no room, since the last look. `astray`: interfaces around which the gate is
    gone. `late`: held sessions since the last look, by `LATENESS_EDGES_MS`. `leases`: what sources told
    since the last look; None: there is no source. `complaints`: those after the state's last. `days`: of the
    days of `days_due` the difference, limited less unlimited. `resting`: the plan's own maintenance.
    """

    at: datetime
    boot: str
    uptime_ns: int
    process: str
    errors: Errors | Unknown
    dropped: int
    astray: tuple[str, ...] | Unknown
    late: tuple[int, ...]
    leases: int | None
    complaints: tuple[Complaint, ...] | Unknown
    days: Mapping[date, float | Unknown] = field(default_factory=dict)
    resting: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """What is known since the trial began or was resumed last.

    `resumption`: the number of the event that resumed it, 0: none did. `watched`: by the clock that nobody
    sets. `complaint`: the number of the last that was counted. `day`: the last whose difference was asked
    for. `errors_at`, `silence`: as `watched`; when errors were read last, and how long no lease has come.
    `dropped`: what was not judged yet. `process`: who looked last, empty where that was a last look.
    `passed`: what was found to be passed, and no suspension is known to have come of it.
    """

    since: datetime
    at: datetime
    resumption: int = 0
    boot: str = ""
    uptime_ns: int = 0
    watched: timedelta = timedelta()
    complaint: int = 0
    complaints: Complaints = field(default_factory=Complaints)
    day: date | None = None
    differences: Differences = field(default_factory=Differences)
    bypass: Above = field(default_factory=Above)
    errors: Errors | None = None
    errors_at: timedelta = timedelta()
    dropped: int = 0
    late: tuple[int, ...] = ()
    silence: timedelta = timedelta()
    process: str = ""
    passed: tuple[Breach, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What one guardrail sees now; `value` is None where it is not known, and `why` says why."""

    what: What
    value: float | None
    bound: float
    why: str | None = None
    breach: Breach | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """A value beside its bound, and when it was seen."""

    what: What
    value: float
    bound: float
    at: datetime


def begun(now: datetime, *, resumption: int = 0, complaint: int = 0) -> Watch:
    """Return the state of a trial that begins, or is resumed: nothing of before counts."""
    return Watch(since=now, at=now, resumption=resumption, complaint=complaint)


def days_due(watch: Watch, protocol: TrialProtocol, now: datetime) -> tuple[date, ...]:
    """Return the whole days that have ended, and whose difference has not been asked for."""
    if protocol.guardrails.difference is None:
        return ()
    first = day_of(protocol.plan, watch.since) + _DAY
    after = first if watch.day is None else max(first, watch.day + _DAY)
    today = day_of(protocol.plan, now)
    days = [after + n * _DAY for n in range((today - after).days)]
    return tuple(days[-MOST_DAYS:])


def look(watch: Watch, protocol: TrialProtocol, measured: Measured) -> tuple[Watch, tuple[Seen, ...]]:
    """Add what was measured; return what each guardrail that there is sees."""
    lasted = _lasted(watch, measured)
    watch = replace(
        watch,
        at=measured.at,
        boot=measured.boot,
        uptime_ns=measured.uptime_ns,
        process=measured.process,
        watched=watch.watched + lasted,
    )
    found: list[Seen] = []
    for judge in (_complaints, _difference, _errors, _bypass, _delay, _leases):
        watch, seen = judge(watch, protocol, measured, lasted)
        found += [] if seen is None else [seen]
    known = {one.what for one in watch.passed}
    new = (one.breach for one in found if one.breach is not None and one.what not in known)
    return replace(watch, passed=(*watch.passed, *new)), tuple(found)


def missing(watch: Watch, process: str) -> str | None:
    """Say what guardrails could not see since the state, if so: its process ended without a last look."""
    if watch.process in ("", process):
        return None
    since = watch.at.isoformat(timespec="seconds")
    return f"drops, delays and leases from {since} on are not known: a daemon ended without a last look"


def points(seen: Sequence[Seen], now: datetime) -> Iterator[Point]:
    """Yield what is known."""
    for one in seen:
        if one.value is not None:
            yield Point(one.what, one.value, one.bound, now)


_Judged = tuple[Watch, Seen | None]


def _lasted(watch: Watch, measured: Measured) -> timedelta:
    """Return the time since the last look; over a boot only the clock on the wall can tell."""
    if watch.boot == measured.boot:
        return timedelta(microseconds=max(0, measured.uptime_ns - watch.uptime_ns) // 1_000)
    return max(timedelta(), measured.at - watch.at)


def _complaints(watch: Watch, protocol: TrialProtocol, measured: Measured, lasted: timedelta) -> _Judged:
    rate = protocol.guardrails.complaints_per_day
    if rate is None:
        return watch, None
    told = measured.complaints
    new = () if isinstance(told, Unknown) else told
    first = day_of(protocol.plan, watch.since)
    count = sum(one.count for one in new if one.day >= first and one.number > watch.complaint)
    state, breach = count_complaints(watch.complaints, count, rate * (lasted / _DAY), measured.at)
    last = max((one.number for one in new), default=watch.complaint)
    watch = replace(watch, complaints=state, complaint=max(watch.complaint, last))
    if isinstance(told, Unknown):
        return watch, Seen(What.COMPLAINTS, None, 1 / ALPHA, told.why, breach)
    evidence = exp(min(log_evidence(state), LARGEST_LOG))
    return watch, Seen(What.COMPLAINTS, evidence, 1 / ALPHA, breach=breach)


def _difference(watch: Watch, protocol: TrialProtocol, measured: Measured, lasted: timedelta) -> _Judged:  # noqa: ARG001 - as its like
    rule = protocol.guardrails.difference
    if rule is None:
        return watch, None
    breach: Breach | None = None
    why = None
    for day, found in sorted(measured.days.items()):
        if watch.day is not None and day <= watch.day:
            continue
        watch = replace(watch, day=day)
        if isinstance(found, Unknown):
            why = f"{day}: {found.why}"
        else:
            state, breach = follow_difference(watch.differences, found, measured.at, rule.harmless)
            watch, why = replace(watch, differences=state), None
    ends = interval(watch.differences)
    if ends is None:
        few = f"{watch.differences.days} of {LEAST_DAYS} days"
        return watch, Seen(What.DIFFERENCE, None, rule.harmless, few if why is None else f"{few}; {why}")
    return watch, Seen(What.DIFFERENCE, ends[0], rule.harmless, breach=breach)


def _errors(watch: Watch, protocol: TrialProtocol, measured: Measured, lasted: timedelta) -> _Judged:
    bound, now, before = float(protocol.guardrails.gate_errors), measured.errors, watch.errors
    # At the first look it is from before, as what the counters show then.
    dropped = 0 if measured.resting or before is None else watch.dropped + measured.dropped
    watch = replace(watch, dropped=dropped)
    if isinstance(now, Unknown):
        return watch, Seen(What.GATE_ERRORS, None, bound, now.why)
    lasted = watch.watched - watch.errors_at
    watch = replace(watch, errors=now, errors_at=watch.watched)
    if measured.resting or before is None:
        return watch, Seen(What.GATE_ERRORS, None, bound, _resting(measured) or "it is counted from now on")
    watch = replace(watch, dropped=0)
    # Counters that began anew, or were cleared, show what was counted since.
    is_same = now.run == before.run and now.times >= before.times
    count = dropped + now.times - (before.times if is_same else 0)
    value = count / max(1.0, lasted / _MINUTE)
    _, breach = check_hard(HardStop(What.GATE_ERRORS, bound), Above(), value, measured.at)
    return watch, Seen(What.GATE_ERRORS, value, bound, breach=breach)


def _bypass(watch: Watch, protocol: TrialProtocol, measured: Measured, lasted: timedelta) -> _Judged:  # noqa: ARG001 - as its like
    patience = timedelta(milliseconds=protocol.guardrails.bypass_ms)
    bound = patience / _SECOND
    if measured.resting:
        return replace(watch, bypass=Above()), Seen(What.BYPASS, None, bound, _resting(measured))
    if isinstance(measured.astray, Unknown):
        return watch, Seen(What.BYPASS, None, bound, measured.astray.why)
    # By the clock that nobody sets, counted from `since`.
    clock = watch.since + watch.watched
    stop = HardStop(What.BYPASS, 0.0, patience)
    above, breach = check_hard(stop, watch.bypass, float(len(measured.astray)), clock)
    watch = replace(watch, bypass=above)
    lasts = timedelta() if above.since is None else clock - above.since
    if breach is not None:
        breach = Breach(What.BYPASS, lasts / _SECOND, bound, measured.at - lasts)
    return watch, Seen(What.BYPASS, lasts / _SECOND, bound, breach=breach)


def _delay(watch: Watch, protocol: TrialProtocol, measured: Measured, lasted: timedelta) -> _Judged:  # noqa: ARG001 - as its like
    bound = float(protocol.guardrails.delay_p99_ms)
    if measured.resting:
        return replace(watch, late=()), Seen(What.DELAY_P99, None, bound, _resting(measured))
    late = tuple(a + b for a, b in zip_longest(watch.late, measured.late, fillvalue=0))
    if sum(late) < LEAST_HELD:
        why = f"{sum(late)} of {LEAST_HELD} sessions held, of which it can be told"
        return replace(watch, late=late), Seen(What.DELAY_P99, None, bound, why)
    value = quantile_ms(late, _SHARE)
    _, breach = check_hard(HardStop(What.DELAY_P99, bound), Above(), value, measured.at)
    return replace(watch, late=()), Seen(What.DELAY_P99, value, bound, breach=breach)


def _leases(watch: Watch, protocol: TrialProtocol, measured: Measured, lasted: timedelta) -> _Judged:
    if measured.leases is None:
        return replace(watch, silence=timedelta()), None
    bound = timedelta(milliseconds=protocol.guardrails.leases_ms) / _SECOND
    if measured.resting:
        return replace(watch, silence=timedelta()), Seen(What.LEASES, None, bound, _resting(measured))
    # While nobody listened none could come.
    more = lasted if lasted <= LONGEST_LOOK else timedelta()
    silence = timedelta() if measured.leases else watch.silence + more
    value = silence / _SECOND
    _, breach = check_hard(HardStop(What.LEASES, bound), Above(), value, measured.at - silence)
    return replace(watch, silence=silence), Seen(What.LEASES, value, bound, breach=breach)


def _resting(measured: Measured) -> str | None:
    return "the plan's maintenance" if measured.resting else None


class Shares(NamedTuple):
    """How many sessions of a unit were so on a day, of how many: while it was limited, and while not."""

    limited: tuple[int, int] = (0, 0)
    unlimited: tuple[int, int] = (0, 0)


def share_difference(units: Iterable[Shares]) -> float | Unknown:
    """Return a day's difference in percentage points, of the units that were on and off on it.

    Each is compared with itself alone, and weighs by the sessions that it compares: N·M / (N + M) for N and M
    (Mantel and Haenszel, JNCI 22, 1959; Greenland and Robins, Biometrics 41, 1985). So units of which one has
    more by itself are no difference, and a small one brings little noise.
    """
    units = tuple(units)
    if not any(one.limited[1] for one in units):
        return Unknown("no session while limited")
    if not any(one.unlimited[1] for one in units):
        return Unknown("no session while not limited")
    both = [one for one in units if one.limited[1] and one.unlimited[1]]
    if not both:
        return Unknown("no unit was both limited and not")
    weights = [on * off / (on + off) for (_, on), (_, off) in both]
    found = (a / on - b / off for (a, on), (b, off) in both)
    return 100 * sum(weight * one for weight, one in zip(weights, found, strict=True)) / sum(weights)


UNITS: Final[Mapping[What, str]] = {
    What.COMPLAINTS: "evidence",
    What.DIFFERENCE: "percentage points",
    What.GATE_ERRORS: "a minute",
    What.BYPASS: "s",
    What.DELAY_P99: "ms",
    What.LEASES: "s",
}
_SAID: Final[Mapping[What, str]] = {
    What.COMPLAINTS: "complaints have become more: evidence {value}, bound {bound}",
    What.DIFFERENCE: "the daily difference is at least {value} percentage points, harmless up to {bound}",
    What.GATE_ERRORS: "gate errors: {value} a minute, tolerated {bound}",
    What.BYPASS: "traffic goes around the gate: for {value} s, tolerated {bound} s",
    What.DELAY_P99: "1 in 100 sessions is held too long: by {value} ms, tolerated {bound} ms",
    What.LEASES: "no lease arrives: for {value} s, tolerated {bound} s",
}


def said(breach: Breach) -> str:
    """Say what was passed."""
    return _SAID[breach.what].format(value=figure(breach.value), bound=figure(breach.bound))


def figure(value: float) -> str:
    """Write a value; beyond what is measured it is infinite."""
    return "more than is measured" if value == float("inf") else f"{value:.4g}"
