"""From one static list to the next: what leases end and begin, and what is said of lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sekisho.lines.events import Ending, Lease
from sekisho.lines.holder import spans
from sekisho.lines.records import ListedLine
from sekisho.lines.static import LIST, StaticLine, StaticList, diff, static_login
from sekisho.model import Address

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
NUMBERS = {"a": 1, "b": 2, "c": 3}
ONE, TWO = Address(bytes([192, 0, 2, 1]), 32), Address(bytes([192, 0, 2, 2]), 32, 3)
FIXED = StaticLine("fixed", fixed=True)


def lease(address: Address, name: str, begin: datetime = NOON) -> Lease:
    return Lease(address, begin, static_login(LIST, name), NUMBERS[name])


def listed(name: str, line: StaticLine = FIXED) -> ListedLine:
    return ListedLine(NUMBERS[name], name, line.class_name, line.fixed)


def test_a_first_list() -> None:
    new = StaticList({"a": FIXED, "b": StaticLine("dynamic")}, {ONE: "a", TWO: "b"})
    change = diff({}, {}, new, NUMBERS, source=LIST, now=NOON)
    assert change.removed == ()
    assert change.added == (lease(ONE, "a"), lease(TWO, "b"))
    assert change.lines == (listed("a"), listed("b", StaticLine("dynamic")))


def test_the_same_list_again_changes_nothing() -> None:
    new = StaticList({"a": FIXED}, {ONE: "a"})
    change = diff({"a": FIXED}, {ONE: lease(ONE, "a")}, new, NUMBERS, source=LIST, now=LATER)
    assert (change.removed, change.added, change.lines) == ((), (), ())


def test_what_is_off_the_list_ends() -> None:
    before = lease(ONE, "a")
    change = diff({"a": FIXED}, {ONE: before}, StaticList(), NUMBERS, source=LIST, now=LATER)
    assert change.removed == (before,)
    assert change.added == (before._replace(end=LATER, ending=Ending.LIST),)
    assert change.lines == (ListedLine(1, "a"),)


def test_what_is_off_the_list_the_moment_it_came_was_never_held() -> None:
    before = lease(ONE, "a")
    change = diff({"a": FIXED}, {ONE: before}, StaticList(), NUMBERS, source=LIST, now=NOON)
    assert (change.removed, change.added) == ((before,), ())


def test_an_address_that_changes_hands_begins_anew_and_no_neighbour_is_rewritten() -> None:
    new = StaticList({"b": FIXED}, {ONE: "b"})
    change = diff({"a": FIXED}, {ONE: lease(ONE, "a")}, new, NUMBERS, source=LIST, now=LATER)
    assert (change.removed, change.added) == ((), (lease(ONE, "b", LATER),))
    assert change.lines == (listed("b"), ListedLine(1, "a"))


def test_a_line_that_gets_another_class_keeps_its_leases() -> None:
    new = StaticList({"a": StaticLine("dynamic")}, {ONE: "a"})
    change = diff({"a": FIXED}, {ONE: lease(ONE, "a")}, new, NUMBERS, source=LIST, now=LATER)
    assert (change.removed, change.added) == ((), ())
    assert change.lines == (listed("a", StaticLine("dynamic")),)


def test_sources_do_not_meet() -> None:
    assert static_login("config", "a") != static_login(LIST, "a")


ADDRESSES = [Address(bytes([192, 0, 2, last]), 32) for last in range(5)]
HELD = st.dictionaries(st.sampled_from(ADDRESSES), st.sampled_from(sorted(NUMBERS)))


@given(st.lists(HELD, min_size=1, max_size=8))
def test_after_any_lists_the_last_one_holds_and_every_list_held_while_it_was(
    lists: list[dict[Address, str]],
) -> None:
    leases: set[Lease] = set()
    held: dict[Address, Lease] = {}
    lines: dict[str, StaticLine] = {}
    for hour, addresses in enumerate(lists):
        new = StaticList(dict.fromkeys(addresses.values(), FIXED), addresses)
        change = diff(lines, held, new, NUMBERS, source=LIST, now=NOON + timedelta(hours=hour))
        leases = leases - set(change.removed) | set(change.added)
        held = {
            address: max(one for one in leases if one.address == address and one.end is None)
            for address in addresses
        }
        for one in change.lines:
            assert one == (listed(one.name) if one.name in new.lines else ListedLine(one.number, one.name))
        lines = dict(new.lines)
    for address in ADDRESSES:
        history = spans(one for one in leases if one.address == address)
        for hour, addresses in enumerate(lists):
            at = NOON + timedelta(hours=hour, minutes=30)
            holders = [
                span.line for span in history if span.begin <= at and (span.end is None or at < span.end)
            ]
            assert holders == [NUMBERS[addresses[one]] for one in addresses if one == address]
