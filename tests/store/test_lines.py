"""Lines: numbers for ever, and what a list says of them."""

from __future__ import annotations

import pytest

from sekisho.lines.numbers import LINE_NUMBERS, own_number
from sekisho.lines.records import ListedLine
from sekisho.store import Store, lines


def test_a_line_keeps_its_number_for_ever(store: Store) -> None:
    with store.transaction() as transaction:
        first = transaction.number_lines(["alice", "bob", "alice"])
    with store.transaction() as transaction:
        again = transaction.number_lines(["carol", "bob"])
    assert first == {"alice": own_number("alice"), "bob": own_number("bob")}
    assert again == {"carol": own_number("carol"), "bob": own_number("bob")}
    with store.reading() as transaction:
        assert transaction.line_names({*first.values(), *again.values(), 5}) == {
            own_number(name): name for name in ("alice", "bob", "carol")
        }
        assert transaction.line_number("alice") == own_number("alice")
        assert transaction.line_number("dave") is None


def test_names_that_meet_in_one_number_get_the_next_that_is_free(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = {"alice": LINE_NUMBERS - 1, "bob": LINE_NUMBERS - 1, "carol": 0, "dave": LINE_NUMBERS - 1}
    monkeypatch.setattr(lines, "own_number", numbers.__getitem__)
    with store.transaction() as transaction:
        assert transaction.number_lines(["alice"]) == {"alice": LINE_NUMBERS - 1}
    with store.transaction() as transaction:
        found = transaction.number_lines(["bob", "carol", "dave"])
    assert sorted(found.values()) == [0, 1, 2]
    with store.transaction() as transaction:
        assert transaction.number_lines(["dave", "carol", "bob"]) == found


@pytest.mark.parametrize("name", ["", "名前", "O'Brien; --", "x" * 253, "%", "a\nb"])
def test_any_name_is_a_name(store: Store, name: str) -> None:
    with store.transaction() as transaction:
        (number,) = transaction.number_lines([name]).values()
        assert transaction.line_names([number]) == {number: name}


def test_what_a_list_says_of_lines(store: Store) -> None:
    with store.transaction() as transaction:
        numbers = transaction.number_lines(["alice", "bob", "carol"])
        alice = ListedLine(numbers["alice"], "alice", "fixed", fixed=True)
        bob = ListedLine(numbers["bob"], "bob", None, fixed=True)
        transaction.set_lines([alice, bob])
    with store.reading() as transaction:
        assert set(transaction.listed_lines()) == {alice, bob}
        assert transaction.listed_classes(numbers.values()) == {alice.number: "fixed"}
        assert transaction.listed_line(bob.number) == bob
        assert transaction.listed_line(numbers["carol"]) == ListedLine(numbers["carol"], "carol")
        assert transaction.listed_line(5) is None
    with store.transaction() as transaction:
        transaction.set_lines([ListedLine(alice.number, "alice")])
        assert set(transaction.listed_lines()) == {bob}
        assert transaction.number_lines(["alice"]) == {"alice": alice.number}


def test_a_contact_is_kept_while_the_list_has_it(store: Store) -> None:
    with store.transaction() as transaction:
        number = transaction.number_lines(["alice"])["alice"]
        alice = ListedLine(number, "alice", "fixed", contact="alice@example.net", language="ja")
        transaction.set_lines([alice])
        assert transaction.listed_line(number) == alice
        assert list(transaction.listed_lines()) == [alice]
        transaction.number_lines(["alice"])
        assert transaction.listed_line(number) == alice
        transaction.set_lines([ListedLine(number, "alice")])
        assert transaction.listed_line(number) == ListedLine(number, "alice")
