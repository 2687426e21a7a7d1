"""The counts of a report: what may be seen of them, and the record of what was shown."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import NamedTuple

from sekisho.api.asker import Peer
from sekisho.daemon.actors import actor_name
from sekisho.measure.cells import Ledger
from sekisho.measure.lines_behind import lines_behind
from sekisho.measure.lines_met import met_by_cap
from sekisho.measure.trial_facts import STATISTIC, published, whole_weeks
from sekisho.measure.trial_hours import TrialHours
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


def counts_of_weeks(asking: Asking, hours: TrialHours) -> Published:
    """Return the counts that may be seen; they are recorded before they are shown."""
    weeks = whole_weeks(asking.plan, asking.now)
    span = asking.plan.span
    before = asking.transaction.ledger(STATISTIC, span.begin, span.end)
    peaks = chain.from_iterable(asking.transaction.peaks(span.begin, span.end, gate) for gate in asking.gates)
    behind = lines_behind(weeks, peaks)
    found, after = published(asking.plan, hours, behind, before, asking.now)
    if _is_recorded(asking, before, after):
        return found
    return Published((), len(found.cells), 0, Because.NOT_RECORDED)


def lines_that_met(asking: Asking, values: Mapping[str, Values | None]) -> Met:
    """Return how many lines the lowest cap of each class would have met; `values`: over the trial."""
    span = asking.plan.span
    gates = [
        tuple(asking.transaction.peaks(span.begin, min(span.end, asking.now), gate)) for gate in asking.gates
    ]
    return {
        name: NotKnown(Because.NOT_MEASURED)
        if one is None
        else met_by_cap(asking.plan, name, one.caps[0], gates)
        for name, one in ((name, values.get(name)) for name, _ in asking.plan.own)
    }


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
