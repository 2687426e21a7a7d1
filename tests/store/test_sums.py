"""Sums of what the store holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sekisho.lines.events import Holding
from sekisho.lines.records import Relief
from sekisho.model import Address
from sekisho.store import Store
from sekisho.store.sums import LineTotals

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_an_empty_store_has_nothing(store: Store) -> None:
    with store.reading() as transaction:
        assert transaction.totals(NOON) == LineTotals(0, 0, 0)


def test_lines_addresses_and_reliefs_in_force_are_counted(store: Store) -> None:
    with store.transaction() as transaction:
        lines = transaction.number_lines(["one", "two", "three"])
        held = {Address(bytes([192, 0, 2, n]), 32): Holding(lines["one"], bytes(16), False) for n in range(4)}
        transaction.put_holdings(held)
        transaction.add_relief(Relief(lines["one"], NOON, NOON + HOUR, "root", "own server"))
        transaction.add_relief(Relief(lines["two"], NOON, NOON + 3 * HOUR, "root", "own server"))
        transaction.add_relief(Relief(lines["three"], NOON, NOON + 3 * HOUR, "root", "own server"))
        transaction.end_relief(lines["three"], NOON + HOUR, "root")
    with store.reading() as transaction:
        assert transaction.totals(NOON) == LineTotals(3, 4, 3)
        assert transaction.totals(NOON + HOUR) == LineTotals(3, 4, 1)
