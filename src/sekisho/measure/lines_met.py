"""How many lines a cap would meet: those with more sessions at once in the busiest hour without a limit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from sekisho.measure.judge import NotPublishableError
from sekisho.measure.peaks import CAPS, HOUR, busiest, lines_met, published
from sekisho.model import Mode, Peaks
from sekisho.trial.plan import Block, Plan, schedule
from sekisho.trial.report_values import Because, NotKnown


def met_by_cap(plan: Plan, class_name: str, cap: int, gates: Iterable[Iterable[Peaks]]) -> int | NotKnown:
    """Return how many lines of a class a cap would meet, of all gates: of each in its own busiest hour.

    `gates`: the peaks of each. A line that had so many sessions at several gates counts at each.
    """
    if cap not in CAPS:
        return NotKnown(Because.NOT_IN_BINS)
    met, is_counted = 0, False
    for spans in gates:
        hour = busiest((one for one in spans if is_unlimited(plan, class_name, one.since)), class_name)
        if hour is None:
            continue
        try:
            least, most = lines_met(published(hour, class_name), cap)
        except NotPublishableError:
            return NotKnown(Because.SUPPRESSED)
        if least != most:
            return NotKnown(Because.SUPPRESSED)
        met, is_counted = met + least, True
    return met if is_counted else NotKnown(Because.NOT_COUNTED)


def is_unlimited(plan: Plan, class_name: str, begin: datetime) -> bool:
    """Tell whether a class of a trial is not limited in the hour from a moment, by its plan."""
    end = begin + HOUR
    blocks = [one for one in _of_class(plan, class_name) if one.begin < end and begin < one.end]
    if any(one.limit.mode is Mode.ENFORCE for one in blocks):
        return False
    is_covered = any(one.begin <= begin and end <= one.end for one in blocks)
    return is_covered or dict(plan.own)[class_name].mode is Mode.OBSERVE


@lru_cache(maxsize=8)
def _of_class(plan: Plan, class_name: str) -> tuple[Block, ...]:
    return tuple(block for block in schedule(plan) if block.class_name == class_name)
