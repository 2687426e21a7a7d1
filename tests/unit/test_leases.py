"""Leases from accounting: each rule, and that neither order nor repetition counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.lines.events import Boot, Event, Kind, login_key
from sekisho.lines.leases import MOST_ADDRESSES, MOST_TIMES
from sekisho.model import Address
from tests.unit.ledger import Ledger

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def address(text: str) -> Address:
    network = ip_network(text)
    return Address(network.network_address.packed, network.prefixlen)


NOTHING = address("0.0.0.0/32")  # in place of addresses: of a packet that names none
HOME, OTHER = address("100.64.0.1"), address("100.64.0.2")
PREFIX, SECOND = address("2001:db8:4000:100::/56"), address("2001:db8:4000:200::/56")


def say(kind: Kind) -> Callable[..., Event]:
    def event(
        seconds: float, *addresses: Address, line: int = 1, login: str = "0001", rank: int = 0
    ) -> Event:
        return Event(
            kind,
            at(seconds),
            "bng1",
            login_key("bng1", login, f"user{line}"),
            line,
            rank,
            addresses or (HOME,),
        )

    return event


start, interim, stop = say(Kind.START), say(Kind.INTERIM), say(Kind.STOP)


def heard(*batch: Event | Boot) -> Ledger:
    ledger = Ledger()
    for one in batch:
        ledger.take([one])
    return ledger


def holders(ledger: Ledger, of: Address = HOME) -> list[tuple[float, float | None, int]]:
    """Return who held an address, in seconds."""
    return [
        ((begin - NOON).total_seconds(), None if end is None else (end - NOON).total_seconds(), line)
        for begin, end, line in ledger.held(of)
    ]


def test_a_start_opens_and_a_stop_closes() -> None:
    assert holders(heard(start(0))) == [(0, None, 1)]
    assert holders(heard(start(0), stop(60))) == [(0, 60, 1)]


def test_stop_before_start() -> None:
    assert holders(heard(stop(60), start(0))) == [(0, 60, 1)]


def test_a_late_start_does_not_reopen() -> None:
    assert holders(heard(interim(30), stop(60), start(0))) == [(0, 60, 1)]


def test_an_interim_without_start_opens() -> None:
    assert holders(heard(interim(30))) == [(30, None, 1)]
    assert holders(heard(interim(30), start(0))) == [(0, None, 1)]


def test_a_stop_alone_proves_no_span() -> None:
    assert holders(heard(stop(60))) == []


def test_an_interim_after_the_stop_does_not_reopen() -> None:
    assert holders(heard(start(0), stop(60), interim(90))) == [(0, 60, 1)]


def test_repeated_packets_change_nothing() -> None:
    ledger = heard(start(0), start(0), interim(30), interim(30), stop(60), stop(60))
    assert holders(ledger) == [(0, 60, 1)]


def test_a_retransmission_with_another_delay_time_is_no_new_start() -> None:
    assert holders(heard(start(0), start(1), start(3), stop(60), stop(61))) == [(0, 60, 1)]


def test_a_start_that_the_network_repeats_after_its_stop_does_not_reopen() -> None:
    for order in ((start(0), stop(1), start(2)), (start(2), start(0), stop(1))):
        assert holders(heard(*order)) == [(0, 1, 1)]
    assert holders(heard(start(0), stop(1), start(3))) == [(0, 1, 1), (3, None, 1)]


def test_an_id_used_again_after_a_restart() -> None:
    ledger = heard(start(0), start(100), stop(160))
    assert holders(ledger) == [(0, 100, 1), (100, 160, 1)]


def test_a_stop_at_the_second_of_the_next_start_ends_the_span_before() -> None:
    assert holders(heard(start(0), start(100), stop(100))) == [(0, 100, 1), (100, None, 1)]
    assert holders(heard(start(0), stop(50), start(100), stop(100))) == [(0, 50, 1)]


def test_a_lost_stop_is_made_good_by_the_next_holder() -> None:
    ledger = heard(start(0), start(100, line=2))
    assert holders(ledger) == [(0, 100, 1), (100, None, 2)]


def test_a_late_stop_of_the_former_holder_leaves_the_new_one_alone() -> None:
    ledger = heard(start(0), start(100, line=2), stop(99), interim(120))
    assert holders(ledger) == [(0, 99, 1), (100, None, 2)]


def test_a_boot_ends_all_logins_of_its_nas_and_no_others() -> None:
    elsewhere = Event(Kind.START, at(0), "bng2", login_key("bng2", "1", "u"), 3, 0, (OTHER,))
    ledger = heard(start(0), elsewhere, Boot("bng1", at(50)))
    assert holders(ledger) == [(0, 50, 1)]
    assert holders(ledger, OTHER) == [(0, None, 3)]


def test_a_login_heard_of_after_the_boot_was_not_ended_by_it() -> None:
    assert holders(heard(start(0), Boot("bng1", at(50)), interim(60))) == [(0, None, 1)]


def test_a_login_that_starts_after_the_boot_is_another() -> None:
    ledger = heard(start(0), Boot("bng1", at(50)), start(60), Boot("bng1", at(90)))
    assert holders(ledger) == [(0, 50, 1), (60, 90, 1)]


def test_several_prefixes_and_one_that_comes_later() -> None:
    ledger = heard(start(0, HOME, PREFIX), interim(30, HOME, PREFIX, SECOND), stop(60, HOME))
    assert holders(ledger) == holders(ledger, PREFIX) == [(0, 60, 1)]
    assert holders(ledger, SECOND) == [(30, 60, 1)]


def test_the_best_name_of_a_line_holds_for_the_whole_login() -> None:
    key = login_key("bng1", "7", "user")
    by_user = Event(Kind.START, at(0), "bng1", key, line=5, rank=1, addresses=(HOME,))
    by_class = Event(Kind.STOP, at(60), "bng1", key, line=9, rank=0, addresses=(HOME,))
    for order in ((by_user, by_class), (by_class, by_user)):
        assert holders(heard(*order)) == [(0, 60, 9)]


def test_a_login_has_a_bounded_number_of_addresses_whatever_their_order() -> None:
    many = [Address((10 << 24 | number).to_bytes(4, "big"), 32) for number in range(400)]
    said = [start(number, *many[number : number + 50]) for number in range(0, 400, 50)]
    one, other = heard(*said), heard(*reversed(said))
    assert one.logins == other.logins
    assert one.leases == other.leases
    assert {lease.address for lease in one.leases} == set(many[:MOST_ADDRESSES])


def test_a_login_that_starts_again_and_again_keeps_the_newest_starts_and_all_its_leases() -> None:
    said = [one for at in range(0, 2_000, 10) for one in (start(at), stop(at + 5))]
    ledger, at_once = heard(*said), Ledger()
    at_once.take(said)
    assert at_once.leases == ledger.leases
    (login,) = ledger.logins.values()
    assert (len(login.starts), len(login.stops)) == (MOST_TIMES, MOST_TIMES)
    assert holders(ledger) == [(at, at + 5, 1) for at in range(0, 2_000, 10)]


def test_of_many_stops_the_first_has_ended_the_login() -> None:
    ledger = heard(start(0), *(stop(at) for at in range(10, 500)))
    assert holders(ledger) == [(0, 10, 1)]
    ledger.take([stop(9), interim(600), start(700)])
    assert holders(ledger)[-1] == (700, None, 1)


def test_an_id_that_comes_back_to_its_first_address_did_not_hold_it_between() -> None:
    said = (start(0, HOME), start(100, OTHER), interim(150, OTHER), start(200, HOME), stop(300, HOME))
    for order in (said, said[::-1], (*said[::2], *said[1::2])):
        ledger = heard(*order)
        assert holders(ledger, HOME) == [(0, 100, 1), (200, 300, 1)]
        assert holders(ledger, OTHER) == [(100, 200, 1)]


def test_an_address_that_only_interims_name_is_not_held_between_either() -> None:
    def nameless(event: Event) -> Event:
        return replace(event, addresses=tuple(one for one in event.addresses if one is not NOTHING))

    said = (
        start(0, NOTHING),
        interim(10, HOME),
        stop(100, HOME),
        start(200, HOME, line=2),
        start(300, NOTHING),
        interim(310, OTHER),
        stop(400, OTHER),
        stop(500, HOME, line=2),
        start(600, NOTHING),
        interim(610, HOME),
    )
    told = tuple(map(nameless, said))
    for order in (told, told[::-1], (*told[::2], *told[1::2])):
        assert holders(heard(*order), HOME) == [(10, 100, 1), (200, 500, 2), (600, None, 1)]


def test_login_keys_do_not_run_together() -> None:
    assert login_key("a", "bc", "d") != login_key("ab", "c", "d") != login_key("ab", "cd", "")


seconds = st.integers(0, 12).map(lambda step: step * 1.5)  # close enough to meet, and to be repetitions
addresses = st.lists(st.sampled_from([HOME, OTHER, PREFIX]), unique=True, max_size=2).map(tuple)
nases = st.sampled_from(["bng1", "bng2"])


@st.composite
def events(draw: st.DrawFn) -> Event:
    nas, login, line = draw(nases), draw(st.sampled_from("12")), draw(st.integers(1, 2))
    key = login_key(nas, login, f"user{line}")
    named = draw(st.sampled_from([line, line + 10]))
    return Event(
        draw(st.sampled_from(Kind)), at(draw(seconds)), nas, key, named, named // 10, draw(addresses)
    )


packets = st.lists(
    st.one_of(events(), events(), events(), st.builds(Boot, nases, seconds.map(at))), max_size=12
)


@given(packets, st.data())
def test_order_repetition_and_batches_do_not_count(batch: list[Event | Boot], data: st.DataObject) -> None:
    repeated = data.draw(st.lists(st.sampled_from(batch), max_size=4)) if batch else []
    mixed = data.draw(st.permutations([*batch, *repeated]))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(mixed)), max_size=4)))
    one, other = heard(*batch), Ledger()
    for begin, end in pairwise([0, *cuts, len(mixed)]):
        other.take(mixed[begin:end])
    assert (other.leases, other.logins) == (one.leases, one.logins)


@given(packets)
def test_no_address_has_two_holders_at_one_moment(batch: list[Event | Boot]) -> None:
    ledger = heard(*batch)
    for one in (HOME, OTHER, PREFIX):
        for (_, end, _), (begin, _, _) in pairwise(ledger.held(one)):
            assert end is not None
            assert end <= begin


@given(packets)
def test_a_lease_lies_within_what_was_said(batch: list[Event | Boot]) -> None:
    for lease in heard(*batch).leases:
        said = [one for one in batch if isinstance(one, Event) and one.login == lease.login]
        assert min(one.at for one in said if lease.address in one.addresses) <= lease.begin
        assert lease.end is None or lease.end > lease.begin
        assert lease.line in {one.line for one in said}


@pytest.mark.parametrize("kind", [Kind.START, Kind.INTERIM])
def test_a_login_without_addresses_has_no_lease(kind: Kind) -> None:
    assert heard(Event(kind, at(0), "bng1", login_key("bng1", "1", "u"), 1)).leases == set()
