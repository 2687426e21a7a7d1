"""Logins, and the boots of their NASes worked off in chunks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sekisho.lines.events import Boot, Event, Kind, Login, Named
from sekisho.lines.leases import reboot, record
from sekisho.store import PendingBoot, Store
from sekisho.store.logins import is_settled
from tests.store.values import HOME, OTHER, at, login_of, logins


def known(nas: str = "bng1", begin: float = 0, stop: float | None = None) -> Login:
    stops = () if stop is None else (at(stop),)
    named = {HOME: Named(at(begin), at(begin))}
    return Login(nas, 1, 0, at(begin), at(begin), at(stop or begin), (at(begin),), stops, named)


@given(st.dictionaries(st.binary(min_size=16, max_size=16), logins, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_logins_come_back_whatever_was_known_before(store: Store, some: dict[bytes, Login]) -> None:
    with store.transaction() as transaction:
        transaction.put_logins(dict.fromkeys(list(some)[::2], known()))
        transaction.put_logins(some)
        assert transaction.logins([*some, bytes(15)]) == some


def test_boots_are_told_in_order_and_once(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.add_boots([Boot("bng1", at(5)), Boot("bng2", at(1)), Boot("bng1", at(5))])
        transaction.add_boots([Boot("bng1", at(0)), Boot("bng1", at(5))])
    with store.reading() as transaction:
        assert transaction.boots(["bng1", "bng2", "bng3"]) == {"bng1": (at(0), at(5)), "bng2": (at(1),)}


def pending(store: Store, limit: int) -> PendingBoot | None:
    with store.transaction() as transaction:
        return transaction.pending_boot(limit)


def test_a_boot_is_worked_off_in_chunks_across_transactions(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.put_logins({login_of(number): known() for number in range(5)})
        transaction.put_logins({login_of(10): known("bng2"), login_of(11): known(stop=3)})
        transaction.add_boots([Boot("bng1", at(9))])
    chunks = [pending(store, 2) for _ in range(4)]
    assert [len(chunk.logins) for chunk in chunks if chunk is not None] == [2, 2, 1]
    assert chunks[3] is None
    found = {key for chunk in chunks if chunk is not None for key in chunk.logins}
    assert found == {login_of(number) for number in range(5)}


def test_a_boot_that_was_worked_off_stays_so(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.add_boots([Boot("bng1", at(9))])
    assert pending(store, 2) == PendingBoot("bng1", (at(9),), {})
    with store.transaction() as transaction:
        transaction.add_boots([Boot("bng1", at(9))])
    assert pending(store, 2) is None


def test_the_oldest_boot_comes_first(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.put_logins({login_of(1): known()})
        transaction.add_boots([Boot("bng2", at(9)), Boot("bng1", at(8))])
    assert pending(store, 2) == PendingBoot("bng1", (at(8),), {login_of(1): known()})
    assert pending(store, 2) == PendingBoot("bng2", (at(9),), {})


steps = st.integers(0, 12)
events = st.builds(
    Event,
    kind=st.sampled_from(Kind),
    at=steps.map(at),
    nas=st.just("bng1"),
    login=st.just(login_of(1)),
    line=st.just(1),
    rank=st.just(0),
    addresses=st.lists(st.sampled_from([HOME, OTHER]), unique=True).map(tuple),
)


@given(st.lists(events, min_size=1, max_size=8), st.sets(steps.map(at), max_size=2), steps.map(at))
@settings(max_examples=500)
def test_no_boot_changes_a_login_that_is_settled(
    said: list[Event], before: set[datetime], boot: datetime
) -> None:
    login: Login | None = None
    for event in said:
        login = record(login, event)
    assert login is not None
    if is_settled(login):
        assert reboot({login_of(1): login}, sorted(before), sorted({*before, boot})) == ((), ())


def test_a_login_may_become_another_lines(store: Store) -> None:
    """Whether it was read before or not, and back in the same transaction."""
    key = login_of(1)
    with store.transaction() as transaction:
        transaction.put_logins({key: known()})
    for lines in ((2,), (3, 2), (2, 2, 4)):
        with store.transaction() as transaction:
            before = transaction.logins([key])[key]
            for line in lines:
                transaction.put_logins({key: replace(before, line=line)})
        with store.reading() as transaction:
            assert transaction.logins([key]) == {key: replace(before, line=lines[-1])}
