"""Letters in the store: each is due until it is sent."""

from __future__ import annotations

from datetime import timedelta

from sekisho.outbox import LONGEST_WAIT, Kind, Waiting, mail, webhook
from sekisho.store import Store
from tests.store.values import at

MAIL = mail("one", "noc@example.net", "春", "said", at(0))
HOOK = webhook("two", {"type": "trial.breach"}, at(0))
SECOND = mail("three", "noc@example.net", "summer", "said", at(1))


def due(store: Store, seconds: int, kind: Kind = Kind.MAIL, gate: str = "gate") -> tuple[Waiting, ...]:
    with store.reading() as transaction:
        return transaction.due_letters(gate, kind, at(seconds), 10)


def test_a_letter_is_due_until_it_is_sent_and_then_forgotten(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.put_letters("gate", [MAIL, HOOK, SECOND])
    with store.transaction() as transaction:
        transaction.put_letters("gate", [MAIL])
    assert due(store, 5) == (Waiting(MAIL), Waiting(SECOND))
    assert due(store, 5, Kind.WEBHOOK) == (Waiting(HOOK),)
    with store.transaction() as transaction:
        transaction.letter_sent("one", at(5))
        transaction.letter_failed("one", 1, at(6), "late")
        transaction.put_letters("gate", [MAIL])
    assert due(store, 5) == (Waiting(SECOND),)
    with store.transaction() as transaction:
        assert transaction.letters_waiting() == (2, at(0), None)
        transaction.letter_sent("two", at(5))
        transaction.letter_sent("three", at(7))
        assert transaction.letters_waiting() == (0, None, None)
        transaction.forget_letters(at(6))
        transaction.put_letters("gate", [MAIL, SECOND])
    assert due(store, 9) == (Waiting(MAIL),), "the other is still known to be sent"


def test_one_that_failed_is_due_again_later_whatever_becomes_of_the_clock(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.put_letters("gate", [MAIL])
        transaction.letter_failed("one", 3, at(10), "the server is away")
    assert due(store, 9) == ()
    assert due(store, 10) == (Waiting(MAIL, 3, "the server is away"),)
    set_back = int(LONGEST_WAIT / timedelta(seconds=1)) + 2
    assert due(store, 9 - set_back) == (Waiting(MAIL, 3, "the server is away"),)
    with store.reading() as transaction:
        assert transaction.letters_waiting() == (1, at(0), "the server is away")


def test_one_that_is_given_up_is_due_no_more_and_forgotten_like_one_that_was_sent(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.put_letters("gate", [MAIL])
        transaction.letter_given_up("one", at(5), "the recipient is refused (550)")
        assert transaction.letters_waiting().letters == 0
        transaction.put_letters("gate", [MAIL])  # what asks for it again is known
    assert due(store, 9) == ()
    with store.transaction() as transaction:
        transaction.forget_letters(at(6))
        transaction.put_letters("gate", [MAIL])
    assert due(store, 9) == (Waiting(MAIL),)


def test_whoever_waits_for_longest_comes_first_however_many_fail(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.put_letters("gate", [MAIL, SECOND])
        transaction.letter_failed("one", 1, at(6), "late")
    assert [one.letter.id for one in due(store, 9)] == ["three", "one"]
    assert [one.letter.id for one in due(store, -10_000)] == ["one", "three"], "written by another clock"


def test_letters_of_another_gate_are_its_daemons(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.put_letters("east", [MAIL])
        transaction.put_letters("", [SECOND])  # of before gates were told apart
    assert due(store, 9, gate="east") == (Waiting(MAIL), Waiting(SECOND))
    assert due(store, 9, gate="west") == (Waiting(SECOND),)


def test_letters_of_one_thread_go_in_their_order_and_keep_no_other_back(store: Store) -> None:
    suspended, restored = (mail(name, "a@b.example", name, "", at(0), thread="line-7") for name in ("s", "r"))
    other = mail("o", "a@b.example", "", "", at(0), thread="line-8")
    with store.transaction() as transaction:
        transaction.put_letters("gate", [suspended, restored, other, MAIL])
        transaction.put_letters("east", [mail("e", "a@b.example", "", "", at(0), thread="line-7")])
        transaction.letter_failed("s", 1, at(60), "the server is away")
    assert [one.letter.id for one in due(store, 5)] == ["o", "one"]
    assert [one.letter.id for one in due(store, 5, gate="east")] == ["e"], (
        "another gate's wait for none of it"
    )
    assert [one.letter.id for one in due(store, 60)] == ["o", "one", "s"]
    with store.transaction() as transaction:
        transaction.letter_given_up("s", at(60), "refused")
    assert Waiting(restored) in due(store, 60)
