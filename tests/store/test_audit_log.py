"""The audit log on disk."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, text

from sekisho.audit import Entry, verify
from sekisho.store import Store
from sekisho.store.engine import read_url
from tests.store.values import at


def entry(second: float, user: str = "root") -> Entry:
    return Entry(at(second), 0, user, "line show", "alice", "case", "7", "done")


def test_records_are_read_in_order_from_any_place(store: Store) -> None:
    with store.transaction() as transaction:
        written = [transaction.record(entry(second)) for second in range(4)]
    with store.reading() as transaction:
        assert list(transaction.records()) == written
        assert list(transaction.records(after=2)) == written[2:]
        assert list(transaction.records(since=at(1))) == written[1:]
        assert verify(transaction.records(), written[0].hash).sound


def test_what_was_not_committed_leaves_no_gap(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as transaction:
            transaction.record(entry(0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.transaction() as transaction:
        assert transaction.record(entry(1)).number == 1


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit SET reference = '8' WHERE number = 2",
        "UPDATE audit SET at = at + 1 WHERE number = 2",
        "DELETE FROM audit WHERE number = 2",
    ],
)
def test_tampering_in_the_database_is_found(store: Store, url: str, tampering: str) -> None:
    with store.transaction() as transaction:
        for second in range(4):
            transaction.record(entry(second))
    engine = create_engine(read_url(url))
    with engine.begin() as connection:
        connection.execute(text(tampering))
    engine.dispose()
    with store.reading() as transaction:
        assert verify(transaction.records()).first_broken in (2, 3)


def test_what_is_old_is_forgotten_and_that_is_recorded(store: Store) -> None:
    with store.transaction() as transaction:
        for second in (0, 1, 5):
            transaction.record(entry(second))
        assert transaction.forget_records(at(2), at(9)) == 2
        assert transaction.forget_records(at(2), at(9)) == 0
        records = list(transaction.records())
        assert [record.number for record in records] == [3, 4]
        assert verify(records).sound
        assert transaction.forget_records(at(6), at(10)) == 1
        assert transaction.forget_records(at(20), at(30)) == 2
        assert verify(transaction.records()).sound
        assert transaction.record(entry(40)).number == 7
        assert verify(transaction.records()).sound
