"""What lines with an open case have sent, by the hour and the week: kept where it is of enough lines.

The kernel counts such lines in some arms for each stage of a case, each line in one of them, and tells at the
hour's turn how many lines began sessions in a stage. So no line has more of a sum than the largest arm has,
though what a line has is known to nobody. The desk knows which lines they are: therefore the sum of few, or
one that may be mostly a single line's, is written nowhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sekisho.measure.cells import Cell
from sekisho.measure.rules import Rules, is_few
from sekisho.measure.turns import HOUR, hour_of, is_whole
from sekisho.measure.windows import Size, window_at
from sekisho.model import Peaks, Sent, Stage

Counts = Mapping[tuple[str, Stage], tuple[Sent, ...]]
"""What was counted of a class and stage, arm by arm."""


class StageHour(NamedTuple):
    """Sessions or octets (`what`) of the lines of a class in a stage, in the whole hour from `begin`."""

    begin: datetime
    class_name: str
    stage: Stage
    what: str
    lines: int
    value: int


class StageOf(NamedTuple):
    """What is added up: the week from `begin`."""

    begin: datetime
    class_name: str
    stage: Stage
    what: str


class StageWeek(NamedTuple):
    """Sums of a week's hours, and the lines of each hour added up."""

    total: Cell
    line_hours: Cell


def hours_kept(hour: Peaks, before: Counts, after: Counts) -> Iterator[StageHour]:
    """Yield what may be kept of an hour whose begin and end were read.

    The class has to have as many other lines: what they have sent is the difference to what all have.
    """
    rules = Rules()
    if not is_whole(hour):
        return
    for (name, stage), lines in hour.stages.items():
        others = sum(sum(one.lines) for (of, _), one in hour.classes.items() if of == name) - lines
        if others < rules.fewest:
            continue
        for what in Sent._fields:
            parts = _parts(before.get((name, stage), ()), after.get((name, stage), ()), what)
            cell = Cell(lines, sum(parts), max(parts, default=0))
            if cell.value and min(parts) >= 0 and not is_few(cell, rules):
                yield StageHour(hour_of(hour.since), name, stage, what, lines, cell.value)


def weeks_of(hours: Iterable[StageHour], zone: ZoneInfo) -> dict[StageOf, StageWeek]:
    """Add up the hours of all gates by the week in which they lie as a whole.

    Lines: those of one hour at one gate are certain. One line may have half of each of them, and no more.
    """
    found: defaultdict[StageOf, list[StageHour]] = defaultdict(list)
    for one in hours:
        week = window_at(Size.WEEK, one.begin, zone)
        if one.begin + HOUR <= week.end:
            found[StageOf(week.begin, one.class_name, one.stage, one.what)].append(one)
    return {of: _added(some) for of, some in found.items()}


def _parts(before: tuple[Sent, ...], after: tuple[Sent, ...], what: str) -> list[int]:
    """Return what each arm counted meanwhile; below zero where a class was made anew."""
    return [getattr(end, what) - getattr(begin, what) for begin, end in zip(before, after, strict=False)]


def _added(hours: list[StageHour]) -> StageWeek:
    lines = [one.lines for one in hours]
    return StageWeek(
        Cell(max(lines), sum(one.value for one in hours), sum(one.value // 2 for one in hours)),
        Cell(max(lines), sum(lines), len(hours)),
    )
