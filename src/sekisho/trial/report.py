"""Makes the report of a trial of what was planned, registered, counted and written down.

A figure that is not there is a `NotKnown` with its reason, and nothing that was not registered before the
begin has a p-value.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import chain, pairwise
from typing import Final

from sekisho.desk.figures import DeskFigures
from sekisho.trial.breach_told import passed_in
from sekisho.trial.estimate_observed import Observational, TooFewCells, observe
from sekisho.trial.events import Event, What
from sekisho.trial.guardrails import What as Watched
from sekisho.trial.plan import Block, Plan, Span, count_pairs, schedule
from sekisho.trial.protocol import OF_EQUIPMENT, Outcome, TrialProtocol
from sekisho.trial.registration import Version, canonical
from sekisho.trial.report_effect import Counted, Untold, experiments_of, uncounted
from sekisho.trial.report_values import (
    Because,
    Blocklist,
    Compared,
    Complaints,
    Coverage,
    Experiment,
    GuardrailPath,
    Happened,
    Harm,
    NotKnown,
    Observed,
    Points,
    Published,
    Registration,
    Report,
    Suspended,
    VersionKept,
)
from sekisho.trial.series import Series, summed, usable
from sekisho.trial.told import three_digits, told_change
from sekisho.trial.walltime import HOUR

_OUTCOMES: Final = {
    "cpu_percent": Outcome.CPU,
    "packets_per_second": Outcome.PACKETS,
    "dropped_per_million": Outcome.DROPS,
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known beside the counts; `comparison`: a class that is not limited and takes no part.

    `untold`: of which outcomes of classes, also of `comparison`, nothing is told.
    """

    protocol: TrialProtocol
    versions: Sequence[Version]
    events: Sequence[Event]
    made_at: datetime
    program: str
    policy: str
    coverage: Coverage
    harm: tuple[Harm, ...]
    reliefs_at_least: int | NotKnown
    complaints: Complaints
    published: Published
    comparison: str | None = None
    paths: Mapping[Watched, Points | NotKnown] | None = None
    equipment: tuple[Compared, ...] = ()
    untold: Untold = field(default_factory=dict)
    desk: DeskFigures | NotKnown | None = None
    blocklist: Blocklist | None = None


def make_report(facts: Facts, counted: Counted) -> Report:
    """Put the report together."""
    protocol = facts.protocol
    registration = _registration(protocol, facts.versions, facts.made_at)
    held = as_it_was(protocol.plan, facts.events, facts.made_at)
    has_p = registration.no_p is None

    def told(name: str, outcome: Outcome) -> Sequence[Series]:
        return () if (name, outcome) in facts.untold else counted(name, outcome)

    experiments = experiments_of(held, protocol.outcomes, facts.made_at, told, facts.untold, registered=has_p)
    return Report(
        name=protocol.plan.name,
        span=protocol.plan.span,
        zone=protocol.plan.zone,
        made_at=facts.made_at,
        program=facts.program,
        policy=facts.policy,
        outcomes=protocol.outcomes,
        planned_pairs=count_pairs(protocol.plan),
        block_ms=_block_ms(protocol.plan),
        registration=registration,
        coverage=facts.coverage,
        happened=_happened(protocol.plan, tuple(_without_figures(facts)), facts.made_at),
        experiments=experiments,
        observed=tuple(_observed(held, facts, told)),
        guardrails=tuple(_paths(facts)),
        harm=facts.harm,
        reliefs_at_least=facts.reliefs_at_least,
        complaints=facts.complaints,
        published=facts.published,
        equipment=tuple(_with_effect(one, experiments) for one in facts.equipment),
        desk=facts.desk,
        blocklist=facts.blocklist,
    )


def _block_ms(plan: Plan) -> int | None:
    return None if plan.switchback is None else plan.switchback.block // timedelta(milliseconds=1)


def as_it_was(plan: Plan, events: Iterable[Event], now: datetime) -> Plan:
    """Return a plan with the suspensions that were not planned as maintenance; those that go on end now."""
    spans = (
        Span(max(one.begin, plan.span.begin), min(one.end or now, plan.span.end))
        for one in _suspensions(plan, events, now)
    )
    return replace(plan, maintenance=(*plan.maintenance, *(one for one in spans if one.begin < one.end)))


def _registration(protocol: TrialProtocol, versions: Sequence[Version], now: datetime) -> Registration:
    digest = sha256(canonical(protocol).encode()).hexdigest()
    kept = tuple(
        VersionKept(one.number, one.registered_at, one.digest, one.supersedes, one.late) for one in versions
    )
    return Registration(kept, digest, _why_no_p(protocol, digest, versions, now))


def _why_no_p(
    protocol: TrialProtocol, digest: str, versions: Sequence[Version], now: datetime
) -> Because | None:
    """Tell why nothing may have a p-value: what is tested is settled before the begin, and tested once.

    Whoever looks each week finds one below 0.05 far more often than in one of twenty trials without effect.
    """
    if not versions:
        return Because.NOT_REGISTERED
    before = [one for one in versions if one.registered_at <= protocol.plan.span.begin and not one.late]
    if not before:
        return Because.REGISTERED_LATE
    if versions[-1].digest != digest:
        return Because.REGISTERED_OTHERWISE
    if _tested(before[-1]) != _tested(versions[-1]):
        return Because.CHANGED_AFTER_BEGIN
    if any(_rewrites_maintenance(before, after) for before, after in pairwise(versions)):
        return Because.MAINTENANCE_AFTERWARDS
    drawn = protocol.plan.switchback
    return None if drawn is None or drawn.span.end <= now else Because.NOT_OVER


def _rewrites_maintenance(before: Version, after: Version) -> bool:
    """Tell whether a version has other maintenance than the one before it for what had been when it came.

    It takes pairs out: of those whose counts can be known nobody may choose.
    """
    return _maintenance(before, after.registered_at) != _maintenance(after, after.registered_at)


def _maintenance(version: Version, until: datetime) -> list[tuple[datetime, datetime]]:
    """Return a version's windows as far as they lie before a moment."""
    windows = json.loads(version.text)["plan"]["maintenance"]
    spans = [tuple(datetime.fromisoformat(one[end]) for end in ("begin", "end")) for one in windows]
    return sorted((begin, min(end, until)) for begin, end in spans if begin < until)


def _tested(version: Version) -> object:
    """Return what of a version a test rests on, but for maintenance, which may come up later."""
    read = json.loads(version.text)
    plan = read["plan"]
    return plan["begin"], plan["end"], plan["classes"], plan["switchback"], read["outcomes"]


def _without_figures(facts: Facts) -> Iterator[Event]:
    """Yield what happened; of a guardrail whose path is suppressed that it was passed, not by how much."""
    suppressed = NotKnown(Because.SUPPRESSED)
    hidden = {str(what) for what, path in (facts.paths or {}).items() if path == suppressed}
    for one in facts.events:
        yield one if hidden.isdisjoint(passed_in(one)) else replace(one, reason=one.by)


def _happened(plan: Plan, events: Sequence[Event], now: datetime) -> Happened:
    return Happened(
        suspensions=tuple(_suspensions(plan, events, now)),
        breaches=tuple(
            (one.at, one.reason, ", ".join(sorted(passed_in(one))))
            for one in events
            if one.what is What.BREACH
        ),
        followed_late=sum(one.what is What.FOLLOWED_LATE for one in events),
        clock_jumps=sum(one.what is What.CLOCK_JUMPED for one in events),
        unwatched=sum(one.what is What.UNWATCHED for one in events),
    )


def _suspensions(plan: Plan, events: Iterable[Event], now: datetime) -> Iterator[Suspended]:
    """Yield those that reach into the trial."""
    blocks = [block for block in schedule(plan) if block.pair is not None]
    since: Event | None = None
    for one in chain(events, [None]):
        if one is not None and one.what is What.SUSPENDED and since is None:
            since = one
        elif since is not None and (one is None or one.what is What.RESUMED):
            end = None if one is None else one.at
            if since.at < plan.span.end and (end or now) > plan.span.begin:
                yield Suspended(since.at, end, since.reason, _touches(since.at, end or now, blocks))
            since = None


def _touches(begin: datetime, end: datetime, blocks: Iterable[Block]) -> bool:
    return any(begin < block.end and block.begin < end for block in blocks)


def _with_effect(one: Compared, experiments: tuple[Experiment, ...] | NotKnown) -> Compared:
    """Put the effect to a figure, where its outcome is registered."""
    outcome = _OUTCOMES.get(one.what)
    if outcome is None or isinstance(experiments, NotKnown):
        return one
    effects = [found.effect for found in experiments if found.outcome is outcome]
    return replace(one, effect=effects[0]) if effects else one


def _observed(held: Plan, facts: Facts, counted: Counted) -> Iterator[Observed]:
    """Yield what phases say; without one there is nothing to observe."""
    names = {name for phase in held.phases for name, _ in phase.limits}
    for name in (name for name, _ in held.own if name in names):
        for outcome in [one for one in facts.protocol.outcomes if one not in OF_EQUIPMENT]:
            series = _whole(counted(name, outcome))
            if series is None:
                yield Observed(name, outcome, uncounted(outcome, [name], facts.untold))
                continue
            if series.step > HOUR:
                yield Observed(name, outcome, NotKnown(Because.BY_THE_DAY))
                continue
            beside = None if facts.comparison is None else _whole(counted(facts.comparison, outcome))
            if beside is not None and beside.step != series.step:
                beside = None
            answer = observe(held, name, series, beside)
            if isinstance(answer, Observational):
                steps = tuple(told_change(step, outcome) for step in answer.steps)
                yield Observed(name, outcome, steps, facts.comparison if answer.compared else None)
            elif isinstance(answer, TooFewCells):
                yield Observed(name, outcome, NotKnown(Because.TOO_FEW_CELLS, answer.cells, answer.needed))
            else:
                yield Observed(name, outcome, NotKnown(Because(answer.why)))


def _whole(series: Sequence[Series]) -> Series | None:
    return summed([usable(one)[0] for one in series]) if series else None


def _paths(facts: Facts) -> Iterator[GuardrailPath]:
    paths = facts.paths or {}
    for what in Watched:
        path = paths.get(what) or NotKnown(Because.NOT_KEPT)
        if not isinstance(path, NotKnown):
            path = tuple((at, three_digits(value), three_digits(bound)) for at, value, bound in path)
        yield GuardrailPath(str(what), path)
