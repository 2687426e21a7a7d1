"""Draws the blocks of a trial: a line of half hours for each day."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from operator import attrgetter
from zoneinfo import ZoneInfo

from sekisho.trial.plan import Arm, Block
from sekisho.trial.walltime import DAY, first_at

CELL = timedelta(minutes=30)
MIXED = "▚"
WASHOUT = "▒"
SUSPENDED = "×"
NOTHING = " "
_ARMS = {Arm.ON: "█", Arm.OFF: "░"}
_ALONE = {Arm.ON: "▓", Arm.OFF: "·"}
STYLES = {
    **dict.fromkeys("█▓", "green"),
    **dict.fromkeys("░·", "cyan"),
    WASHOUT: "dim",
    SUSPENDED: "red",
    MIXED: "magenta",
}
_PHASES = "0123456789abcdefghijklmnopqrstuvwxyz"
_MANY = 3  # blocks in one cell, of which none can be shown


def draw_day(blocks: Sequence[Block], zone: ZoneInfo, day: date) -> str:
    """Draw the half hours of a day by the clock on the wall; `blocks`: of one class, in order."""
    midnight = datetime.combine(day, time())
    edges = [first_at(zone, midnight + number * CELL) for number in range(DAY // CELL + 1)]
    return "".join(_cell(blocks, begin, end) for begin, end in pairwise(edges))


def by_class(blocks: Sequence[Block]) -> Iterator[tuple[tuple[str, ...], Sequence[Block]]]:
    """Part blocks by class; classes that look alike are together."""
    alike: dict[tuple[object, ...], list[str]] = {}
    parted: dict[str, list[Block]] = {}
    for block in blocks:
        parted.setdefault(block.class_name, []).append(block)
    for name, own in parted.items():
        looks = tuple((one.begin, one.end, one.arm, one.phase, one.pair) for one in own)
        alike.setdefault(looks, []).append(name)
    for names in alike.values():
        yield tuple(names), parted[names[0]]


def _cell(blocks: Sequence[Block], begin: datetime, end: datetime) -> str:
    first = bisect_right(blocks, begin, key=attrgetter("end"))
    inside = blocks[first : bisect_left(blocks, end, key=attrgetter("begin"))]
    if begin == end or not inside:  # the clock skips it, or it has the class's own limit
        return NOTHING
    if any(block.arm is Arm.MAINTENANCE for block in inside):
        return SUSPENDED
    return MIXED if len(inside) >= _MANY else _symbol(inside[0], begin)


def _symbol(block: Block, at: datetime) -> str:
    if block.phase is not None:
        return _PHASES[block.phase] if block.phase < len(_PHASES) else "+"
    if block.washout_end is None:
        return _ALONE[block.arm]
    return WASHOUT if at < block.washout_end else _ARMS[block.arm]
