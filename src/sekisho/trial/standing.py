"""How a trial stands at a moment: what it limits, by which block, and when something changes next."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from operator import attrgetter

from sekisho.model import Limit
from sekisho.trial.events import Suspension
from sekisho.trial.plan import Block, Plan, observing, schedule


class State(StrEnum):
    """Whether a trial decides about limits."""

    NOT_STARTED = "not started"
    RUNNING = "running"
    SUSPENDED = "suspended"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Standing:
    """A trial at a moment, and from `since` to before `until` (UTC; None: without an end that way).

    `limits`: of the classes that have another than their own, or hold their own by the plan. `blocks`: the
    block that each class is in, also while suspended; a class of a running trial that is in none has its own
    limit.
    """

    plan: Plan
    state: State
    suspension: Suspension | None
    limits: Mapping[str, Limit]
    blocks: Mapping[str, Block]
    since: datetime | None
    until: datetime | None

    @property
    def holds(self) -> frozenset[str]:
        """Return the classes whose limits are the plan's alone."""
        return frozenset(self.limits) if self.state is State.RUNNING else frozenset()


def standing(plan: Plan, suspension: Suspension | None, now: datetime) -> Standing:
    """Tell how a trial stands; `plan`: as one gate has it (`at_gate`); `now` is aware."""
    moments = _moments(plan)
    place = bisect_right(moments, now)
    since = moments[place - 1] if place else None
    until = moments[place] if place < len(moments) else None
    state = _state(plan, suspension, now)
    blocks = _blocks(plan, now)
    limits: dict[str, Limit] = {}
    if state is State.SUSPENDED:
        limits = {name: observing(own) for name, own in plan.own}
    elif state is State.RUNNING:
        limits = {name: blocks[name].limit if name in blocks else own for name, own in plan.own}
    return Standing(plan, state, suspension, limits, blocks, since, until)


def delays_to_come_ms(now: Standing | None) -> tuple[int, ...]:
    """Return the delays that a trial is still to give, the next first, then its classes' own."""
    if now is None or now.state is State.OVER:
        return ()
    blocks = schedule(now.plan)
    left = (one.limit for one in blocks if now.since is None or one.end > now.since)
    return tuple(dict.fromkeys(one.delay_ms for one in (*left, *(own for _, own in now.plan.own))))


def _state(plan: Plan, suspension: Suspension | None, now: datetime) -> State:
    if now < plan.span.begin:
        return State.NOT_STARTED
    if now >= plan.span.end:
        return State.OVER
    return State.RUNNING if suspension is None else State.SUSPENDED


def _blocks(plan: Plan, now: datetime) -> dict[str, Block]:
    found = {}
    for name, blocks in _by_class(plan).items():
        place = bisect_right(blocks, now, key=attrgetter("begin"))
        if place and now < blocks[place - 1].end:
            found[name] = blocks[place - 1]
    return found


@lru_cache(maxsize=4)
def _by_class(plan: Plan) -> Mapping[str, Sequence[Block]]:
    found: dict[str, list[Block]] = {name: [] for name, _ in plan.own}
    for block in schedule(plan):
        found[block.class_name].append(block)
    return found


@lru_cache(maxsize=4)
def _moments(plan: Plan) -> Sequence[datetime]:
    """Return in order the moments at which something of a plan changes."""
    blocks = schedule(plan)
    moments = {plan.span.begin, plan.span.end}
    return sorted(moments.union((one.begin for one in blocks), (one.end for one in blocks)))
