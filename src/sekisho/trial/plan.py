"""The plan of a trial: which limit each class has at which moment, known before it begins.

A plan in, its schedule out: blocks that begin and end at moments, each with the limit of one class.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from operator import attrgetter
from zoneinfo import ZoneInfo

from sekisho.model import Limit, Mode
from sekisho.trial.lots import draw, pieces

ENOUGH_PAIRS = 6  # the fewest that let a two-sided sign-flip fall below 0.05: 2 / 2**6 = 0.03

Limits = tuple[tuple[str, Limit], ...]  # by class


class Arm(StrEnum):
    """What a block is for."""

    PHASE = "phase"
    ON = "on"
    OFF = "off"
    MAINTENANCE = "maintenance"


class Units(StrEnum):
    """What draws lots of its own: the trial as a whole, each of its classes, or each of its gates."""

    TRIAL = "trial"
    CLASSES = "classes"
    GATES = "gates"


@dataclass(frozen=True, slots=True)
class Span:
    """From a moment to before another; UTC."""

    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Phase:
    """A span with limits that somebody chose."""

    span: Span
    limits: Limits


@dataclass(frozen=True, slots=True)
class Switchback:
    """A span of blocks, one of each pair on by lot; `on`: the limits then.

    `block` divides a day and is longer than `washout`. `gates`: the names of those that draw for themselves.
    """

    span: Span
    block: timedelta
    washout: timedelta
    seed: int
    on: Limits
    units: Units = Units.TRIAL
    gates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A trial as it is planned; `own`: the classes that take part, and their limits without it.

    Spans lie within that of the trial; those of phases and of the switchback do not overlap for a class.
    """

    name: str
    span: Span
    zone: str
    own: Limits
    phases: tuple[Phase, ...] = ()
    switchback: Switchback | None = None
    maintenance: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """What one class has from `begin` to before `end` (UTC).

    `phase`: the number of the phase, from 1. `pair`: where the block is to be compared with the other of
    its pair, its number, from 1; then what comes before `washout_end` is left out. `unit`: the class or gate
    that drew for itself; a gate's block is for it alone.
    """

    begin: datetime
    end: datetime
    class_name: str
    arm: Arm
    limit: Limit
    phase: int | None = None
    pair: int | None = None
    washout_end: datetime | None = None
    unit: str | None = None


@lru_cache(maxsize=4)  # asked at every moment, and made of some ten thousand hashes
def schedule(plan: Plan) -> tuple[Block, ...]:
    """Return the blocks of a plan by begin, class and unit; no two of a class overlap at one gate."""
    windows = _merged(plan.maintenance)
    planned = (*_phases(plan), *_drawn(plan))
    spoilt = {one.pair for one in planned if one.pair is not None and _without(one, windows) != [one]}
    blocks = [
        piece for one in planned for piece in _without(_unpaired(one) if one.pair in spoilt else one, windows)
    ]
    blocks += (
        Block(window.begin, window.end, name, Arm.MAINTENANCE, observing(limit))
        for window in windows
        for name, limit in plan.own
    )
    return tuple(sorted(blocks, key=lambda block: (block.begin, block.class_name, block.unit or "")))


def holds(plan: Plan, now: datetime) -> Mapping[str, Block]:
    """Return the block that each class is in; a class that is not named has its own limit.

    `plan`: as one gate has it (`at_gate`). `now` is aware.
    """
    return {block.class_name: block for block in schedule(plan) if block.begin <= now < block.end}


def at_gate(plan: Plan, gate: str) -> Plan:
    """Return a plan as one gate has it; where gates draw for themselves, without the blocks of others."""
    drawn = plan.switchback
    if drawn is None or drawn.units is not Units.GATES:
        return plan
    return replace(plan, switchback=replace(drawn, gates=tuple(name for name in drawn.gates if name == gate)))


def units(drawn: Switchback) -> Mapping[str | None, Limits]:
    """Return what draws lots of its own, and the limits of the classes that it puts on."""
    if drawn.units is Units.CLASSES:
        return {name: ((name, limit),) for name, limit in drawn.on}
    if drawn.units is Units.GATES:
        return dict.fromkeys(drawn.gates, drawn.on)
    return {None: drawn.on}


def count_pairs(plan: Plan) -> int:
    """Return how many pairs of blocks can be compared, of all units."""
    return pairs_among(schedule(plan))


def pairs_among(blocks: Iterable[Block]) -> int:
    """Return how many pairs these blocks are of."""
    return len({(block.unit, block.pair) for block in blocks if block.pair is not None})


def without_maintenance(plan: Plan) -> Plan:
    """Return a plan as it is where nothing suspends it."""
    return replace(plan, maintenance=())


def smallest_p(pairs: int) -> float:
    """Return the smallest p-value that a two-sided sign-flip test of so many pairs can give."""
    return min(1.0, 2.0 ** (1 - pairs))


def observing(limit: Limit) -> Limit:
    """Return a limit that only counts."""
    return replace(limit, mode=Mode.OBSERVE)


def _phases(plan: Plan) -> Iterator[Block]:
    for number, phase in enumerate(plan.phases, 1):
        for name, limit in phase.limits:
            yield Block(phase.span.begin, phase.span.end, name, Arm.PHASE, limit, phase=number)


def _drawn(plan: Plan) -> Iterator[Block]:
    """Put the blocks of the switchback on or off, for all classes of a unit alike."""
    if (wanted := plan.switchback) is None:
        return
    own = dict(plan.own)
    found = tuple(pieces(ZoneInfo(plan.zone), wanted.span.begin, wanted.span.end, wanted.block))
    for unit, on in units(wanted).items():
        lots = draw(found, wanted.seed, unit)
        for number, piece in enumerate(found):
            lot = lots.get(number)
            for name, limit in on:
                block = Block(piece.begin, piece.end, name, Arm.OFF, observing(own[name]), unit=unit)
                if lot is not None:
                    block = replace(block, pair=lot.pair, washout_end=piece.begin + wanted.washout)
                yield replace(block, arm=Arm.ON, limit=limit) if lot is not None and lot.on else block


def _unpaired(block: Block) -> Block:
    return replace(block, pair=None, washout_end=None)


def _without(block: Block, windows: Sequence[Span]) -> list[Block]:
    """Return what maintenance leaves of a block; `windows`: in order, none touches another."""
    left = []
    begin = block.begin
    for window in windows[bisect_right(windows, begin, key=attrgetter("end")) :]:
        if window.begin >= block.end:
            break
        if begin < window.begin:
            left.append(replace(block, begin=begin, end=window.begin))
        begin = min(window.end, block.end)
    if begin < block.end:
        left.append(replace(block, begin=begin))
    return left


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: span.begin):
        if merged and span.begin <= merged[-1].end:
            merged[-1] = Span(merged[-1].begin, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged
