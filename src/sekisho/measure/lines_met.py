"""How many lines a cap would meet: those with more sessions at once in the busiest hour without a limit."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from datetime import datetime
from operator import attrgetter

from sekisho.measure.judge import NotPublishableError
from sekisho.measure.peaks import CAPS, HOUR, lines_met, published
from sekisho.model import Mode, Peaks
from sekisho.trial.plan import Plan, schedule
from sekisho.trial.report_values import Because, NotKnown

IsUnlimited = Callable[[datetime], bool]
"""Tells whether a class is not limited in the hour from a moment, which is a full hour."""


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


def unlimited_by(plan: Plan, class_name: str) -> IsUnlimited:
    """Return what tells, by the plan of a trial, when a class is not limited."""
    blocks = [one for one in schedule(plan) if one.class_name == class_name]
    is_observed = dict(plan.own)[class_name].mode is Mode.OBSERVE
    known: dict[datetime, bool] = {}

    def is_unlimited(begin: datetime) -> bool:
        if begin not in known:
            end = begin + HOUR
            first = max(0, bisect_right(blocks, begin, key=attrgetter("begin")) - 1)
            last = bisect_right(blocks, end, key=attrgetter("begin"))
            touched = [one for one in blocks[first:last] if one.begin < end and begin < one.end]
            covered = any(one.begin <= begin and end <= one.end for one in touched)
            limited = any(one.limit.mode is Mode.ENFORCE for one in touched)
            known[begin] = not limited and (covered or is_observed)
        return known[begin]

    return is_unlimited
