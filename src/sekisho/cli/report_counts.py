"""The counts of a report: what may be seen of them, and the record of what was shown."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sekisho.api.asker import Peer
from sekisho.daemon.actors import actor_name
from sekisho.measure.cells import Ledger
from sekisho.measure.lines_behind import lines_behind, most_behind
from sekisho.measure.lines_met import met_by_cap, unlimited_by
from sekisho.measure.peaks import busiest
from sekisho.measure.trial_facts import STATISTIC, Behind, Of, published, whole_weeks
from sekisho.measure.trial_hours import TrialHours
from sekisho.model import Peaks
from sekisho.store import StoreError, Transaction, open_store
from sekisho.trial.notice import Values
from sekisho.trial.plan import Plan
from sekisho.trial.report_values import Because, NotKnown, Published

Met = Mapping[str, int | NotKnown]
"""How many lines the lowest cap of each class would meet."""


class Asking(NamedTuple):
    """What is counted, where it is kept, and when it is asked for."""

    plan: Plan
    gates: Sequence[str]
    url: str
    transaction: Transaction
    now: datetime


class Lines(NamedTuple):
    """What is known of lines: those behind counts, and of each class the busiest hour of each gate."""

    behind: Mapping[Of, Behind]
    hours: Mapping[str, Sequence[Peaks]]


def lines_of(asking: Asking) -> Lines:
    """Read how many lines each gate had, one after the other: hours of a year of many are a million."""
    span, weeks = asking.plan.span, whole_weeks(asking.plan, asking.now)
    behind: dict[Of, Behind] = {}
    unlimited = {name: unlimited_by(asking.plan, name) for name, _ in asking.plan.own}
    hours: dict[str, list[Peaks]] = {name: [] for name in unlimited}
    for gate in asking.gates:
        spans = asking.transaction.active_lines(span.begin, min(span.end, asking.now), gate)
        behind = most_behind(behind, lines_behind(weeks, spans))
        for name, is_unlimited in unlimited.items():
            if (hour := busiest(spans, name, is_unlimited)) is not None:
                hours[name].append(asking.transaction.peaks_since(hour.since, gate))
    return Lines(behind, hours)


def counts_of_weeks(asking: Asking, hours: TrialHours, behind: Mapping[Of, Behind]) -> Published:
    """Return the counts that may be seen; they are recorded before they are shown."""
    span = asking.plan.span
    before = asking.transaction.ledger(STATISTIC, span.begin, span.end)
    found, after = published(asking.plan, hours, behind, before, asking.now)
    if _is_recorded(asking, before, after):
        return found
    return Published((), len(found.cells), 0, Because.NOT_RECORDED)


def lines_that_met(lines: Lines, values: Mapping[str, Values | None]) -> Met:
    """Return how many lines the lowest cap of each class would have met; `values`: over the trial."""
    found: dict[str, int | NotKnown] = {}
    for name, hours in lines.hours.items():
        one = values.get(name)
        found[name] = NotKnown(Because.NOT_MEASURED) if one is None else met_by_cap(name, one.caps[0], hours)
    return found


def _is_recorded(asking: Asking, before: Ledger, after: Ledger) -> bool:
    """Record what is new in a ledger; what cannot be recorded is not shown."""
    new = after.shapes - before.shapes
    if not new:
        return True
    begin, end = min(one.window.begin for one in new), max(one.window.end for one in new)
    by = actor_name(Peer(os.getuid(), os.getpid()))
    try:
        store = open_store(asking.url)
        try:
            with store.transaction() as transaction:
                there = transaction.ledger(STATISTIC, begin, end)
                if not there.shapes <= before.shapes:  # somebody has published meanwhile: ask again
                    return False
                transaction.remember(before, after, asking.now, by)
        finally:
            store.close()
    except StoreError:
        return False
    return True
