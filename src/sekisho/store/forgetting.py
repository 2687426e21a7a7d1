"""One round of forgetting: chunk by chunk, so that accounting waits for none of them long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from sekisho.store.journal import Journal
from sekisho.store.store import Store

LATEST_PACKET = timedelta(days=31)
"""A login that was not heard of for so long is forgotten before its leases are: all was said of it."""


def forget(
    store: Store, journal: Journal, leases_before: datetime, audit_before: datetime, now: datetime
) -> Iterator[int]:
    """Forget leases and all that belongs to them, and the audit log with decisions, before two moments.

    Last go the lines of which nothing is left. What the store's journal has set aside, and what the audit log
    has, may be of any line: both stay while there is an order to keep evidence.
    Yields after each transaction how many rows it has forgotten, so that others can have their turn.
    Raises StoreError; what was forgotten until then is, and the next time goes on.
    """
    address: bytes | None = b""
    while address is not None:
        with store.transaction() as transaction:
            forgotten, address = transaction.forget_leases(leases_before, address)
        yield forgotten
    logins_before = max(leases_before, now - LATEST_PACKET)
    number: int | None = 0
    while number is not None:
        with store.transaction() as transaction:
            forgotten, number = transaction.forget_logins(logins_before, number)
        yield forgotten
    with store.transaction() as transaction:
        forgotten = transaction.forget_others(leases_before)
        forgotten += transaction.forget_decisions(audit_before)
        keeps_evidence = transaction.keeps_evidence()
        if not keeps_evidence:
            forgotten += transaction.forget_records(audit_before, now)
    yield forgotten
    if not keeps_evidence:
        yield journal.forget_aside(leases_before)
    yield from _forget_lines(store)


def forget_minutes(store: Store, before: datetime) -> Iterator[int]:
    """Forget minutes that began before a moment; the hours that they are in stay.

    Yields after each transaction, and raises, as `forget` does.
    """
    number: int | None = 0
    while number is not None:
        with store.transaction() as transaction:
            forgotten, number = transaction.forget_minutes(before, number)
        yield forgotten
    gate: str | None = ""
    while gate is not None:
        with store.transaction() as transaction:
            forgotten, gate = transaction.forget_equipment(before, gate)
        yield forgotten


def forget_desk(
    store: Store,
    reports_before: datetime,
    cases_before: datetime,
    leases_before: datetime,
    on_unseen: Callable[[int], object] = lambda _: None,
) -> Iterator[int]:
    """Forget reports that came before a moment, and cases that have been over since before another.

    Of which address a report speaks is forgotten with the leases of when it came.

    With the reports go the names that were only claimed since then: there are as many as somebody makes up.
    `on_unseen`: is told, at the end, how many of the reports nobody had looked at who had to.

    Yields after each transaction, and raises, as `forget` does.
    """
    unseen = 0
    forgotten = 1
    while forgotten:
        with store.transaction() as transaction:
            forgotten, of_queue = transaction.forget_reports(reports_before)
        unseen += of_queue
        yield forgotten
    if unseen:
        on_unseen(unseen)
    forgotten = 1
    while forgotten:
        with store.transaction() as transaction:
            forgotten = transaction.forget_addresses(leases_before)
        yield forgotten
    with store.transaction() as transaction:
        forgotten = transaction.forget_claims(reports_before)
    yield forgotten
    forgotten = 1
    while forgotten:
        with store.transaction() as transaction:
            forgotten = transaction.forget_cases(cases_before)
        yield forgotten


def _forget_lines(store: Store) -> Iterator[int]:
    number: int | None = -1  # a line may have number 0
    while number is not None:
        with store.transaction() as transaction:
            forgotten, number = transaction.forget_lines(number)
        yield forgotten
