"""The counts of a report: what may be seen of them, and the record of what was shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from sekisho.measure.blocklist import publish_blocklist
from sekisho.measure.blocklist import statistic as blocklist_of
from sekisho.measure.cells import Ledger
from sekisho.measure.few_lines import Sizes, few_hours, sizes_of, without
from sekisho.measure.line_hours import LineHours, line_hours, publish_weeks, together
from sekisho.measure.line_hours import statistic as line_hours_of
from sekisho.measure.lines_met import held_throughout, met_by_cap
from sekisho.measure.peaks import busiest
from sekisho.measure.weeks import Of, whole_weeks
from sekisho.measure.windows import Window
from sekisho.model import Active, Mode, Peaks
from sekisho.reporting.recorded import Recording, is_recorded, ledger_of
from sekisho.store import Transaction
from sekisho.trial.blocklist import Counts
from sekisho.trial.estimate_observed import NEAR
from sekisho.trial.notice import Values
from sekisho.trial.plan import Plan, at_gate
from sekisho.trial.report_values import Because, Blocklist, NotKnown, Published
from sekisho.trial.series import Series, Whole

_Found = TypeVar("_Found")

Met = Mapping[str, int | NotKnown]
"""How many lines the lowest cap of each class would meet."""


class Asking(NamedTuple):
    """What is counted, where it is read, and where what is shown of it is recorded."""

    plan: Plan
    gates: Sequence[str]
    transaction: Transaction
    recording: Recording

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the classes that take part."""
        return tuple(name for name, _ in self.plan.own)


class Lines(NamedTuple):
    """What is known of lines: sums of weeks, and of each class each gate's busiest hour without a limit.

    `sizes`: in how many hours a class had few. `few`: which those are of each gate and class, in
    microseconds.
    """

    weekly: Mapping[Of, LineHours]
    hours: Mapping[str, Sequence[Peaks]]
    sizes: Sizes
    few: Mapping[tuple[str, str], Whole]

    def of_many(self, name: str, series: Iterable[Series]) -> tuple[Series, ...]:
        """Return what was counted of a class in hours in which no few lines had sessions."""
        return tuple(
            one if (few := self.few.get((one.gate, name))) is None else without(one, few) for one in series
        )


def lines_of(asking: Asking) -> Lines:
    """Read how many lines each gate had, one after the other: hours of a year of many are a million."""
    span, weeks = asking.plan.span, whole_weeks(asking.plan, asking.recording.now)
    weekly: dict[Of, LineHours] = {}
    sizes: Sizes = Counter()
    hours: dict[str, list[Peaks]] = {name: [] for name in asking.classes}
    few: dict[tuple[str, str], Whole] = {}
    for gate in asking.gates:
        plan = at_gate(asking.plan, gate)
        spans = asking.transaction.active_lines(span.begin, min(span.end, asking.recording.now), gate)
        limited = {name: held_throughout(plan, name, Mode.ENFORCE) for name in hours}
        weekly = together(weekly, line_hours(weeks, spans, limited))
        sizes += sizes_of(spans)
        few |= {(gate, name): found for name, found in few_hours((*spans, *_around(asking, gate))).items()}
        for name, of_class in hours.items():
            if (hour := busiest(spans, name, held_throughout(plan, name, Mode.OBSERVE))) is not None:
                of_class.append(asking.transaction.peaks_since(hour.since, gate))
    return Lines(weekly, hours, sizes, few)


def _around(asking: Asking, gate: str) -> Iterable[Active]:
    """Read how many lines there were before and after a trial, with which its phases are compared."""
    span, read = asking.plan.span, asking.transaction.active_lines
    if not asking.plan.phases:
        return ()
    return (*read(span.begin - NEAR, span.begin, gate), *read(span.end, span.end + NEAR, gate))


def counts_of_weeks(asking: Asking, weekly: Mapping[Of, LineHours]) -> Published:
    """Return the counts that may be seen; they are recorded before they are shown."""
    found, is_seen = _recorded(asking, line_hours_of, lambda *rest: publish_weeks(weekly, *rest))
    return found if is_seen else Published((), len(found.cells), 0, Because.NOT_RECORDED)


def blocklist_of_weeks(asking: Asking, counts: Counts) -> Blocklist:
    """Return the blocklist entries that may be seen; they are recorded before they are shown."""
    found, is_seen = _recorded(asking, blocklist_of, lambda *rest: publish_blocklist(counts, *rest))
    return found if is_seen else Blocklist((), 0, Because.NOT_RECORDED)


def _recorded(
    asking: Asking,
    statistic: Callable[[str], str],
    publish: Callable[[Sequence[Window], Sequence[str], Ledger, ZoneInfo], tuple[_Found, Ledger]],
) -> tuple[_Found, bool]:
    """Return what may be seen of the weeks of the trial, and whether that could be recorded."""
    plan = asking.plan

    def ledger(transaction: Transaction) -> Ledger:
        """Read what was published of the trial's classes and time."""
        return ledger_of(transaction, map(statistic, asking.classes), plan.span.begin, plan.span.end)

    before = ledger(asking.transaction)
    weeks = whole_weeks(plan, asking.recording.now)
    found, after = publish(weeks, asking.classes, before, ZoneInfo(plan.zone))
    return found, is_recorded(asking.recording, ledger, before, after)


def lines_that_would_meet(lines: Lines, values: Mapping[str, Values | None]) -> Met:
    """Return how many lines the lowest cap of each class would have met; `values`: over the trial."""
    found: dict[str, int | NotKnown] = {}
    for name, hours in lines.hours.items():
        one = values.get(name)
        found[name] = NotKnown(Because.NOT_MEASURED) if one is None else met_by_cap(name, one.caps[0], hours)
    return found
