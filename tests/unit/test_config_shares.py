"""Rules by which lines share IPv4 addresses, in the configuration."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

import pytest

from sekisho.config.schema import share_rules
from sekisho.lines.shared import MapRule, NatRule
from tests.unit.configuring import DYNAMIC, GATE, IPV6_POOL, good, problems

BASE = GATE + DYNAMIC + IPV6_POOL
MAP = '[[map]]\nipv6 = "2001:db8::/40"\nipv4 = "192.0.2.0/24"\nea_bits = 16\nclass = "dynamic"\n'
NAT = '[[nat]]\ninside = "100.64.0.0/22"\noutside = "198.51.100.0/28"\nports = 1008\nclass = "dynamic"\n'


def told(text: str) -> list[tuple[str, str]]:
    return [(problem.key, problem.what) for problem in problems(BASE + text)]


def test_both_kinds_of_rules_are_read() -> None:
    assert share_rules(good(BASE + MAP + NAT)) == (
        MapRule(IPv6Network("2001:db8::/40"), IPv4Network("192.0.2.0/24"), 16, 6, "dynamic"),
        NatRule(IPv4Network("100.64.0.0/22"), IPv4Network("198.51.100.0/28"), 1024, 1008, "dynamic"),
    )


@pytest.mark.parametrize(
    ("text", "key", "what"),
    [
        (MAP.replace("16", "7"), "map[0].ea_bits", "7 EA bits do not name the addresses"),
        (MAP + "psid_offset = 9\n", "map[0].ea_bits", "more than a port has"),
        (MAP.replace("/40", "/52"), "map[0].ea_bits", "would have 68 bits"),
        (MAP.replace('"192.0.2.0/24"', '"2001:db8::/56"'), "map[0].ipv4", "is not IPv4"),
        (MAP.replace('"2001:db8::/40"', '"192.0.2.0/24"'), "map[0].ipv6", "is not IPv6"),
        (MAP.replace("dynamic", "gone"), "map[0].class", 'there is no class "gone"'),
        (MAP.replace("/24", "/15").replace("192.0.2.0", "192.0.0.0"), "map[0].ipv4", "more than a gate's"),
        (MAP + MAP, "map[1].ipv4", "overlaps"),
        (MAP + NAT.replace("198.51.100.0/28", "192.0.2.16/28"), "nat[0].outside", "overlaps"),
        (NAT.replace("/28", "/29"), "nat[0].outside", "do not fit"),
        (NAT + "first = 65000\n", "nat[0].ports", "there are no 1008 ports"),
        (NAT.replace("1008", "0"), "nat[0].ports", ""),
    ],
)
def test_rules_that_cannot_be_are_refused(text: str, key: str, what: str) -> None:
    assert any(where == key and what in why for where, why in told(text)), told(text)


def test_rules_that_fit_are_not_complained_about() -> None:
    assert told(MAP + NAT) == []
