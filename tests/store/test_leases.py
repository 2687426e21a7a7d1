"""Leases, with their history and who holds what now, compared with a plain set of leases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sekisho.lines.events import Ending, Holding, Lease
from sekisho.lines.holder import holder
from sekisho.model import Address
from sekisho.store import Store
from tests.store.values import ADDRESSES, HOME, OTHER, PREFIX, SHARED, at, lease, login_of

ONE_STORE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)


@dataclass
class Plain:
    """What the store shall do, without a database."""

    leases: dict[tuple[Address, object, bytes], Lease] = field(default_factory=dict)

    def change(self, removed: Iterable[Lease], added: Iterable[Lease]) -> None:
        for one in removed:
            self.leases.pop((one.address, one.begin, one.login), None)
        self.leases |= {(one.address, one.begin, one.login): one for one in added}

    def of(self, address: Address) -> list[Lease]:
        found = [one for one in self.leases.values() if one.address == address]
        return sorted(found, key=lambda one: (one.begin, one.login))

    def holding(self, address: Address) -> tuple[int, bytes] | None:
        last = self.of(address)[-1:]
        return (last[0].line, last[0].login) if last and last[0].end is None else None

    def spans(self, line: int) -> Iterator[Lease]:
        """Yield the leases of a line with their effective ends."""
        for address in ADDRESSES:
            for one, following in pairwise([*self.of(address), None]):
                assert one is not None
                superseded = following is not None and (one.end is None or following.begin < one.end)
                span = one._replace(end=following.begin, ending=None) if following and superseded else one
                if span.line == line and (span.end is None or span.begin < span.end):
                    yield span


@st.composite
def some_leases(draw: st.DrawFn) -> Lease:
    begin = draw(st.integers(0, 8))
    end = draw(st.none() | st.integers(begin, 10))
    ending = None if end is None else draw(st.sampled_from(Ending))
    line, address = draw(st.integers(1, 3)), draw(st.sampled_from(ADDRESSES))
    return Lease(address, at(begin), login_of(line), line, None if end is None else at(end), ending)


changes = st.lists(
    st.tuples(st.lists(some_leases(), max_size=4), st.lists(some_leases(), max_size=4)), max_size=6
)


@given(changes, st.integers(-1, 11))
@ONE_STORE
def test_whatever_is_removed_and_added(
    store: Store, said: list[tuple[list[Lease], list[Lease]]], moment: int
) -> None:
    plain, now, skew = Plain(), at(moment), timedelta(seconds=2)
    clear(store)
    for removed, added in said:
        with store.transaction() as transaction:
            transaction.change_leases(removed, added)
        plain.change(removed, added)
    with store.reading() as transaction:
        latest = transaction.latest(ADDRESSES)
        assert latest == {one: plain.of(one)[-1] for one in ADDRESSES if plain.of(one)}
        holdings = transaction.holdings(ADDRESSES)
        held = {one: plain.holding(one) for one in ADDRESSES}
        assert {one: (found.line, found.login) for one, found in holdings.items()} == {
            one: found for one, found in held.items() if found is not None
        }
        lines = {one: found[0] for one, found in held.items() if found is not None}
        assert dict(transaction.all_holdings()) == lines
        for line in (1, 2, 3):
            mine = {one for one, whose in lines.items() if whose == line}
            assert set(transaction.holdings_of([line]).get(line, ())) == mine
            in_order = sorted(plain.spans(line), key=lambda one: one.begin)
            found = list(transaction.leases_of(line, at(-100)))
            assert sorted(found) == sorted(in_order)
            assert [one.begin for one in found] == [one.begin for one in in_order]
        around = transaction.leases_at(ADDRESSES, now, skew)
        for one in ADDRESSES:
            assert holder(around[one], now, skew) == holder(plain.of(one), now, skew)


def clear(store: Store) -> None:
    """Take everything away, as one example has left it."""
    with store.transaction() as transaction:
        for line in (1, 2, 3):
            transaction.change_leases(list(transaction.leases_of(line, at(-100))), ())
        while left := transaction.latest(ADDRESSES):
            transaction.change_leases(left.values(), ())


def test_who_held_before_the_transaction_and_who_holds_after(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.change_leases([], [lease(0)])
    with store.transaction() as transaction:
        transaction.change_leases([], [lease(5, line=2)])
        before, after = transaction.holdings([HOME]), transaction.latest([HOME])[HOME]
        assert (before[HOME].line, after.line) == (1, 2)
        transaction.put_holdings({HOME: Holding(2, after.login, static=False)})
        assert transaction.holdings([HOME])[HOME].line == 2


def test_a_static_holding_stays_one_until_another_lease_follows(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.change_leases([], [lease(0), lease(0, address=OTHER)])
        transaction.put_holdings({HOME: Holding(1, login_of(1), static=True)})
    with store.transaction() as transaction:
        assert {one: held.static for one, held in transaction.holdings([HOME, OTHER]).items()} == {
            HOME: True,
            OTHER: False,
        }
        transaction.change_leases([lease(0)], [lease(0, line=3, login=1)])
        assert transaction.latest([HOME])[HOME].line == 3
    with store.transaction() as transaction:
        assert transaction.holdings([HOME])[HOME] == Holding(3, login_of(1), static=True)
        transaction.change_leases([], [lease(5, line=2)])
    with store.reading() as transaction:
        assert transaction.holdings([HOME])[HOME] == Holding(2, login_of(2), static=False)


def test_a_look_up_reads_only_what_may_decide(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.change_leases([], [lease(10 * n, 10 * n + 5, line=n) for n in range(1, 100)])
    with store.reading() as transaction:
        found = transaction.leases_at([HOME, OTHER], at(503), timedelta(seconds=11))
    assert [one.line for one in found[HOME]] == [99, 52, 51, 50, 49]
    assert found[OTHER] == ()


def test_leases_that_ended_before_are_left_out(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.change_leases([], [lease(0, 5), lease(20), lease(30, line=2), lease(40)])
    with store.reading() as transaction:
        assert [(one.begin, one.end) for one in transaction.leases_of(1, at(5))] == [
            (at(20), at(30)),
            (at(40), None),
        ]


def test_the_shapes_of_addresses_are_known(store: Store) -> None:
    with store.transaction() as transaction:
        assert transaction.shapes() == frozenset()
        transaction.change_leases([], [lease(0, address=address) for address in (HOME, SHARED, PREFIX)])
    with store.reading() as transaction:
        assert transaction.shapes() == {(4, 32), (16, 56)}


def test_what_fails_halfway_is_not_written(store: Store) -> None:
    def fail_halfway() -> None:
        with store.transaction() as transaction:
            transaction.change_leases([], [lease(0)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    with store.reading() as transaction:
        assert transaction.latest([HOME]) == {}


def test_a_reader_sees_one_state_whoever_writes_meanwhile(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.change_leases([], [lease(0)])
    with store.reading() as reading:
        assert dict(reading.all_holdings()) == {HOME: 1}
        with store.transaction() as transaction:
            transaction.change_leases([], [lease(5, line=2)])
        assert dict(reading.all_holdings()) == {HOME: 1}
    with store.reading() as reading:
        assert dict(reading.all_holdings()) == {HOME: 2}
