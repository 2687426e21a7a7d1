"""From what was heard to leases and to what the gate is told, through a real database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sekisho.daemon.intake import Intake
from sekisho.lines import chunks
from sekisho.lines.events import Boot, Event, Heard, Holding, Kind, Lease, login_key
from sekisho.lines.list_change import ListChange
from sekisho.lines.pools import class_finder
from sekisho.lines.records import ListedLine, Relief
from sekisho.lines.roster import Treatment
from sekisho.lines.shared import MapRule
from sekisho.lines.static import CONFIG, LIST, StaticLine, StaticList
from sekisho.lines.taking import in_force
from sekisho.model import Address, KnownLine, Limit, Mode, Pool, PortPlan, RosterChange
from sekisho.store import Store, StoreError
from tests.unit.ledger import Ledger

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
POOLS = (
    Pool(IPv4Network("10.0.0.0/8"), 32, "dynamic"),
    Pool(IPv4Network("198.51.100.0/24"), 32, "fixed"),
    Pool(IPv6Network("2001:db8::/32"), 56, "dynamic"),
)
LIMITS = {"dynamic": Limit(Mode.ENFORCE, 5, 1000), "fixed": Limit(Mode.OBSERVE, 20, 0)}
MAP = MapRule(IPv6Network("2001:db8::/40"), IPv4Network("192.0.2.0/24"), 16, 6, "dynamic")
HOME, OTHER = Address(bytes([10, 0, 0, 1]), 32), Address(bytes([10, 0, 0, 2]), 32)
ELSEWHERE = Address(bytes([203, 0, 113, 1]), 32)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def say(kind: Kind, seconds: float, *addresses: Address, line: str = "alice", nas: str = "bng1") -> Heard:
    key = login_key(nas, "1", line)
    return Heard(kind, at(seconds), nas, key, line, 0, addresses or (HOME,))


class Desk:
    """An intake, and what the gate was told."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.told: list[RosterChange] = []
        self.now = at(1e6)
        treatment = Treatment(class_finder(POOLS), LIMITS)
        self.intake = Intake(
            store,
            treatment=lambda: treatment,
            rules=lambda: (MAP,),
            tell=self.told.append,
            utc=lambda: self.now,
        )

    def take(self, *batch: Heard | Boot) -> None:
        self.intake.take(batch)

    def number(self, name: str) -> int:
        with self.store.transaction() as transaction:
            return transaction.number_lines([name])[name]

    def known(self) -> dict[int, KnownLine]:
        """Return the lines that the gate knows after all it was told."""
        lines: dict[int, KnownLine | None] = {}
        for change in self.told:
            lines.update(change.lines)
        return {number: line for number, line in lines.items() if line is not None}

    def addresses(self) -> dict[Address, int]:
        addresses: dict[Address, int | None] = {}
        for change in self.told:
            addresses.update(change.addresses)
        return {address: line for address, line in addresses.items() if line is not None}


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


def test_a_start_makes_a_line_known_and_a_stop_ends_it(desk: Desk) -> None:
    desk.take(say(Kind.START, 0))
    alice = desk.number("alice")
    assert desk.addresses() == {HOME: alice}
    assert desk.known() == {alice: KnownLine("dynamic")}
    desk.take(say(Kind.STOP, 60))
    assert (desk.addresses(), desk.known()) == ({}, {})


def test_a_line_that_keeps_one_of_two_addresses_stays_known(desk: Desk) -> None:
    desk.take(say(Kind.START, 0, HOME, OTHER))
    desk.take(say(Kind.START, 100, HOME, line="bob"))
    alice, bob = desk.number("alice"), desk.number("bob")
    assert desk.addresses() == {HOME: bob, OTHER: alice}
    assert desk.known().keys() == {alice, bob}


def test_what_changes_nothing_is_not_told(desk: Desk) -> None:
    desk.take(say(Kind.START, 0))
    desk.take(say(Kind.START, 0), say(Kind.INTERIM, 600))
    assert len(desk.told) == 1


def test_addresses_of_nobody_are_counted_and_make_no_lease(desk: Desk) -> None:
    desk.take(say(Kind.START, 0, ELSEWHERE))
    assert desk.told == []
    assert desk.intake.counts == {"outside": 1, "static": 0, "misfits": 0}


def test_a_static_list_stands_before_accounting(desk: Desk) -> None:
    with desk.store.transaction() as transaction:
        office = transaction.number_lines(["office"])["office"]
        transaction.change_leases([], [Lease(HOME, at(-1), b"list" * 4, office)])
        transaction.put_holdings({HOME: Holding(office, b"list" * 4, static=True)})
    desk.take(say(Kind.START, 0))
    assert desk.told == []
    assert desk.intake.counts == {"outside": 0, "static": 1, "misfits": 0}


def test_the_class_of_a_list_stands_before_the_pools(desk: Desk) -> None:
    alice = desk.number("alice")
    with desk.store.transaction() as transaction:
        transaction.set_lines([ListedLine(alice, "alice", "fixed")])
    desk.take(say(Kind.START, 0))
    assert desk.known() == {alice: KnownLine("fixed")}


def test_a_relief_is_told_with_the_line_and_ends_when_asked_anew(desk: Desk) -> None:
    alice = desk.number("alice")
    with desk.store.transaction() as transaction:
        transaction.add_relief(Relief(alice, at(0), at(2e6), "root", "own server"))
    desk.take(say(Kind.START, 0))
    assert desk.known() == {alice: KnownLine("dynamic", Limit(Mode.OBSERVE, 5, 0))}
    with desk.store.transaction() as transaction:
        transaction.end_relief(alice, at(9e5), "root")
    desk.intake.refresh([alice])
    assert desk.known() == {alice: KnownLine("dynamic")}


def test_a_map_prefix_holds_its_share_of_an_address_too(desk: Desk) -> None:
    prefix = Address(bytes.fromhex("20010db8001234000000000000000000"), 56)
    shared = Address(bytes([192, 0, 2, 18]), 32, 0x34)
    desk.take(say(Kind.START, 0, prefix))
    assert desk.addresses().keys() == {prefix, shared}


def test_a_boot_ends_logins_in_chunks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sekisho.daemon.intake.BOOT_CHUNK", 2)
    homes = [Address(bytes([10, 0, 1, number]), 32) for number in range(5)]
    desk.take(*(say(Kind.START, 0, home, line=f"line{home.network[3]}") for home in homes))
    desk.take(say(Kind.START, 0, OTHER, nas="bng2"))
    desk.take(Boot("bng1", at(60)))
    chunks = 0
    while desk.intake.work_off():
        chunks += 1
    assert chunks == 3
    assert desk.addresses().keys() == {OTHER}


def test_a_flood_of_boots_is_worked_off_at_once(desk: Desk) -> None:
    desk.take(say(Kind.START, 0))
    desk.take(*(Boot("bng1", at(60 + second)) for second in range(500)))
    assert [desk.intake.work_off() for _ in range(2)] == [True, False]
    with desk.store.reading() as transaction:
        assert transaction.latest([HOME])[HOME].end == at(60)


def listed(**lines: tuple[str, tuple[Address, ...]]) -> StaticList:
    return StaticList(
        {name: StaticLine(class_name, fixed=True) for name, (class_name, _) in lines.items()},
        {address: name for name, (_, addresses) in lines.items() for address in addresses},
    )


OFFICE = Address(bytes([198, 51, 100, 1]), 32)
NOTHING = StaticList()


def test_a_list_gives_addresses_and_takes_them_back(desk: Desk) -> None:
    desk.now = at(-60)
    desk.intake.put_list(listed(office=("fixed", (OFFICE, HOME))), LIST, NOTHING)
    office = desk.number("office")
    assert desk.addresses() == {OFFICE: office, HOME: office}
    assert desk.known() == {office: KnownLine("fixed")}
    desk.take(say(Kind.START, 0))
    assert desk.intake.counts["static"] == 1
    desk.now = at(60)
    desk.intake.put_list(listed(office=("fixed", (OFFICE,))), LIST, NOTHING)
    assert desk.addresses() == {OFFICE: office}
    desk.take(say(Kind.INTERIM, 600))
    assert desk.addresses() == {OFFICE: office, HOME: desk.number("alice")}


def classes(change: ListChange) -> dict[str, str | None]:
    return {name: line and line.class_name for name, line in change.lines.items()}


def test_the_same_list_again_changes_nothing(desk: Desk) -> None:
    office = listed(office=("fixed", (OFFICE,)))
    desk.intake.put_list(office, LIST, NOTHING)
    told = len(desk.told)
    assert desk.intake.put_list(office, LIST, NOTHING) == ListChange()
    assert len(desk.told) == told


def test_another_class_of_a_listed_line_is_told(desk: Desk) -> None:
    desk.intake.put_list(listed(office=("fixed", (OFFICE,))), LIST, NOTHING)
    desk.intake.put_list(listed(office=("dynamic", (OFFICE,))), LIST, NOTHING)
    assert desk.known() == {desk.number("office"): KnownLine("dynamic")}


def test_the_list_of_the_configuration_and_an_import_leave_each_other_alone(desk: Desk) -> None:
    configured = listed(office=("fixed", (OFFICE,)))
    desk.intake.put_list(configured, CONFIG, configured)
    desk.intake.put_list(listed(shop=("dynamic", (HOME,))), LIST, configured)
    desk.intake.put_list(configured, CONFIG, configured)
    assert desk.addresses() == {OFFICE: desk.number("office"), HOME: desk.number("shop")}
    assert set(desk.known().values()) == {KnownLine("fixed"), KnownLine("dynamic")}
    desk.intake.put_list(NOTHING, LIST, configured)
    assert desk.addresses() == {OFFICE: desk.number("office")}
    desk.intake.put_list(NOTHING, CONFIG, NOTHING)
    assert desk.addresses() == {}


def test_a_list_in_many_portions_is_told_and_written_as_a_whole(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 2)
    many = tuple(Address(bytes([10, 0, 1, last]), 32) for last in range(9))
    desk.take(say(Kind.START, 0, *many[:3]))
    before = listed(
        office=("fixed", (*many[:4], OFFICE)), shop=("dynamic", many[4:7]), home=("fixed", many[7:])
    )
    desk.intake.put_list(before, LIST, NOTHING)
    office, shop, home = (desk.number(name) for name in ("office", "shop", "home"))
    assert desk.addresses() == {
        OFFICE: office,
        **dict.fromkeys(many[:4], office),
        **dict.fromkeys(many[4:7], shop),
        **dict.fromkeys(many[7:], home),
    }
    assert desk.intake.put_list(before, LIST, NOTHING) == ListChange()
    after = listed(office=("dynamic", (many[3], *many[7:])), shop=("dynamic", many[4:7]))
    desk.now += timedelta(hours=1)
    change = desk.intake.put_list(after, LIST, NOTHING)
    assert classes(change) == {
        "office": "dynamic",
        "home": None,
    }
    assert {lease.address for lease in change.ended} == {OFFICE, *many[:3]}
    kept = {many[3]: office, **dict.fromkeys(many[4:7], shop), **dict.fromkeys(many[7:], office)}
    assert desk.addresses() == kept
    assert desk.known() == dict.fromkeys((office, shop), KnownLine("dynamic"))
    with desk.store.reading() as transaction:
        assert {one.address for one in transaction.static_leases()} == kept.keys()


@pytest.mark.parametrize("source", [CONFIG, LIST])
@pytest.mark.parametrize("written", range(5))
def test_a_list_that_was_written_in_part_is_completed_by_putting_it_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, source: str, written: int
) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 1)
    before = listed(office=("fixed", (OFFICE, OTHER)), shop=("fixed", (HOME,)))
    after = listed(shop=("dynamic", (OFFICE,)))
    desk.intake.put_list(before, source, before if source == CONFIG else NOTHING)
    desk.now += timedelta(hours=1)
    left = iter(range(written))
    whole = desk.intake._write_portion

    def fail(*of: Any) -> RosterChange:
        if next(left, None) is None:
            raise StoreError("the disk is full")
        return whole(*of)

    configured = after if source == CONFIG else NOTHING
    monkeypatch.setattr(desk.intake, "_write_portion", fail)
    with pytest.raises(StoreError, match="put it again$" if written else "full$"):
        desk.intake.put_list(after, source, configured)
    monkeypatch.setattr(desk.intake, "_write_portion", whole)
    desk.intake.put_list(after, source, configured)
    shop = desk.number("shop")
    assert desk.addresses() == {OFFICE: shop}
    assert desk.known() == {shop: KnownLine("dynamic")}
    with desk.store.reading() as transaction:
        assert [one.name for one in transaction.listed_lines()] == ["shop"]


@pytest.mark.parametrize("source", [CONFIG, LIST])
def test_a_line_whose_addresses_all_go_to_another_is_off_the_list(desk: Desk, source: str) -> None:
    before, after = (listed(**{name: ("fixed", (OFFICE,))}) for name in ("office", "shop"))
    for one in (before, after):
        change = desk.intake.put_list(one, source, one if source == CONFIG else NOTHING)
    assert classes(change) == {
        "office": None,
        "shop": "fixed",
    }
    assert change.ended == ()
    assert desk.addresses() == {OFFICE: desk.number("shop")}
    assert desk.known() == {desk.number("shop"): KnownLine("fixed")}


def test_a_line_that_moves_into_the_configuration_loses_what_the_list_gave_it(desk: Desk) -> None:
    desk.intake.put_list(listed(office=("fixed", (OFFICE, HOME)), shop=("fixed", (OTHER,))), LIST, NOTHING)
    configured = listed(office=("fixed", (OFFICE,)))
    change = desk.intake.put_list(configured, CONFIG, configured)
    assert [lease.address for lease in change.ended] == [HOME]
    assert desk.addresses() == {OFFICE: desk.number("office"), OTHER: desk.number("shop")}
    desk.intake.put_list(listed(shop=("fixed", (OTHER,))), LIST, configured)
    assert desk.addresses() == {OFFICE: desk.number("office"), OTHER: desk.number("shop")}


def test_an_address_is_nobodys_when_the_clock_goes_back_between_two_lists(desk: Desk) -> None:
    desk.intake.put_list(listed(shop=("fixed", (HOME,))), LIST, NOTHING)
    desk.now += timedelta(hours=1)
    desk.intake.put_list(listed(office=("fixed", (HOME,))), LIST, NOTHING)
    desk.now -= timedelta(hours=2)
    desk.intake.put_list(NOTHING, LIST, NOTHING)
    assert desk.addresses() == {}
    desk.intake.put_list(listed(shop=("fixed", (HOME,))), LIST, NOTHING)
    assert desk.addresses() == {HOME: desk.number("shop")}


def test_a_list_takes_an_address_from_accounting(desk: Desk) -> None:
    desk.take(say(Kind.START, 0))
    desk.intake.put_list(listed(office=("fixed", (HOME,))), LIST, NOTHING)
    assert desk.addresses() == {HOME: desk.number("office")}
    desk.take(say(Kind.STOP, 60))
    assert desk.addresses() == {HOME: desk.number("office")}


@pytest.mark.parametrize("end", ["stop", "boot"])
def test_a_listed_address_stays_listed_when_the_former_holder_ends(desk: Desk, end: str) -> None:
    desk.take(say(Kind.START, 0))
    desk.intake.put_list(listed(office=("fixed", (HOME,))), LIST, NOTHING)
    desk.take(say(Kind.STOP, 60) if end == "stop" else Boot("bng1", at(60)))
    while desk.intake.work_off():
        pass
    with desk.store.reading() as transaction:
        assert transaction.holdings([HOME])[HOME].static
    desk.take(say(Kind.START, 2e6, line="bob"))
    assert desk.addresses() == {HOME: desk.number("office")}


def test_a_list_wins_over_a_lease_that_begins_in_the_future(desk: Desk) -> None:
    desk.take(say(Kind.START, 2e6))
    desk.intake.put_list(listed(office=("fixed", (HOME,))), LIST, NOTHING)
    assert desk.addresses() == {HOME: desk.number("office")}
    desk.intake.put_list(listed(office=("fixed", (HOME,))), LIST, NOTHING)
    assert desk.addresses() == {HOME: desk.number("office")}


def test_a_dry_run_tells_and_writes_nothing_but_its_record(desk: Desk) -> None:
    recorded: list[ListChange] = []
    change = desk.intake.put_list(
        listed(office=("fixed", (OFFICE,))),
        LIST,
        NOTHING,
        record=lambda _, change: recorded.append(change),
        dry_run=True,
    )
    assert change.begun == {OFFICE: "office"}
    assert recorded == [change]
    assert desk.told == []


def test_port_plans_of_lists_and_rules_stand_side_by_side(desk: Desk) -> None:
    shared = Address(bytes([198, 51, 100, 9]), 32, 1)
    plan = PortPlan("fixed", first=1024, size=1008)
    shares = StaticList({"shop": StaticLine("fixed")}, {shared: "shop"}, {shared.network: plan})
    desk.intake.put_list(shares, LIST, NOTHING)
    desk.intake.put_list(NOTHING, CONFIG, NOTHING)
    with desk.store.reading() as transaction:
        plans = transaction.port_plans()
    assert plans[shared.network] == plan
    assert plans[bytes([192, 0, 2, 18])] == PortPlan("dynamic", offset=6, length=8)
    desk.intake.put_list(NOTHING, LIST, NOTHING)
    with desk.store.reading() as transaction:
        assert shared.network not in transaction.port_plans()


_examples = count(1)
seconds = st.integers(0, 12).map(lambda step: at(step * 1.5))


@st.composite
def batches(draw: st.DrawFn) -> list[list[Event | Boot]]:
    """Draw what two NASes say of two lines and three addresses of an example's own."""
    example = next(_examples)
    nases = [f"bng{example}.{number}" for number in (1, 2)]
    homes = [Address((10 << 24 | example << 2 | number).to_bytes(4, "big"), 32) for number in range(3)]

    def event() -> Event | Boot:
        nas = draw(st.sampled_from(nases))
        if draw(st.integers(0, 4)) == 0:
            return Boot(nas, draw(seconds))
        line = draw(st.integers(1, 2))
        key = login_key(nas, draw(st.sampled_from("12")), str(line))
        addresses = tuple(draw(st.lists(st.sampled_from(homes), unique=True, max_size=2)))
        return Event(draw(st.sampled_from(Kind)), draw(seconds), nas, key, line, 0, addresses)

    said = [event() for _ in range(draw(st.integers(1, 10)))]
    cuts = sorted(draw(st.sets(st.integers(0, len(said)), max_size=3)))
    return [said[begin:end] for begin, end in pairwise([0, *cuts, len(said)])]


def heard(one: Event | Boot) -> Heard | Boot:
    if isinstance(one, Boot):
        return one
    return Heard(one.kind, one.at, one.nas, one.login, f"line {one.line}", one.rank, one.addresses)


def touched(said: list[list[Event | Boot]]) -> Iterator[Address]:
    for batch in said:
        for one in batch:
            if isinstance(one, Event):
                yield from one.addresses


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches())
def test_the_database_comes_to_what_the_rules_say(desk: Desk, said: list[list[Event | Boot]]) -> None:
    ledger = Ledger()
    ledger.take([one for batch in said for one in batch])
    for batch in said:
        desk.take(*map(heard, batch))
        if len(batch) % 2:
            desk.intake.work_off()
    while desk.intake.work_off():
        pass
    numbers = {line: desk.number(f"line {line}") for line in (1, 2)}
    addresses = set(touched(said))
    with desk.store.reading() as transaction:
        leases = {one for line in numbers.values() for one in transaction.leases_of(line, at(-1))}
        holdings = transaction.holdings(addresses)
    assert {(one.address, one.begin, one.end, one.line) for one in leases if one.address in addresses} == {
        (address, begin, end, numbers[line])
        for address in addresses
        for begin, end, line in ledger.held(address)
        if end is None or begin < end
    }
    now = {address: in_force(next(reversed(ledger.of(address)), None)) for address in addresses}
    expected = {address: numbers[one.line] for address, one in now.items() if one is not None}
    assert {address: one.line for address, one in holdings.items()} == expected
    assert {address: line for address, line in desk.addresses().items() if address in addresses} == expected
