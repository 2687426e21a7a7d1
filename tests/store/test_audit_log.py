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
        assert [record.number for record in records] == [3, 4, 5]  # for how long it is kept, what went
        assert verify(records).sound
        assert transaction.forget_records(at(6), at(13)) == 1
        assert transaction.forget_records(at(20), at(27)) == 3
        verdict = verify(transaction.records())
        assert (verdict.sound, verdict.forgotten, verdict.forgotten_at) == (True, 6, at(27))
        assert transaction.record(entry(40)).number == 8
        assert verify(transaction.records()).sound


def test_only_the_leading_run_of_old_records_is_forgotten(store: Store) -> None:
    """A clock that was wrong once does not take what stands before."""
    with store.transaction() as transaction:
        for second in (0, 50, 1, 60):
            transaction.record(entry(second))
        assert transaction.forget_records(at(10), at(61)) == 1
        assert [record.number for record in transaction.records()][:3] == [2, 3, 4]
        assert verify(transaction.records()).sound


@pytest.mark.parametrize("now", [4, 5 + 2 * 86_400])
def test_a_clock_that_may_be_wrong_forgets_no_record(store: Store, now: float) -> None:
    with store.transaction() as transaction:
        for second in (0, 1, 5):
            transaction.record(entry(second))
        assert transaction.forget_records(at(now - 2), at(now)) == 0
        assert len(list(transaction.records())) == 3


def test_another_time_to_keep_the_log_is_recorded_before_it_is_obeyed(store: Store) -> None:
    with store.transaction() as transaction:
        assert transaction.forget_records(at(-100), at(0)) == 0
        assert list(transaction.records()) == []  # nothing is kept yet
        transaction.record(entry(0))
        for before, now in ((-99, 1), (-98, 2), (0.5, 3)):
            transaction.forget_records(at(before), at(now))
        told = [(one.entry.at, one.entry.action, one.entry.subject) for one in transaction.records()]
    assert told == [
        (at(1), "audit retention", "kept for 0:01:40"),
        (at(3), "audit retention", "kept for 0:00:02.500000"),
        (at(3), "audit forget", "records up to 1"),
    ]
