"""Shared IPv4: the line of a port, edges and neighbours exact."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.lines.shared import MapRule, NatRule, port_plans, port_set, ports_of, share
from sekisho.model import Address, PortPlan

# RFC 7597 appendix A, example 2: 2001:db8:12:3400::/56 has 192.0.2.18 and the port-set id 0x34.
RFC = MapRule(IPv6Network("2001:db8::/40"), IPv4Network("192.0.2.0/24"), 16, 6, "dynamic")
NAT = NatRule(IPv4Network("100.64.0.0/22"), IPv4Network("198.51.100.0/28"), 1024, 1008, "dynamic")


def address(text: str) -> Address:
    network = ip_network(text)
    return Address(network.network_address.packed, network.prefixlen)


def shared(text: str, number: int | None) -> Address:
    return Address(IPv4Address(text).packed, 32, number)


def test_the_example_of_the_rfc() -> None:
    assert share([RFC], address("2001:db8:12:3400::/56")) == shared("192.0.2.18", 0x34)
    (plan,) = {plan for _, plan in port_plans([RFC])}
    ranges = list(ports_of(plan, 0x34))
    assert [(r[0], r[-1]) for r in ranges[:2]] == [(1232, 1235), (2256, 2259)]
    assert [(r[0], r[-1]) for r in ranges[-2:]] == [(63_696, 63_699), (64_720, 64_723)]
    assert sum(map(len, ranges)) == 252


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2001:db8::/56", shared("192.0.2.0", 0)),
        ("2001:db8:ff:ff00::/56", shared("192.0.2.255", 0xFF)),
        ("2001:db8:12:3400::/64", shared("192.0.2.18", 0x34)),  # a part of the line's prefix
        ("2001:db8:12:3400::1/128", shared("192.0.2.18", 0x34)),
        ("2001:db8:12:3400::/55", None),  # two lines' prefixes
        ("2001:db8:100::/56", None),
        ("2001:db7:ff:ff00::/56", None),
        ("192.0.2.18", None),
    ],
)
def test_a_map_rule_knows_its_own_prefixes(text: str, expected: Address | None) -> None:
    assert share([RFC], address(text)) == expected


def test_a_rule_without_sharing_gives_whole_addresses() -> None:
    rule = MapRule(IPv6Network("2001:db8::/48"), IPv4Network("192.0.2.0/24"), 8, 0, "dynamic")
    assert share([rule], address("2001:db8:0:1200::/56")) == shared("192.0.2.18", None)
    assert list(port_plans([rule])) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100.64.0.0", shared("198.51.100.0", 0)),
        ("100.64.0.63", shared("198.51.100.0", 63)),
        ("100.64.0.64", shared("198.51.100.1", 0)),
        ("100.64.3.255", shared("198.51.100.15", 63)),
        ("100.64.4.0", None),
        ("100.63.255.255", None),
        ("2001:db8::/56", None),
    ],
)
def test_deterministic_nat_counts_lines_in_their_order(text: str, expected: Address | None) -> None:
    assert NAT.blocks == 64
    assert share([NAT], address(text)) == expected


@pytest.mark.parametrize(
    ("plan", "port", "expected"),
    [
        (PortPlan("c", offset=4, length=8), 4095, None),  # 240 ports a line
        (PortPlan("c", offset=4, length=8), 4096, 0),
        (PortPlan("c", offset=4, length=8), 4111, 0),
        (PortPlan("c", offset=4, length=8), 4112, 1),
        (PortPlan("c", offset=4, length=8), 8191, 255),
        (PortPlan("c", offset=4, length=8), 8192, 0),
        (PortPlan("c", offset=4, length=8), 65_535, 255),
        (PortPlan("c", offset=6, length=6), 1023, None),  # 1,008 ports a line
        (PortPlan("c", offset=6, length=6), 1024, 0),
        (PortPlan("c", offset=6, length=6), 1039, 0),
        (PortPlan("c", offset=6, length=6), 1040, 1),
        (PortPlan("c", offset=0, length=8), 0, 0),  # one run a line
        (PortPlan("c", offset=0, length=8), 255, 0),
        (PortPlan("c", offset=0, length=8), 256, 1),
        (PortPlan("c", first=1024, size=1008), 1023, None),
        (PortPlan("c", first=1024, size=1008), 1024, 0),
        (PortPlan("c", first=1024, size=1008), 2031, 0),
        (PortPlan("c", first=1024, size=1008), 2032, 1),
    ],
)
def test_edges_of_port_sets(plan: PortPlan, port: int, expected: int | None) -> None:
    assert port_set(plan, port) == expected


plans = st.one_of(
    st.tuples(st.integers(0, 8), st.integers(1, 8)).map(lambda ab: PortPlan("c", offset=ab[0], length=ab[1])),
    st.tuples(st.integers(0, 4096), st.integers(16, 4096)).map(
        lambda fs: PortPlan("c", first=fs[0], size=fs[1])
    ),
)


@settings(max_examples=20)  # each goes through all ports
@given(plans)
def test_sets_divide_the_ports(plan: PortPlan) -> None:
    owners = {port: port_set(plan, port) for port in range(65_536)}
    numbers = {number for number in owners.values() if number is not None}
    listed = [(port, number) for number in numbers for ports in ports_of(plan, number) for port in ports]
    assert len(listed) == len(dict(listed))
    assert dict(listed) == {port: number for port, number in owners.items() if number is not None}


@given(st.integers(0, 0xFFFF))
def test_every_line_of_a_map_rule_has_a_share_of_its_own(ea: int) -> None:
    prefix = Address((0x20010DB8 << 96 | ea << 72).to_bytes(16, "big"), 56)
    expected = shared(f"192.0.2.{ea >> 8}", ea & 0xFF)
    assert share([NAT, RFC], prefix) == expected
