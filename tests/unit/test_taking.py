"""What accounting may speak for, the class of an address, and what the gate is told of a line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest

from sekisho.gate.abi import MAX_ARMS
from sekisho.lines.events import Ending, Heard, Holding, Kind, Lease, login_key
from sekisho.lines.pools import class_finder
from sekisho.lines.roster import Restriction, Treatment, known_line, roster, usable_plans
from sekisho.lines.shared import MapRule
from sekisho.lines.taking import as_events, bounded, in_force, with_shares
from sekisho.model import (
    OWN_LIMIT_ARM,
    Address,
    KnownLine,
    Limit,
    Mode,
    Pool,
    PortPlan,
    Stage,
    stage_arm,
    stage_arms,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
POOLS = (
    Pool(IPv4Network("100.64.0.0/16"), 32, "dynamic"),
    Pool(IPv4Network("100.64.7.0/24"), 32, "fixed"),
    Pool(IPv6Network("2001:db8::/40"), 56, "dynamic"),
)
MAP = MapRule(IPv6Network("2001:db8::/40"), IPv4Network("192.0.2.0/24"), 16, 6, "dynamic")
KEY = login_key("bng1", "1", "alice")
LIMITS = {"dynamic": Limit(Mode.ENFORCE, 5, 1000), "fixed": Limit(Mode.OBSERVE, 20, 0)}
TREATMENT = Treatment(class_finder(POOLS), LIMITS)


def address(text: str) -> Address:
    network = ip_network(text)
    return Address(network.network_address.packed, network.prefixlen)


HOME, OFFICE, ELSEWHERE = address("100.64.0.1"), address("100.64.7.1"), address("198.51.100.1")
PREFIX = address("2001:db8:12:3400::/56")


def heard(*addresses: Address) -> Heard:
    return Heard(Kind.START, NOON, "bng1", KEY, "alice", 1, addresses)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100.64.0.1", "dynamic"),
        ("100.64.7.0", "fixed"),
        ("100.64.7.255", "fixed"),
        ("100.64.8.0", "dynamic"),
        ("100.65.0.0", None),
        ("100.64.0.0/15", None),
        ("2001:db8:ff:ff00::/56", "dynamic"),
        ("2001:db8::/39", None),
        ("2001:db8:100::/56", None),
    ],
)
def test_the_most_specific_pool_gives_the_class(text: str, expected: str | None) -> None:
    assert class_finder(POOLS)(address(text)) == expected


def test_without_pools_nothing_has_a_class() -> None:
    assert class_finder([])(HOME) is None


def test_addresses_of_others_are_left_out_and_counted() -> None:
    batch = [heard(HOME, ELSEWHERE), heard(OFFICE), heard()]
    taken = as_events(batch, {"alice": 7}, with_shares(batch, ()), {OFFICE}, TREATMENT.class_of)
    assert [event.addresses for event in taken.events] == [(HOME,), (), ()]
    assert (taken.outside, taken.static) == (1, 1)
    assert {(event.line, event.rank, event.login) for event in taken.events} == {(7, 1, KEY)}


@pytest.mark.parametrize("length", [63, 59, 33])
def test_a_prefix_that_the_gate_has_no_room_for_is_a_misfit(length: int) -> None:
    batch = [heard(PREFIX._replace(length=length), HOME._replace(length=24), HOME)]
    taken = as_events(batch, {"alice": 7}, with_shares(batch, ()), (), TREATMENT.class_of)
    assert [event.addresses for event in taken.events] == [(HOME,)]
    assert (taken.misfits, taken.outside) == (2, 0)
    in_a_pool = as_events(batch, {"alice": 7}, with_shares(batch, ()), (), lambda _: "dynamic", {length})
    assert in_a_pool.misfits == 1


def test_a_packet_is_bounded_at_the_door() -> None:
    many = heard(*(Address(number.to_bytes(4, "big"), 32) for number in range(200)))
    fitting, misfits = bounded([many, replace(many, name="x" * 2_000), replace(many, name="\0"), heard(HOME)])
    assert fitting == (replace(many, addresses=many.addresses[:64]), heard(HOME))
    assert misfits == 136 + 2


def test_a_map_prefix_brings_its_share_of_an_address() -> None:
    shared = Address(bytes([192, 0, 2, 18]), 32, 0x34)
    batch = [heard(PREFIX)]
    stands_for = with_shares(batch, (MAP,))
    assert stands_for == {PREFIX: (PREFIX, shared)}
    (event,) = as_events(batch, {"alice": 7}, stands_for, (), TREATMENT.class_of).events
    assert event.addresses == (PREFIX, shared)
    (event,) = as_events(batch, {"alice": 7}, stands_for, {shared}, TREATMENT.class_of).events
    assert event.addresses == (PREFIX,)


def test_who_holds_an_address_now() -> None:
    going_on = Lease(HOME, NOON, KEY, 7)
    assert in_force(going_on) == Holding(7, KEY, static=False)
    assert in_force(going_on, {KEY}) == Holding(7, KEY, static=True)
    assert in_force(going_on._replace(end=NOON, ending=Ending.STOP)) is None
    assert in_force(None) is None


@pytest.mark.parametrize(
    ("addresses", "listed", "expected"),
    [
        ((HOME,), None, "dynamic"),
        ((OFFICE, HOME), None, "dynamic"),  # the lowest
        ((PREFIX, OFFICE), None, "fixed"),  # IPv4 first
        ((Address(bytes([192, 0, 2, 18]), 32, 0x34), PREFIX), None, "dynamic"),
        ((HOME,), "fixed", "fixed"),
        ((HOME,), "gone", "dynamic"),  # the configuration has that class no more
        ((ELSEWHERE,), "fixed", "fixed"),
        ((ELSEWHERE,), None, None),
    ],
)
def test_the_class_of_a_line(
    addresses: tuple[Address, ...], listed: str | None, expected: str | None
) -> None:
    wanted = None if expected is None else KnownLine(expected)
    assert known_line(TREATMENT, addresses, listed, relieved=False) == wanted


def test_a_relieved_line_is_counted_and_not_limited() -> None:
    expected = KnownLine("dynamic", Limit(Mode.OBSERVE, 5, 0))
    assert known_line(TREATMENT, (HOME,), None, relieved=True) == expected


def test_a_line_with_an_open_case_is_counted_apart_under_the_limit_of_its_class() -> None:
    arm = stage_arm(Stage.ASKED, 9)
    line = known_line(TREATMENT, (HOME,), None, relieved=False, counted=arm)
    assert line == KnownLine("dynamic", None, arm)
    assert line.arm == arm
    own = known_line(TREATMENT, (HOME,), None, relieved=False, restriction=Restriction.SUSPENDED, counted=arm)
    assert own is not None
    assert own.arm == OWN_LIMIT_ARM


def test_stages_have_arms_of_their_own() -> None:
    arms = [arm for stage in Stage for arm in stage_arms(stage)]
    assert sorted({0, OWN_LIMIT_ARM, *arms}) == [*range(MAX_ARMS)]
    assert {stage_arm(stage, line) for stage in Stage for line in range(100)} == set(arms)


def test_the_whole_roster_treats_each_line_as_by_itself() -> None:
    shared = Address(bytes([192, 0, 2, 18]), 32, 0x34)
    holdings = {HOME: 1, OFFICE: 2, PREFIX: 3, shared: 3, ELSEWHERE: 4, address("100.64.0.9"): 2}
    listed, relieved, counted = {2: "fixed"}, {3}, {1: 5, 3: 6}
    whole = roster(TREATMENT, holdings.items(), listed, relieved, {}, counted)
    by_itself = {
        line: known_line(
            TREATMENT,
            [address for address, holder in holdings.items() if holder == line],
            listed.get(line),
            relieved=line in relieved,
            counted=counted.get(line, 0),
        )
        for line in set(holdings.values())
    }
    assert whole.lines == {line: one for line, one in by_itself.items() if one is not None}
    assert whole.addresses == {address: line for address, line in holdings.items() if line != 4}


def test_a_port_plan_whose_class_is_gone_takes_that_of_the_pool() -> None:
    plans = {
        HOME.network: PortPlan("gone", size=1008),
        OFFICE.network: PortPlan("dynamic", size=512),
        ELSEWHERE.network: PortPlan("gone", size=256),
    }
    assert usable_plans(TREATMENT, plans) == {
        HOME.network: PortPlan("dynamic", size=1008),
        OFFICE.network: PortPlan("dynamic", size=512),
    }
