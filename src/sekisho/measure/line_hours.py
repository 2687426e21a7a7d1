"""How many lines met their cap while they were limited, week by week: what of it may be published.

The kernel tells of an hour how many lines had sessions and how many of them met their cap, and of no line
which. A line is in an hour of a gate once at most. So no line has more of a sum than there are such hours:
whether one has most of it can be judged though no line is known.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from sekisho.measure.cells import Cell, Dimension, Ledger, Table
from sekisho.measure.cells import Published as PublishedTable
from sekisho.measure.lines_met import TellsHour
from sekisho.measure.turns import HOUR, hour_of, is_whole
from sekisho.measure.weeks import Of, release_weeks
from sekisho.measure.windows import Window
from sekisho.model import Active
from sekisho.trial.report_values import Because, MetCap, NotKnown, Published, Shown

LEAST_HOURS: Final = 24
"""Of a week: the sum of fewer could be compared with what is published of one of them by its peaks."""
MET: Final = "met"
WITHIN: Final = "within"
_SHAPE: Final = (Dimension("cap", (MET, WITHIN)),)


class LineHours(NamedTuple):
    """Lines that met their cap, and those with sessions that did not, added up over hours and gates.

    `hours`: by their begins, those in which the class was limited and was read, of `gates` gates; each gate's
    by themselves are `gate_hours` together.
    """

    met: Cell
    within: Cell
    hours: frozenset[datetime]
    gates: int
    gate_hours: int

    @property
    def mean_hours(self) -> float:
        """Return in how many hours the mean gate limited: gates may do so at different times."""
        return self.gate_hours / self.gates


def statistic(class_name: str) -> str:
    """Name what is published: of each class by itself, since no total of classes is ever told."""
    return f"line-hours while limited: {class_name}"


def line_hours(
    weeks: Sequence[Window], spans: Iterable[Active], limited: Mapping[str, TellsHour]
) -> dict[Of, LineHours]:
    """Add up the whole hours of one gate in which classes were limited throughout, by week."""
    begins = [week.begin for week in weeks]
    of_weeks: defaultdict[Of, dict[datetime, Active]] = defaultdict(dict)
    for span in spans:
        begin, is_limited = hour_of(span.since), limited.get(span.class_name)
        if is_limited is None or not is_limited(begin) or not is_whole(span):
            continue
        place = bisect_right(begins, begin) - 1
        if place >= 0 and begin + HOUR <= weeks[place].end:
            of_weeks[Of(begins[place], span.class_name)][begin] = span
    return {of: _added(hours) for of, hours in of_weeks.items()}


def together(one: Mapping[Of, LineHours], other: Mapping[Of, LineHours]) -> dict[Of, LineHours]:
    """Add two gates; lines of one of them alone are certain, since those of the other may be the same."""
    found = dict(one)
    for of, more in other.items():
        before = found.get(of)
        found[of] = more if before is None else _both(before, more)
    return found


def publish_weeks(
    weekly: Mapping[Of, LineHours],
    weeks: Sequence[Window],
    classes: Collection[str],
    before: Ledger,
    zone: ZoneInfo,
) -> tuple[Published, Ledger]:
    """Return the line-hours that may be seen, and the ledger that remembers them.

    `before`: what was published of these weeks, which stays as it was.
    """
    tables = []
    for week, name in product(weeks, classes):
        one, of = PublishedTable(statistic(name), week, _SHAPE), Of(week.begin, name)
        if of in weekly or one in before.shapes:
            tables.append((of, Table(*one, _cells(weekly.get(of)))))
    found = release_weeks(tables, before, zone)
    cells = [Shown(*of, cap, count) for of, table in found.shown for (cap,), count in table.items()]
    suppressed = sum(one.count is None for one in cells)
    because = None if cells or found.refused else Because.NOT_COUNTED
    return Published(tuple(cells), suppressed, found.refused, because, found.differing), found.ledger


def met_cap(class_name: str, published: Published, weekly: Mapping[Of, LineHours]) -> MetCap:
    """Return how many lines of a class met their cap in an hour in which all gates limit it.

    Of what may be seen alone; weeks in which that is suppressed are left out.
    """
    shown = {(one.begin, one.cap): one.count for one in published.cells if one.class_name == class_name}
    met, all_of_them, hours = 0, 0, 0.0
    for (begin, cap), count in shown.items():
        of = Of(begin, class_name)
        total = shown[begin, None]
        if cap == MET and count is not None and total is not None and of in weekly:
            met, all_of_them, hours = met + count, all_of_them + total, hours + weekly[of].mean_hours
    if not hours:
        none = NotKnown(published.because or (Because.SUPPRESSED if shown else Because.NOT_COUNTED))
        return MetCap(none, none)
    return MetCap(round(met / hours, 1), round(100 * met / all_of_them, 1))


def _added(hours: Mapping[datetime, Active]) -> LineHours:
    spans = hours.values()
    met = [span.met_cap for span in spans]
    within = [max(0, span.lines - span.met_cap) for span in spans]
    return LineHours(_cell(met), _cell(within), frozenset(hours), 1, len(hours))


def _cell(counts: Sequence[int]) -> Cell:
    """Return a sum; one line may be in each hour that has any."""
    return Cell(max(counts), sum(counts), sum(count > 0 for count in counts))


def _both(one: LineHours, other: LineHours) -> LineHours:
    met, within = (
        Cell(max(a.lines, b.lines), a.value + b.value, (a.largest or 0) + (b.largest or 0))
        for a, b in ((one.met, other.met), (one.within, other.within))
    )
    return LineHours(
        met, within, one.hours | other.hours, one.gates + other.gates, one.gate_hours + other.gate_hours
    )


def _cells(counted: LineHours | None) -> dict[tuple[str, ...], Cell]:
    if counted is None:  # it was published before, and nothing of it is kept any more
        return {}
    met, within = counted.met, counted.within
    if len(counted.hours) < LEAST_HOURS:
        met, within = _as_of_one(met), _as_of_one(within)
    return {(MET,): met, (WITHIN,): within}


def _as_of_one(cell: Cell) -> Cell:
    return Cell(min(1, cell.value), cell.value, cell.value)
