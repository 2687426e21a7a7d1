"""From one static list to the next: what leases end and begin, and what is said of lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.lines import chunks
from sekisho.lines.events import Ending, Lease
from sekisho.lines.holder import spans
from sekisho.lines.list_change import ListChange, begun_leases, compare, ended_leases, listed_lines, portions
from sekisho.lines.records import ListedLine
from sekisho.lines.static import LIST, StaticLine, StaticList, static_login
from sekisho.model import Address

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
NUMBERS = {"a": 1, "b": 2, "c": 3}
ONE, TWO = Address(bytes([192, 0, 2, 1]), 32), Address(bytes([192, 0, 2, 2]), 32, 3)
FIXED = StaticLine("fixed", fixed=True)


def lease(address: Address, name: str, begin: datetime = NOON) -> Lease:
    return Lease(address, begin, static_login(LIST, name), NUMBERS[name])


@dataclass
class Before:
    """The lists before: their leases, and their lines."""

    leases: set[Lease] = field(default_factory=set)
    lines: dict[str, StaticLine] = field(default_factory=dict)

    def static_leases(self) -> Iterable[Lease]:
        last = {one.address: one for one in sorted(self.leases, key=lambda one: one.begin)}
        return [one for one in last.values() if one.end is None]

    def listed_lines(self) -> Iterable[ListedLine]:
        return listed_lines(self.lines.items(), NUMBERS)

    def line_names(self, numbers: Iterable[int]) -> dict[int, str]:
        names = {number: name for name, number in NUMBERS.items()}
        return {number: names[number] for number in numbers}

    def follow(self, new: StaticList, now: datetime) -> ListChange:
        """Bring the leases and the lines to another list."""
        change = compare(self, new, LIST, StaticList())
        self.leases -= set(change.ended)
        self.leases |= set(ended_leases(change.ended, now))
        self.leases |= set(begun_leases(change.begun.items(), NUMBERS, LIST, now))
        for one in listed_lines(change.lines.items(), NUMBERS):
            self.lines.pop(one.name, None)
            if one.class_name is not None:
                self.lines[one.name] = StaticLine(one.class_name, one.fixed)
        return change


def held_by_a() -> Before:
    return Before({lease(ONE, "a")}, {"a": FIXED})


def test_a_first_list() -> None:
    before = Before()
    lines = {"a": FIXED, "b": StaticLine("dynamic")}
    change = before.follow(StaticList(lines, {ONE: "a", TWO: "b"}), NOON)
    assert change == ListChange((), {ONE: "a", TWO: "b"}, lines)
    assert before.leases == {lease(ONE, "a"), lease(TWO, "b")}


def test_the_same_list_again_changes_nothing() -> None:
    assert held_by_a().follow(StaticList({"a": FIXED}, {ONE: "a"}), LATER) == ListChange()


def test_what_is_off_the_list_ends() -> None:
    before = held_by_a()
    assert before.follow(StaticList(), LATER) == ListChange((lease(ONE, "a"),), {}, {"a": None})
    assert before.leases == {lease(ONE, "a")._replace(end=LATER, ending=Ending.LIST)}
    assert before.lines == {}


@pytest.mark.parametrize("back", [timedelta(), timedelta(hours=1)])
def test_what_is_off_the_list_no_later_than_it_came_was_never_held_and_nobody_before_has_it_back(
    back: timedelta,
) -> None:
    before = Before({lease(ONE, "b", NOON - timedelta(hours=2)), lease(ONE, "a")}, {"a": FIXED, "b": FIXED})
    before.follow(StaticList(), NOON - back)
    assert [(span.line, span.end) for span in spans(before.leases)] == [(NUMBERS["b"], NOON)]


def test_a_long_change_says_first_what_lines_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 1)
    off = lease(TWO, "c")
    change = ListChange((off,), {ONE: "a"}, {"c": None, "a": FIXED})
    assert list(portions(change)) == [
        ListChange(lines={"c": None}),
        ListChange(lines={"a": FIXED}),
        ListChange(ended=(off,)),
        ListChange(begun={ONE: "a"}),
    ]


def test_an_address_that_changes_hands_begins_anew_and_no_neighbour_is_rewritten() -> None:
    change = held_by_a().follow(StaticList({"b": FIXED}, {ONE: "b"}), LATER)
    assert change == ListChange((), {ONE: "b"}, {"b": FIXED, "a": None})


def test_a_line_that_gets_another_class_keeps_its_leases() -> None:
    change = held_by_a().follow(StaticList({"a": StaticLine("dynamic")}, {ONE: "a"}), LATER)
    assert change == ListChange((), {}, {"a": StaticLine("dynamic")})


def test_sources_do_not_meet() -> None:
    assert static_login("config", "a") != static_login(LIST, "a")


ADDRESSES = [Address(bytes([192, 0, 2, last]), 32) for last in range(5)]
HELD = st.dictionaries(st.sampled_from(ADDRESSES), st.sampled_from(sorted(NUMBERS)))


@given(st.lists(HELD, min_size=1, max_size=8))
def test_after_any_lists_the_last_one_holds_and_every_list_held_while_it_was(
    lists: list[dict[Address, str]],
) -> None:
    before = Before()
    for hour, addresses in enumerate(lists):
        lines = dict.fromkeys(addresses.values(), FIXED)
        before.follow(StaticList(lines, addresses), NOON + timedelta(hours=hour))
        assert before.lines == lines
    for address in ADDRESSES:
        history = spans(one for one in before.leases if one.address == address)
        for hour, addresses in enumerate(lists):
            at = NOON + timedelta(hours=hour, minutes=30)
            holders = [
                span.line for span in history if span.begin <= at and (span.end is None or at < span.end)
            ]
            assert holders == [NUMBERS[addresses[one]] for one in addresses if one == address]
