"""What is read of a gate, and what becomes of it: values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import IntEnum
from itertools import zip_longest
from typing import Final

from sekisho.measure.equipment import Equipment, EquipmentCounts
from sekisho.model import ClassCounters
from sekisho.trial.plan import Block

OUTSIDE: Final = "outside"
VARIOUS: Final = "various"
"""The arm of a gate whose classes do not have the same."""

SUMS: Final = tuple(one.name for one in fields(ClassCounters) if isinstance(one.default, int))

Key = tuple[str, int]  # class name and the gate's own number of the arm, as in `Counters`


@dataclass(frozen=True, slots=True)
class Held:
    """What held for a class: the arm and phase of a trial's block.

    `washout`: the block's beginning, which is left out of comparisons. `since`: the begin of the block, or,
    what follows its wash-out, the end of that; None where it is not known. `until` is only what was planned.
    """

    arm: str = OUTSIDE
    phase: int | None = None
    since: datetime | None = None
    washout: bool = False
    until: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a gate had counted at a moment, and what holds from that moment on.

    `run` names the counters themselves: another one where they were made anew, the same across restarts of
    the daemon. `uptime_ns`: a clock that nobody sets, which counts from the boot and while suspended; of one
    run only such times are comparable. A class that `held` does not name is outside a trial. `equipment`:
    None where nobody reads it.
    """

    gate: str
    run: str
    at: datetime
    uptime_ns: int
    classes: Mapping[Key, ClassCounters]
    held: Mapping[str, Held] = field(default_factory=dict)
    equipment: Equipment | None = None


class Timing(IntEnum):
    """What is known of when a row's counts were counted; the numbers are stored.

    Only KNOWN may stand for its minute or hour; LONG may still stand for its block.
    """

    KNOWN = 0  # in this minute or hour, and all of it that `covered` says
    LONG = 1  # from here on, beyond the minute or hour
    MIXED = 2  # what held changed meanwhile
    PARTIAL = 3  # something was lost meanwhile: `covered` is zero, since it is not known
    CLOCK = 4  # the clock jumped meanwhile


class Why(IntEnum):
    """Why something is missing or doubtful; the numbers are stored."""

    NOT_READ = 0
    COUNTERS_ANEW = 1
    CLASS_ANEW = 2
    CLASS_GONE = 3
    CLOCK_BACK = 4
    CLOCK_FORWARD = 5
    ARM_CHANGED = 6
    EQUIPMENT_NOT_READ = 7
    EQUIPMENT_ANEW = 8  # an interface or the daemon: something is lost


@dataclass(frozen=True, slots=True)
class Row:
    """What was counted from one reading to the next; `begin`: the minute it is put down to.

    Of rows with one `place` the counts and what they cover add up.
    """

    gate: str
    key: Key
    held: Held
    begin: datetime
    timing: Timing
    covered: timedelta
    counts: ClassCounters


@dataclass(frozen=True, slots=True)
class EquipmentRow:
    """What a gate's equipment did from one reading to the next; as `Row`. `held`: see `held_by_gate`."""

    gate: str
    held: Held
    begin: datetime
    timing: Timing
    covered: timedelta
    counts: EquipmentCounts


@dataclass(frozen=True, slots=True)
class Mark:
    """A span of which something is missing or doubtful; without a class: for all of the gate's."""

    gate: str
    class_name: str | None
    begin: datetime
    end: datetime
    why: Why


@dataclass(frozen=True, slots=True)
class Counted:
    """What a reading adds; `last`: what the next is compared with. All of it is kept, or nothing."""

    rows: tuple[Row, ...]
    marks: tuple[Mark, ...]
    last: Reading
    equipment: EquipmentRow | None = None


def held_by(block: Block, now: datetime) -> Held:
    """Return what a block of a plan lets hold at a moment in it."""
    arm, clean = str(block.arm), block.washout_end
    if clean is not None and now < clean:
        return Held(arm, block.phase, block.begin, washout=True, until=clean)
    return Held(arm, block.phase, block.begin if clean is None else clean, until=block.end)


def held_by_gate(held: Mapping[str, Held]) -> Held:
    """Return what all classes of a gate have that are in a trial; its arm is VARIOUS where they differ."""
    found = {one for one in held.values() if one.arm != OUTSIDE}
    if not found:
        return Held()
    return found.pop() if len(found) == 1 else Held(VARIOUS)


def added(one: ClassCounters, other: ClassCounters) -> ClassCounters:
    """Add counts up."""
    return _merged(one, other, 1)


def subtracted(one: ClassCounters, other: ClassCounters) -> ClassCounters:
    """Take the other's counts from the one's."""
    return _merged(one, other, -1)


def has_negative(counts: ClassCounters) -> bool:
    """Tell whether a difference goes below zero."""
    sums: list[int] = [getattr(counts, name) for name in SUMS]
    return min(*sums, *counts.concurrency, *counts.length) < 0


def _merged(one: ClassCounters, other: ClassCounters, sign: int) -> ClassCounters:
    sums: dict[str, int] = {name: getattr(one, name) + sign * getattr(other, name) for name in SUMS}
    return ClassCounters(
        **sums,
        concurrency=_merged_buckets(one.concurrency, other.concurrency, sign),
        length=_merged_buckets(one.length, other.length, sign),
    )


def _merged_buckets(one: tuple[int, ...], other: tuple[int, ...], sign: int) -> tuple[int, ...]:
    return tuple(a + sign * b for a, b in zip_longest(one, other, fillvalue=0))
