"""Which incidents are asked anew: those whose leases change, marked with the change; forgotten in time."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.desk.attribute import SKEW, Found, Question
from sekisho.desk.case_values import Event, Judgement, What
from sekisho.desk.records import Askable
from sekisho.desk.trust import Party, Weight
from sekisho.lines.changed import changed_since
from sekisho.lines.events import Lease
from sekisho.lines.holder import holder
from sekisho.model import Address
from sekisho.store import Store
from sekisho.store.forgetting import forget_desk
from sekisho.store.store import Transaction
from tests.store.test_desk import LINE, happen, opened, put
from tests.store.values import HOME, OTHER, PREFIX, SHARED, at, lease

MINUTE = 60
SKEW_SECONDS = SKEW.total_seconds()


def askable(seconds: float, *under: Address, ports: tuple[int | None, ...] = (None,)) -> Askable:
    questions = tuple(Question(under[0].network, port, at(seconds), SKEW) for port in ports)
    return Askable(questions, frozenset(under), b"s" * 16)


def ask(transaction: Transaction, number: int, one: Askable) -> None:
    """Write what it takes to ask anew about the only incident of a report, which is of its case."""
    case = transaction.last_case(LINE) or opened(transaction)
    assert put(transaction, case, b"%d" % number, seconds=number)
    transaction.put_askable(number, 0, one)


def touched(store: Store) -> list[int]:
    with store.reading() as transaction:
        return [one.incident.report for one in transaction.touched(at(9_999), 100)]


def change(store: Store, removed: list[Lease], added: list[Lease]) -> None:
    with store.transaction() as transaction:
        transaction.change_leases(removed, added)


def test_what_is_kept_is_what_was_asked(store: Store) -> None:
    shared, whole = (
        askable(0, SHARED, Address(SHARED.network, 32), ports=(None, 4_711)),
        askable(1.5, PREFIX, replace_length(PREFIX, 64)),
    )
    with store.transaction() as transaction:
        ask(transaction, 1, shared)
        ask(transaction, 2, whole)
        case = transaction.last_case(LINE)
        assert case is not None
        assert [one.askable for one in transaction.askables_of(case.number)] == [whole, shared]
        assert [one.askable for one in transaction.askables_of(case.number, 1)] == [whole]
        transaction.touch_case(case.number)
        found = transaction.touched(at(0), 100)
    assert [(one.incident.report, one.askable) for one in found] == [(1, shared), (2, whole)]


def replace_length(address: Address, length: int) -> Address:
    return Address(address.network, length)


@pytest.mark.parametrize(
    ("removed", "added", "is_touched"),
    [
        pytest.param([], [lease(-MINUTE, line=2)], True, id="another begins before"),
        pytest.param([], [lease(SKEW_SECONDS, line=2)], True, id="another begins within the skew"),
        pytest.param([], [lease(SKEW_SECONDS + 1, line=2)], False, id="another begins after it"),
        pytest.param([], [lease(-MINUTE, line=2, address=OTHER)], False, id="of another address"),
        pytest.param([lease(-900)], [lease(-900, -MINUTE)], True, id="it had ended"),
        pytest.param([lease(-900, -MINUTE)], [lease(-900)], True, id="it had not ended"),
        pytest.param([lease(-900)], [lease(-900, 7_200)], False, id="it ends later"),
        pytest.param([lease(-900)], [lease(-900)], False, id="it is as it was"),
        pytest.param([lease(-900, line=1)], [lease(-900, line=2, login=1)], True, id="it is another line's"),
        pytest.param([lease(-900)], [], True, id="it never was"),
    ],
)
def test_a_change_marks_what_it_has_a_say_in(
    store: Store, removed: list[Lease], added: list[Lease], *, is_touched: bool
) -> None:
    with store.transaction() as transaction:
        ask(transaction, 1, askable(0, HOME))
    change(store, removed, added)
    assert touched(store) == [1] * is_touched


def test_a_change_that_is_undone_marks_nothing(store: Store) -> None:
    with store.transaction() as transaction:
        ask(transaction, 1, askable(0, HOME))
    with suppress(ZeroDivisionError), store.transaction() as transaction:
        transaction.change_leases([], [lease(-MINUTE, line=2)])
        raise ZeroDivisionError
    assert touched(store) == []


def test_what_was_asked_anew_is_asked_again_only_when_leases_change_again(store: Store) -> None:
    with store.transaction() as transaction:
        ask(transaction, 1, askable(0, HOME))
        ask(transaction, 2, askable(0, OTHER))
    change(store, [], [lease(-MINUTE, line=2), lease(-MINUTE, line=3, address=OTHER)])
    assert touched(store) == [1, 2]
    with store.transaction() as transaction:
        first, _ = transaction.touched(at(0), 100)
        transaction.put_asked(first.incident)
    assert touched(store) == [2]
    change(store, [lease(-MINUTE, line=2)], [])
    assert touched(store) == [1, 2]


def test_what_is_put_off_is_asked_again_in_its_time_or_when_leases_change(store: Store) -> None:
    with store.transaction() as transaction:
        ask(transaction, 1, askable(0, HOME))
    change(store, [], [lease(-MINUTE, line=2)])
    with store.transaction() as transaction:
        (first,) = transaction.touched(at(0), 100)
        assert not first.has_waited
        transaction.put_asked(first.incident, at(10))
        assert transaction.touched(at(9), 100) == ()
        assert transaction.touched(at(10), 100) == (first._replace(has_waited=True),)
    change(store, [lease(-MINUTE, line=2)], [])
    with store.reading() as transaction:
        assert transaction.touched(at(9), 100) == (first,)


def test_what_was_found_of_a_case_goes_with_what_leaves_it(store: Store) -> None:
    with store.transaction() as transaction:
        case = opened(transaction)
        for number, party in enumerate(("a.example", "a.example", "b.example")):
            put(transaction, case, b"%d" % number, party, seconds=number)
        transaction.judge_reports(case.number, Judgement.CONFIRMED)
        assert confirmed(transaction) == {"a.example": 1, "b.example": 1}
        turn(transaction, 1)
        assert confirmed(transaction) == {"a.example": 1, "b.example": 1}  # another of its reports is left
        turn(transaction, 3)
        assert confirmed(transaction) == {"a.example": 1, "b.example": 0}
        (kept,) = transaction.incidents_of(1)
        assert (kept.found, kept.line, kept.case, kept.weight) == (Found.AMBIGUOUS, None, None, Weight.SOUND)
        assert [one.party for one in transaction.counted_reports(case.number, at(-MINUTE))] == ["a.example"]


def turn(transaction: Transaction, number: int) -> None:
    (kept,) = transaction.incidents_of(number)
    transaction.turn_incident(replace(kept, found=Found.AMBIGUOUS, line=None, case=None, folded=None))


def confirmed(transaction: Transaction) -> dict[str, int]:
    found = {}
    for name in ("a.example", "b.example"):
        one = transaction.reporter(Party(name, is_authenticated=True))
        assert one is not None
        found[name] = one.confirmed
    return found


def test_addresses_are_forgotten_with_the_leases_of_when_the_report_came(store: Store) -> None:
    with store.transaction() as transaction:
        for number in (1, 2, 3):
            ask(transaction, number, askable(number, HOME))
    assert sum(forget_desk(store, at(-MINUTE), at(-MINUTE), at(2))) == 1
    assert sum(forget_desk(store, at(-MINUTE), at(-MINUTE), at(2))) == 0
    assert kept_rows(store) == [2, 3]
    change(store, [], [lease(-MINUTE, line=2)])
    assert touched(store) == [2, 3]
    with store.reading() as transaction:
        assert transaction.report(1) is not None
    assert sum(forget_desk(store, at(3), at(-MINUTE), at(-MINUTE))) == 2
    assert kept_rows(store) == touched(store) == [3]


def test_addresses_of_what_is_held_as_evidence_are_kept(store: Store) -> None:
    with store.transaction() as transaction:
        ask(transaction, 1, askable(0, HOME))
        case = transaction.last_case(LINE)
        assert case is not None
        happen(transaction, case, Event(What.HOLD, "yamada", "the police ask"), at(1))
    assert sum(forget_desk(store, at(-MINUTE), at(-MINUTE), at(9))) == 0
    assert kept_rows(store) == [1]


def kept_rows(store: Store) -> list[int]:
    """Return of which reports anything is kept that leads to an address."""
    with store.reading() as transaction:
        execute = transaction._connection.exec_driver_sql
        asked = list(execute("SELECT report FROM asked ORDER BY 1").scalars())
        assert asked == list(execute("SELECT report FROM asked_under ORDER BY 1").scalars())
    return asked


@settings(max_examples=500)
@given(
    begins=st.lists(st.integers(-5, 5), max_size=4, unique=True),
    ends=st.lists(st.one_of(st.none(), st.integers(-5, 9)), min_size=4, max_size=4),
    changed=st.lists(st.booleans(), min_size=4, max_size=4),
    news=st.lists(
        st.tuples(st.integers(-5, 5), st.one_of(st.none(), st.integers(-5, 9))), min_size=4, max_size=4
    ),
    moment=st.integers(-6, 10),
)
def test_before_the_moment_of_a_change_every_answer_is_as_it_was(
    begins: list[int],
    ends: list[int | None],
    changed: list[bool],
    news: list[tuple[int, int | None]],
    moment: int,
) -> None:
    """Of one lease in each line, as it was and as it is: removed, ended otherwise, or moved."""
    before = {line: lease(begin, ends[line], line) for line, begin in enumerate(begins)}
    after = dict(before)
    for line, (begin, end) in enumerate(news):
        if changed[line]:
            after.pop(line, None)
            if begin not in {(one.begin - at(0)).total_seconds() for one in after.values()}:
                after[line] = lease(begin, end, line)
    removed = [one for line, one in before.items() if after.get(line) != one]
    added = [one for line, one in after.items() if before.get(line) != one]
    since = changed_since(removed, added).get(HOME)
    skew = timedelta(seconds=1)
    if since is None or at(moment) + skew < since:
        answers = [holder(leases.values(), at(moment), skew) for leases in (before, after)]
        said = [(answer.certainty, [one.line for one in answer.candidates]) for answer in answers]
        assert said[0] == said[1]
