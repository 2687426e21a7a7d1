"""Sums of what the store holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sekisho.lines.events import Lease
from sekisho.lines.records import Relief
from sekisho.model import Address
from sekisho.store import Store
from sekisho.store.sums import LineTotals

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
GONE = Address(bytes([192, 0, 2, 9]), 32)


def test_an_empty_store_has_nothing(store: Store) -> None:
    with store.reading() as transaction:
        assert transaction.totals(NOON) == LineTotals(0, 0, 0)


def test_lines_addresses_and_reliefs_in_force_are_counted(store: Store) -> None:
    with store.transaction() as transaction:
        lines = transaction.number_lines(["one", "two", "three"])
        held = [Lease(Address(bytes([192, 0, 2, n]), 32), NOON, bytes(16), lines["one"]) for n in range(4)]
        transaction.change_leases([], [*held, held[0]._replace(address=GONE, end=NOON + HOUR)])
        transaction.add_relief(Relief(lines["one"], NOON, NOON + HOUR, "root", "own server"))
        transaction.add_relief(Relief(lines["two"], NOON, NOON + 3 * HOUR, "root", "own server"))
        transaction.add_relief(Relief(lines["three"], NOON, NOON + 3 * HOUR, "root", "own server"))
        transaction.end_relief(lines["three"], NOON + HOUR, "root")
    with store.reading() as transaction:
        assert transaction.totals(NOON) == LineTotals(3, 4, 3)
        assert transaction.totals(NOON + HOUR) == LineTotals(3, 4, 1)
