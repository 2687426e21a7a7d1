"""The record of what was published: what cannot be recorded is not shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import datetime
from itertools import chain
from typing import NamedTuple

from sekisho.measure.cells import Ledger
from sekisho.store import StoreError, Transaction, open_store


class Recording(NamedTuple):
    """In which store what is shown is recorded, when, and by whom."""

    url: str
    now: datetime
    by: str


def ledger_of(transaction: Transaction, statistics: Iterable[str], begin: datetime, end: datetime) -> Ledger:
    """Read what was published of some statistics that touches a span."""
    found = [transaction.ledger(one, begin, end) for one in statistics]
    cells = {at: state for one in found for at, state in one.cells.items()}
    return Ledger(cells, frozenset(chain.from_iterable(one.shapes for one in found)))


def is_recorded(
    recording: Recording, read: Callable[[Transaction], Ledger], before: Ledger, after: Ledger
) -> bool:
    """Record what is new in a ledger, and tell whether it may be shown; `read`: how it stands in a store.

    Where others have published of the same meanwhile, it may not: who asks again is judged by theirs.
    """
    if not after.shapes - before.shapes:
        return True
    try:
        with closing(open_store(recording.url)) as store, store.transaction() as transaction:
            if not read(transaction).shapes <= before.shapes:
                return False
            transaction.remember(before, after, recording.now, recording.by)
    except StoreError:
        return False
    return True
