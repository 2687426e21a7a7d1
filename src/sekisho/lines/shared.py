"""Shared IPv4: which line an address and a port belong to.

An IPv4 address that lines share is divided into port sets by a plan (`PortPlan`). Where it is known how a
line's share follows from its other address, nobody has to tell it: by a MAP-E rule from the line's IPv6
prefix (RFC 7597 §5), by deterministic NAT from its inside address (RFC 7422).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from sekisho.model import Address, PortPlan

_PORTS = 1 << 16
_IPV4_BITS, _IPV6_BITS = 32, 128


@dataclass(frozen=True, slots=True)
class MapRule:
    """A MAP-E rule (RFC 7597 §5): the lines' IPv6 prefixes are those of `ipv6` and `ea_bits` more.

    The first EA bits are the rest of an address of `ipv4`, those after them the port-set id;
    `psid_offset`: bits before it in a port.
    """

    ipv6: IPv6Network
    ipv4: IPv4Network
    ea_bits: int
    psid_offset: int
    class_name: str

    @property
    def psid_bits(self) -> int:
        """Return the length of the port-set id in bits; 0: a line has its address to itself."""
        return self.ea_bits - (_IPV4_BITS - self.ipv4.prefixlen)

    @property
    def line_length(self) -> int:
        """Return the length in bits of a line's IPv6 prefix."""
        return self.ipv6.prefixlen + self.ea_bits


@dataclass(frozen=True, slots=True)
class NatRule:
    """Deterministic NAT (RFC 7422): inside addresses take blocks of `size` ports in their order.

    The blocks of each outside address are counted from port `first`.
    """

    inside: IPv4Network
    outside: IPv4Network
    first: int
    size: int
    class_name: str

    @property
    def blocks(self) -> int:
        """Return how many lines share an outside address."""
        return (_PORTS - self.first) // self.size


Rule = MapRule | NatRule


def share(rules: Iterable[Rule], address: Address) -> Address | None:
    """Return the share of an IPv4 address that comes with an address of a line's own."""
    for rule in rules:
        found = _by_map(rule, address) if isinstance(rule, MapRule) else _by_nat(rule, address)
        if found is not None:
            return found
    return None


def port_plans(rules: Iterable[Rule]) -> Iterator[tuple[bytes, PortPlan]]:
    """Yield the plan of each IPv4 address that lines share by the rules."""
    for rule in rules:
        plan = _plan(rule)
        if plan is not None:
            network = rule.ipv4 if isinstance(rule, MapRule) else rule.outside
            for address in network:
                yield address.packed, plan


def port_set(plan: PortPlan, port: int) -> int | None:
    """Return the number of a port's set, or None where the plan gives the port to nobody."""
    if plan.size:
        return None if port < plan.first else (port - plan.first) // plan.size
    if plan.offset and port >> (16 - plan.offset) == 0:
        return None  # RFC 7597 §5.1: the lowest block belongs to no set
    return port >> (16 - plan.offset - plan.length) & ((1 << plan.length) - 1)


def ports_of(plan: PortPlan, number: int) -> Iterator[range]:
    """Yield the ranges of ports that are a set."""
    if plan.size:
        first = plan.first + number * plan.size
        yield range(first, min(first + plan.size, _PORTS))
        return
    run = 1 << (16 - plan.offset - plan.length)
    for block in range(1 if plan.offset else 0, 1 << plan.offset):
        first = (block << (16 - plan.offset)) + number * run
        yield range(first, first + run)


def _plan(rule: Rule) -> PortPlan | None:
    if isinstance(rule, NatRule):
        return PortPlan(rule.class_name, first=rule.first, size=rule.size)
    if rule.psid_bits <= 0:
        return None
    return PortPlan(rule.class_name, offset=rule.psid_offset, length=rule.psid_bits)


def _by_map(rule: MapRule, address: Address) -> Address | None:
    if len(address.network) != _IPV6_BITS // 8 or not rule.ipv6.prefixlen <= address.length:
        return None
    bits = int.from_bytes(address.network, "big")
    if bits >> (_IPV6_BITS - rule.ipv6.prefixlen) != _upper(rule.ipv6) or address.length < rule.line_length:
        return None
    ea = bits >> (_IPV6_BITS - rule.line_length) & ((1 << rule.ea_bits) - 1)
    return _of_ea(rule, ea)


def _of_ea(rule: MapRule, ea: int) -> Address | None:
    psid_bits = rule.psid_bits
    if psid_bits < 0:
        return None  # a line with an IPv4 prefix: pools say what is to be said of it
    host = int(rule.ipv4.network_address) + (ea >> psid_bits)
    psid = ea & ((1 << psid_bits) - 1) if psid_bits else None
    return Address(host.to_bytes(4, "big"), _IPV4_BITS, psid)


def _by_nat(rule: NatRule, address: Address) -> Address | None:
    if (
        len(address.network) != _IPV4_BITS // 8
        or address.length != _IPV4_BITS
        or address.port_set is not None
    ):
        return None
    index = int.from_bytes(address.network, "big") - int(rule.inside.network_address)
    if not 0 <= index < rule.inside.num_addresses:
        return None
    host, block = divmod(index, rule.blocks)
    if host >= rule.outside.num_addresses:
        return None
    outside = int(rule.outside.network_address) + host
    return Address(outside.to_bytes(4, "big"), _IPV4_BITS, block)


def _upper(network: IPv6Network) -> int:
    return int(network.network_address) >> (_IPV6_BITS - network.prefixlen)
