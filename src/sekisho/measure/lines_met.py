"""How many lines a cap would meet: those with more sessions at once in the busiest hour without a limit."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from operator import attrgetter

from sekisho.measure.judge import NotPublishableError
from sekisho.measure.peaks import CAPS, lines_met, published
from sekisho.measure.turns import HOUR
from sekisho.model import Mode, Peaks
from sekisho.trial.plan import Plan, schedule
from sekisho.trial.report_values import Because, NotKnown

TellsHour = Callable[[datetime], bool]
"""Tells of a class and the hour from a moment, which is a full hour, whether one mode held in all of it."""


def met_by_cap(class_name: str, cap: int, hours: Iterable[Peaks]) -> int | NotKnown:
    """Return how many lines of a class a cap would meet; `hours`: of each gate its busiest.

    A line that had so many sessions at several gates counts at each.
    """
    if cap not in CAPS:
        return NotKnown(Because.NOT_IN_BINS)
    met = []
    for hour in hours:
        try:
            least, most = lines_met(published(hour, class_name), cap)
        except NotPublishableError:
            return NotKnown(Because.SUPPRESSED)
        if least != most:
            return NotKnown(Because.SUPPRESSED)
        met.append(least)
    return sum(met) if met else NotKnown(Because.NOT_COUNTED)


@lru_cache(maxsize=16)  # of each class and mode; most gates have one plan, and what is known of its hours
def held_throughout(plan: Plan, class_name: str, mode: Mode) -> TellsHour:
    """Return what tells, by a plan as one gate has it, in which hours a class has a mode throughout."""
    blocks = [one for one in schedule(plan) if one.class_name == class_name]
    has_by_itself = dict(plan.own)[class_name].mode is mode
    known: dict[datetime, bool] = {}

    def is_held(begin: datetime) -> bool:
        if begin not in known:
            end = begin + HOUR
            first = max(0, bisect_right(blocks, begin, key=attrgetter("begin")) - 1)
            last = bisect_right(blocks, end, key=attrgetter("begin"))
            touched = [one for one in blocks[first:last] if one.begin < end and begin < one.end]
            covered = any(one.begin <= begin and end <= one.end for one in touched)
            has_another = any(one.limit.mode is not mode for one in touched)
            known[begin] = not has_another and (covered or has_by_itself)
        return known[begin]

    return is_held
