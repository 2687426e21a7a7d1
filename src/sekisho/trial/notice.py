"""What the public is told of a trial before it begins: what the configuration says, so that both agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sekisho.desk.policy import Policy
from sekisho.model import Excess, Limit, Mode
from sekisho.trial.plan import Arm, Block, Plan, Span, Units, at_gate, schedule

_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Values:
    """The lowest and highest cap and delay that a class is limited by in a span of several limits."""

    caps: tuple[int, int]
    delays_ms: tuple[int, int]
    excesses: tuple[Excess, ...]

    @property
    def most_sessions_an_hour(self) -> int | None:
        """Return how many one line can start at most: each slot one in a delay; None: any number."""
        cap, delay_ms = self.caps[1], self.delays_ms[0]
        return cap * (_HOUR_MS // delay_ms + 1) if delay_ms else None


@dataclass(frozen=True, slots=True)
class ClassNotice:
    """A class: its values over the trial, and its own limit beside it; None: it is not limited then."""

    name: str
    during: Values | None
    own: Values | None


@dataclass(frozen=True, slots=True)
class Stage:
    """A phase, by class; None: it is not limited in it."""

    span: Span
    classes: tuple[tuple[str, Values | None], ...]


@dataclass(frozen=True, slots=True)
class Lots:
    """The span in which a lot decides, the length of its blocks, the seed; `on`: by class; `units`: whose."""

    span: Span
    block: timedelta
    seed: int
    on: tuple[tuple[str, Values | None], ...]
    units: Units


@dataclass(frozen=True, slots=True)
class Way:
    """What reports against a line lead to in some classes; `own`: what that line alone is limited by."""

    classes: tuple[str, ...]
    policy: Policy
    own: Values | None


@dataclass(frozen=True, slots=True)
class Desk:
    """What the desk does about reports, each way once, and how long it keeps reports and cases.

    `names_trusted`: some reporters are trusted by name; the word of others goes as far as the stop request.
    `mails`: customers are told by mail, as far as their addresses are known.
    """

    ways: tuple[Way, ...]
    names_trusted: bool
    mails: bool
    reports_kept_ms: int
    cases_kept_ms: int

    def way(self, name: str) -> Way:
        """Return the way of a class."""
        return next(way for way in self.ways if name in way.classes)


@dataclass(frozen=True, slots=True)
class Notice:
    """All that is announced of a trial, but for the words of a language.

    `others`: classes that do not take part. `exempt`: destinations that are never limited.
    `leases_kept_ms`: after their end. `desk`: None where no reports are taken in.
    """

    name: str
    span: Span
    zone: str
    taking_part: tuple[ClassNotice, ...]
    others: tuple[ClassNotice, ...]
    stages: tuple[Stage, ...]
    lots: Lots | None
    maintenance: tuple[Span, ...]
    exempt: tuple[str, ...]
    leases_kept_ms: int
    desk: Desk | None

    @property
    def delays(self) -> bool:
        """Tell whether any line waits for anything in the trial."""
        return any(one.during is not None and one.during.delays_ms[1] > 0 for one in self.taking_part)


def notice(
    plan: Plan,
    classes: Mapping[str, Limit],
    exempt: Iterable[str],
    leases_kept_ms: int,
    desk: Desk | None,
) -> Notice:
    """Put together what is announced; `classes`: all there are, with their own limits."""
    taking = {name for name, _ in plan.own}
    # Gates that draw for themselves have the same limits, at other times.
    gates = () if plan.switchback is None else plan.switchback.gates
    blocks = schedule(at_gate(plan, gates[0]) if gates else plan)
    return Notice(
        name=plan.name,
        span=plan.span,
        zone=plan.zone,
        taking_part=tuple(_taking_part(name, own, plan, blocks) for name, own in plan.own),
        others=tuple(
            ClassNotice(name, None, values([own])) for name, own in classes.items() if name not in taking
        ),
        stages=tuple(
            Stage(phase.span, tuple((name, values([limit])) for name, limit in phase.limits))
            for phase in sorted(plan.phases, key=lambda phase: phase.span.begin)
        ),
        lots=_lots(plan),
        maintenance=tuple(sorted(plan.maintenance, key=lambda window: window.begin)),
        exempt=tuple(exempt),
        leases_kept_ms=leases_kept_ms,
        desk=desk,
    )


def ways(policies: Mapping[str, Policy]) -> tuple[Way, ...]:
    """Put classes together whose policies are alike."""
    alike: defaultdict[Policy, list[str]] = defaultdict(list)
    for name, policy in policies.items():
        alike[policy].append(name)
    return tuple(Way(tuple(names), policy, values([policy.own_limit])) for policy, names in alike.items())


def values(limits: Iterable[Limit]) -> Values | None:
    """Return the range of those limits that limit."""
    enforced = [limit for limit in limits if limit.mode is Mode.ENFORCE]
    if not enforced:
        return None
    caps = [limit.cap for limit in enforced]
    delays = [limit.delay_ms for limit in enforced]
    excesses = tuple(sorted({limit.excess for limit in enforced}))
    return Values((min(caps), max(caps)), (min(delays), max(delays)), excesses)


def _taking_part(name: str, own: Limit, plan: Plan, blocks: Sequence[Block]) -> ClassNotice:
    of_class = [block for block in blocks if block.class_name == name]
    limits = [block.limit for block in of_class]
    if _has_gap(plan.span, of_class):
        limits.append(own)
    return ClassNotice(name, values(limits), values([own]))


def _has_gap(span: Span, blocks: Sequence[Block]) -> bool:
    """Tell whether a class has its own limit for a while; `blocks`: in order, none overlaps another."""
    return sum((block.end - block.begin for block in blocks), timedelta()) < span.end - span.begin


def _lots(plan: Plan) -> Lots | None:
    drawn = plan.switchback
    if drawn is None or not any(block.arm is Arm.ON for block in schedule(plan)):
        return None
    on = tuple((name, values([limit])) for name, limit in drawn.on)
    return Lots(drawn.span, drawn.block, drawn.seed, on, drawn.units)
