"""Forgetting: what is old goes, what evidence holds name stays, and nobody's past becomes another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sekisho.audit import Entry, verify
from sekisho.desk.case_values import Event, What
from sekisho.desk.cases import open_case
from sekisho.lines.events import Boot, Lease, Login, Named
from sekisho.lines.holder import holder
from sekisho.lines.numbers import own_number
from sekisho.lines.records import EvidenceHold, ListedLine, Relief
from sekisho.model import Address, PortPlan
from sekisho.store import Journal, Store, Transaction, forget, open_journal
from sekisho.store.forgetting import LATEST_PACKET
from tests.store.test_desk import happen
from tests.store.values import HOME, OTHER, PREFIX, at, lease, login_of

HELD = 3  # the line whose evidence is kept
CUT = 10
ONE_STORE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)


@pytest.fixture
def journal(url: str) -> Iterator[Journal]:
    """The store's journal, at whose clock it is second 0."""
    opened = open_journal(url, utc=lambda: at(0))
    yield opened
    opened.close()


def hold(transaction: Transaction, line: int = HELD) -> None:
    transaction.hold_evidence(EvidenceHold(line, at(0), "officer", "case 7"))


def answers(transaction: Transaction, address: Address, moment: float) -> set[tuple[int, datetime]]:
    """Return who held an address at a moment, and since when."""
    leases = transaction.leases_at([address], at(moment), timedelta(0))[address]
    return {(one.line, one.begin) for one in holder(leases, at(moment), timedelta(0)).candidates}


@st.composite
def histories(draw: st.DrawFn) -> list[Lease]:
    begins = draw(st.lists(st.integers(0, 20), unique=True, min_size=1, max_size=8).map(sorted))
    found = []
    for begin in begins:
        end = draw(st.none() | st.integers(begin, 22))
        address = draw(st.sampled_from([HOME, PREFIX]))
        found.append(lease(begin, end, draw(st.integers(1, 3)), address, login=begin + 1))
    return found


@given(histories(), st.integers(1, 3))
@ONE_STORE
def test_what_is_not_forgotten_is_as_before(store: Store, leases: list[Lease], chunk: int) -> None:
    with store.transaction() as transaction:
        left = transaction.latest([HOME, PREFIX])
        while left:
            transaction.change_leases(left.values(), [])
            left = transaction.latest([HOME, PREFIX])
        transaction.release_evidence(HELD, at(0), "officer")
        hold(transaction)
        transaction.change_leases([], leases)
    questions = [(address, moment + 0.5) for address in (HOME, PREFIX) for moment in range(-1, 23)]
    with store.reading() as transaction:
        before = {question: answers(transaction, *question) for question in questions}
    after: bytes | None = b""
    while after is not None:
        with store.transaction() as transaction:
            _, after = transaction.forget_leases(at(CUT), after, chunk)
    with store.reading() as transaction:
        for (address, moment), expected in before.items():
            found = answers(transaction, address, moment)
            kept = {(line, begin) for line, begin in expected if moment >= CUT or line == HELD}
            assert kept <= found <= expected
        for line in (1, 2):
            assert all(one.end is None or one.end >= at(CUT) for one in transaction.leases_of(line, at(-1)))


def test_a_kept_lease_does_not_grow_over_those_that_went(store: Store) -> None:
    with store.transaction() as transaction:
        hold(transaction)
        transaction.change_leases([], [lease(0, line=HELD), lease(2, 4), lease(20, line=2)])
        assert transaction.forget_leases(at(CUT)) == (1, None)
    with store.reading() as transaction:
        assert list(transaction.leases_of(HELD, at(-1))) == [lease(0, line=HELD)._replace(end=at(2))]
        assert answers(transaction, HOME, 3) == set()


def test_a_released_line_is_forgotten_like_any_other(store: Store) -> None:
    with store.transaction() as transaction:
        hold(transaction)
        transaction.change_leases([], [lease(0, 1, HELD)])
        assert transaction.forget_leases(at(CUT)).forgotten == 0
        transaction.release_evidence(HELD, at(5), "officer")
    with store.transaction() as transaction:
        assert transaction.forget_leases(at(CUT)).forgotten == 1
        assert transaction.latest([HOME]) == {}


def heard(begin: float, seen: float, line: int = 1, address: Address = HOME) -> Login:
    named = {address: Named(at(begin), at(seen))}
    return Login("bng1", line, 0, at(begin), at(begin), at(seen), (at(begin),), (), named)


def test_logins_go_when_they_are_old_hold_nothing_and_are_no_evidence(store: Store) -> None:
    logins = {
        login_of(1): heard(0, 1),
        login_of(2): heard(0, 11),
        login_of(3): heard(0, 1, HELD),
        login_of(4): heard(0, 1, address=OTHER),
    }
    with store.transaction() as transaction:
        hold(transaction)
        transaction.put_logins(logins)
        transaction.change_leases([], [lease(0, login=4, address=OTHER)])
        assert transaction.forget_logins(at(CUT)) == (1, None)
        assert transaction.logins(logins).keys() == {login_of(2), login_of(3), login_of(4)}


def test_logins_are_forgotten_in_chunks_and_young_ones_are_not_even_read(store: Store) -> None:
    with store.transaction() as transaction:
        for number in range(1, 10):
            transaction.put_logins({login_of(number): heard(number if number < 5 else 50, 60)})
        transaction.put_logins({login_of(1): heard(1, 2), login_of(4): heard(4, 5)})
        chunks = [transaction.forget_logins(at(CUT), 0, 3)]
        while chunks[-1].after is not None:
            chunks.append(transaction.forget_logins(at(CUT), chunks[-1].after, 3))
    assert [chunk.forgotten for chunk in chunks] == [1, 1, 0]


def test_a_round_forgets_all_that_is_old(store: Store, journal: Journal) -> None:
    plan = PortPlan("dynamic", first=1024, size=1024)
    with store.transaction() as transaction:
        transaction.put_logins({login_of(1): heard(0, 1)})
        transaction.change_leases([], [lease(0, 1)])
        transaction.add_boots([Boot("bng1", at(0)), Boot("bng1", at(20)), Boot("bng2", at(0))])
        while transaction.pending_boot(10) is not None:
            pass
        for begin, plans in ((0, {b"1234": plan}), (5, {}), (9, {b"1234": plan}), (15, {})):
            transaction.set_port_plans(plans, at(begin))
        transaction.add_relief(Relief(1, at(0), at(5), "root", "own server"))
        transaction.add_relief(Relief(1, at(5), at(50), "root", "own server"))
        for second in (1, 2, 30):
            transaction.record(Entry(at(second), 0, "root", "line show", "a", "case", "7", "done"))
    assert sum(forget(store, journal, at(CUT), at(CUT), at(40))) == 2 + 2 + 2 + 1 + 2
    with store.reading() as transaction:
        assert transaction.boots(["bng1", "bng2"]) == {"bng1": (at(20),)}
        assert [transaction.port_plan(b"1234", at(second)) for second in (10, 20)] == [plan, None]
        assert transaction.relief(1, at(20)) == Relief(1, at(5), at(50), "root", "own server")
        records = list(transaction.records())
    assert [record.number for record in records] == [3, 4, 5]  # for how long it is kept, and what went
    assert verify(records).sound
    assert sum(forget(store, journal, at(CUT), at(CUT), at(40))) == 0


def test_a_login_of_which_nothing_more_is_to_be_heard_is_forgotten_before_its_leases(
    store: Store, journal: Journal
) -> None:
    with store.transaction() as transaction:
        transaction.put_logins({login_of(1): heard(0, 1), login_of(2): heard(0, 2)})
        transaction.change_leases([], [lease(0, 1)])
    now = at(1.5) + LATEST_PACKET
    assert sum(forget(store, journal, at(-CUT), at(-CUT), now)) == 1
    with store.reading() as transaction:
        assert transaction.logins([login_of(1), login_of(2)]).keys() == {login_of(2)}
        assert transaction.latest([HOME]) == {HOME: lease(0, 1)}


def test_boots_that_ended_what_is_kept_as_evidence_are_not_forgotten(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.add_boots([Boot("bng1", at(0))])
        while transaction.pending_boot(10) is not None:
            pass
        hold(transaction)
        assert transaction.forget_others(at(CUT)) == 0
        assert transaction.boots(["bng1"]) == {"bng1": (at(0),)}


def test_a_boot_that_is_not_worked_off_is_not_forgotten(store: Store, journal: Journal) -> None:
    with store.transaction() as transaction:
        transaction.add_boots([Boot("bng1", at(0))])
    assert sum(forget(store, journal, at(CUT), at(CUT), at(40))) == 0
    with store.reading() as transaction:
        assert transaction.boots(["bng1"]) == {"bng1": (at(0),)}


def held_until_20(transaction: Transaction, line: int) -> None:
    hold(transaction, line)
    transaction.release_evidence(line, at(20), "officer")


KEPT_BY: dict[str, Callable[[Transaction, int], object]] = {
    "lease": lambda transaction, line: transaction.change_leases([], [lease(20, line=line)]),
    "past lease": lambda transaction, line: transaction.change_leases(
        [], [lease(0, 20, line), lease(30, line=2)]
    ),
    "login": lambda transaction, line: transaction.put_logins({login_of(1): heard(0, 20, line)}),
    "class": lambda transaction, line: transaction.set_lines([ListedLine(line, "alice", "fixed")]),
    "fixed": lambda transaction, line: transaction.set_lines([ListedLine(line, "alice", fixed=True)]),
    "relief": lambda transaction, line: transaction.add_relief(Relief(line, at(0), at(20), "root", "-")),
    "evidence hold": hold,
    "withdrawn hold": held_until_20,
}


@pytest.mark.parametrize("what", KEPT_BY)
def test_a_line_of_which_anything_is_kept_keeps_its_name(store: Store, journal: Journal, what: str) -> None:
    with store.transaction() as transaction:
        numbers = transaction.number_lines(["alice", "bob"])
        KEPT_BY[what](transaction, numbers["alice"])
    assert sum(forget(store, journal, at(CUT), at(CUT), at(40))) == 1
    with store.reading() as transaction:
        assert transaction.known_numbers(numbers) == {"alice": numbers["alice"]}


def test_a_line_is_forgotten_with_the_last_of_it_and_has_its_number_when_it_comes_again(
    store: Store, journal: Journal
) -> None:
    with store.transaction() as transaction:
        alice = transaction.number_lines(["alice"])["alice"]
        transaction.put_logins({login_of(1): heard(0, 1, alice)})
        transaction.change_leases([], [lease(0, 1, alice), lease(2, 3, alice)])
        transaction.set_lines([ListedLine(alice, "alice", "fixed")])
        transaction.set_lines([ListedLine(alice, "alice")])
        transaction.add_relief(Relief(alice, at(0), at(5), "root", "own server"))
        hold(transaction, alice)
        transaction.release_evidence(alice, at(5), "officer")
    assert sum(forget(store, journal, at(CUT), at(CUT), at(40))) == 1 + 2 + 1 + 1 + 1
    with store.transaction() as transaction:
        assert transaction.line_number("alice") is None
        assert transaction.line_names([alice]) == {}
        assert transaction.number_lines(["alice"]) == {"alice": alice}


def test_whoever_reads_meanwhile_meets_no_line_without_a_name(store: Store, journal: Journal) -> None:
    with store.transaction() as transaction:
        alice = transaction.number_lines(["alice"])["alice"]
        transaction.change_leases([], [lease(0, line=alice)])
    with store.reading() as view:
        (holding,) = view.holdings([HOME]).values()
        with store.transaction() as transaction:
            transaction.change_leases([lease(0, line=alice)], [])
        assert sum(forget(store, journal, at(CUT), at(CUT), at(40))) == 1
        assert view.line_names([holding.line]) == {alice: "alice"}


def test_lines_are_forgotten_in_chunks(store: Store) -> None:
    names = sorted(map(str, range(9)), key=own_number)
    with store.transaction() as transaction:
        numbers = transaction.number_lines(names)
        for name in names[1:6]:
            transaction.put_logins({name.encode(): heard(0, 1, numbers[name])})
        chunks = [transaction.forget_lines(limit=3)]
        while chunks[-1].after is not None:
            chunks.append(transaction.forget_lines(chunks[-1].after, 3))
        assert [chunk.forgotten for chunk in chunks] == [1, 0, 3, 0]
        assert transaction.known_numbers(names).keys() == set(names[1:6])


def test_the_line_with_the_lowest_number_is_forgotten_too(store: Store, journal: Journal) -> None:
    with store.transaction() as transaction:
        transaction.set_lines([ListedLine(0, "alice")])
    assert sum(forget(store, journal, at(CUT), at(CUT), at(40))) == 1
    with store.reading() as transaction:
        assert transaction.line_number("alice") is None


def test_what_was_set_aside_is_forgotten_when_it_is_old(store: Store, journal: Journal) -> None:
    journal.set_aside([], [b"1", b"2"])
    assert sum(forget(store, journal, at(0), at(0), at(40))) == 0
    assert journal.aside() == 2
    assert sum(forget(store, journal, at(1), at(1), at(40))) == 2
    assert journal.aside() == 0


def test_what_was_set_aside_stays_while_there_is_an_order_to_keep_evidence(
    store: Store, journal: Journal
) -> None:
    journal.set_aside([], [b"1"])
    with store.transaction() as transaction:
        hold(transaction)
    assert sum(forget(store, journal, at(1), at(1), at(40))) == 0
    assert journal.aside() == 1
    with store.transaction() as transaction:
        transaction.release_evidence(HELD, at(2), "officer")
    assert sum(forget(store, journal, at(1), at(1), at(40))) == 1
    assert journal.aside() == 0


def test_the_audit_log_stays_while_the_evidence_of_a_case_is_held(store: Store, journal: Journal) -> None:
    with store.transaction() as transaction:
        transaction.record(Entry(at(0), 0, "sato", "desk hold", "case 1", "case", "a complaint", "held"))
        case = transaction.add_case(open_case(0, HELD, "dynamic", at(0), None), None)
        held = happen(transaction, case, Event(What.HOLD, "sato", "a complaint"), at(0))[0].case
    assert sum(forget(store, journal, at(-9), at(5), at(40))) == 0
    with store.transaction() as transaction:
        assert [one.entry.subject for one in transaction.records()] == ["case 1"]
        happen(transaction, held, Event(What.RESTORE, "sato", "it is over"), at(6))
    assert sum(forget(store, journal, at(-9), at(5), at(40))) == 1
