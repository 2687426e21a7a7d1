"""Blocklist entries as an outcome of a trial, and what of their numbers may be seen.

Somebody else's program counts addresses, and of hours or days of which it said nothing nothing is known. Each
address stands for a line: whether one line held several cannot be seen here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from sekisho.measure.cells import Cell, Dimension, Ledger, Published, Table
from sekisho.measure.rules import Rules, is_few
from sekisho.measure.weeks import Of, release_weeks
from sekisho.measure.windows import Size, Window, window_at
from sekisho.trial.blocklist import Counts
from sekisho.trial.plan import Plan, Units
from sekisho.trial.report_values import Because, Blocklist, BlocklistWeek, NotKnown
from sekisho.trial.series import Columns, Series, microseconds
from sekisho.trial.walltime import DAY, HOUR

_OF_ALL_GATES: Final = ""  # a list tells of no gate
_NEW: Final = "new"
_SHAPE: Final = (Dimension("blocklist entries", (_NEW,)),)


class BlocklistSeries:
    """What was entered, as series; a class of which hours were entered is counted by these alone."""

    def __init__(self, plan: Plan, counts: Counts) -> None:
        self._plan = plan
        self._counted: defaultdict[str, dict[timedelta, dict[datetime, int]]] = defaultdict(
            lambda: {HOUR: {}, DAY: {}}
        )
        for (name, span), count in counts.items():
            of_class, step = self._counted[name], span.end - span.begin
            if step in of_class:  # a day on which the clock is changed is as no other
                of_class[step][span.begin] = count

    def series(self, class_name: str) -> tuple[Series, ...]:
        """Return the entries of a class by the hour or else by the day as one series, or none: `why_none`."""
        if self.why_none(class_name) is not None:
            return ()
        step, counts = self._of(class_name)
        begins = sorted(counts)
        columns = Columns(
            np.array([microseconds(begin) for begin in begins], dtype=np.int64),
            np.array([counts[begin] for begin in begins], dtype=np.float64),
            np.ones(len(begins)),
        )
        return (Series(_OF_ALL_GATES, step, columns),)

    def why_none(self, class_name: str) -> NotKnown | None:
        """Tell why nothing may be told of a class, if so."""
        span, drawn = self._plan.span, self._plan.switchback
        step, counts = self._of(class_name)
        inside = [count for begin, count in counts.items() if span.begin <= begin < span.end]
        if not inside:
            return NotKnown(Because.NOT_ENTERED)
        if drawn is not None and drawn.units is Units.GATES:
            return NotKnown(Because.OF_NO_GATE)
        if step == DAY and (drawn is None or drawn.block != DAY):
            return NotKnown(Because.BY_THE_DAY)
        rules = Rules()
        few = NotKnown(Because.TOO_FEW_LINES, None, rules.fewest)
        return few if is_few(_cell(sum(inside)), rules) else None

    def _of(self, class_name: str) -> tuple[timedelta, dict[datetime, int]]:
        of_class = self._counted[class_name]
        step = HOUR if of_class[HOUR] else DAY
        return step, of_class[step]


def statistic(class_name: str) -> str:
    """Name what is published: of each class by itself, since no total of classes is ever told."""
    return f"new blocklist entries: {class_name}"


def publish_blocklist(
    counts: Counts, weeks: Sequence[Window], classes: Collection[str], before: Ledger, zone: ZoneInfo
) -> tuple[Blocklist, Ledger]:
    """Return the entries of whole weeks that may be seen, and the ledger that remembers them.

    Of a week of which something was not entered nothing is told. `before`: what was published of these weeks.
    """
    whole = _whole(counts, zone)
    tables = []
    for week, name in product(weeks, classes):
        one, of = Published(statistic(name), week, _SHAPE), Of(week.begin, name)
        if of in whole or one in before.shapes:
            tables.append((of, Table(*one, {(_NEW,): _cell(whole.get(of, 0))})))
    found = release_weeks(tables, before, zone)
    shown = tuple(BlocklistWeek(*of, table[(None,)]) for of, table in found.shown)
    because = None if shown or found.refused else Because.NO_WHOLE_WEEK if counts else Because.NOT_ENTERED
    return Blocklist(shown, found.refused, because, found.differing), found.ledger


def _cell(addresses: int) -> Cell:
    return Cell(lines=addresses, value=addresses)


def _whole(counts: Counts, zone: ZoneInfo) -> dict[Of, int]:
    """Add up the weeks of which every hour was entered.

    Where the zone's offset has half an hour, no week has whole hours, and none is told of by hours.
    """
    sums: Counter[Of] = Counter()
    missing: dict[Of, timedelta] = {}
    for (name, span), count in counts.items():
        week = window_at(Size.WEEK, span.begin, zone)
        if span.end > week.end:
            continue
        of = Of(week.begin, name)
        sums[of] += count
        missing[of] = missing.get(of, week.end - week.begin) - (span.end - span.begin)
    return {of: sums[of] for of, rest in missing.items() if not rest}
