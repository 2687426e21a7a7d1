"""Static lists: lines whose addresses stand in a file, in the configuration or in an import."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from sekisho.config import Config, Held
from sekisho.config.schema import share_rules
from sekisho.lines.events import login_key
from sekisho.lines.pools import ClassOf, class_finder
from sekisho.lines.shared import Rule, share
from sekisho.model import Address, Pool, PortPlan

_IPV4_BITS, _IPV4_BYTES = 32, 4

CONFIG, LIST = "config", "list"
"""Sources of static leases: the [[line]]s of the configuration, and a file or an import."""


class StaticLine(NamedTuple):
    """What a list says of a line beside its addresses: its class, that these are fixed, and its contact.

    `contact`, `language`: as of a `ListedLine`.
    """

    class_name: str
    fixed: bool = False
    contact: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class StaticList:
    """Lines by name, who holds each address, and how the addresses that lines share are divided."""

    lines: Mapping[str, StaticLine] = field(default_factory=dict)
    addresses: Mapping[Address, str] = field(default_factory=dict)
    port_plans: Mapping[bytes, PortPlan] = field(default_factory=dict)


@lru_cache(maxsize=1)  # what a line holds stands together, most of all its IPv4 addresses one by one
def static_login(source: str, name: str) -> bytes:
    """Return the login key under which a line's static leases stand."""
    return login_key(source, name, "")


def config_list(config: Config) -> StaticList:
    """Return the [[line]]s of a configuration without errors as a list."""
    shares: defaultdict[bytes, list[tuple[int, int]]] = defaultdict(list)
    for line in config.lines:
        for network, ports in line.addresses:
            if ports is not None:
                shares[network.network_address.packed].append(ports)
    class_of = pool_classes(config)
    plans = {
        packed: block_plan(class_of(Address(packed, _IPV4_BITS)) or _first_user(config, packed), ranges)
        for packed, ranges in shares.items()
    }
    addresses = {
        address: line.name
        for line in config.lines
        for held in line.addresses
        for address in with_shares(share_rules(config), _addresses(held, plans))
    }
    lines = {
        line.name: StaticLine(line.class_name, contact=line.contact, language=line.language)
        for line in config.lines
    }
    return StaticList(lines, addresses, plans)


def pool_classes(config: Config) -> ClassOf:
    """Return the function that tells the class of the pool that holds an address."""
    return class_finder(Pool(pool.prefix, pool.line_length, pool.class_name) for pool in config.pools)


def block_plan(class_name: str, ranges: Iterable[tuple[int, int]]) -> PortPlan:
    """Divide an address into blocks as long as its lowest range, so that each range is one.

    They are counted from the lowest port that lets them: a range's number stays when others come and go.
    """
    first, last = min(ranges)
    size = last - first + 1
    return PortPlan(class_name, first=first % size, size=size)


def with_shares(rules: Sequence[Rule], addresses: Sequence[Address]) -> Sequence[Address]:
    """Add to what a line holds the shares of IPv4 addresses that come with it by rules."""
    if not rules:
        return addresses
    shares = (share(rules, address) for address in addresses)
    return (*addresses, *(address for address in shares if address is not None))


def one_by_one(address: Address) -> Sequence[Address]:
    """Return what a line holds of a prefix: all of IPv6, IPv4 one by one as the gate looks them up."""
    packed, length, _ = address
    if length == _IPV4_BITS or len(packed) != _IPV4_BYTES:
        return (address,)
    first = int.from_bytes(packed, "big")
    last = first + (1 << (_IPV4_BITS - length))
    return [Address(one.to_bytes(_IPV4_BYTES, "big"), _IPV4_BITS) for one in range(first, last)]


def _first_user(config: Config, packed: bytes) -> str:
    """Return the class of the first line that shares an address."""
    return next(
        line.class_name
        for line in config.lines
        for network, ports in line.addresses
        if ports is not None and network.network_address.packed == packed
    )


def _addresses(held: Held, plans: Mapping[bytes, PortPlan]) -> Sequence[Address]:
    packed = held.network.network_address.packed
    if held.ports is None:
        return one_by_one(Address(packed, held.network.prefixlen))
    plan = plans[packed]
    return (Address(packed, _IPV4_BITS, (held.ports[0] - plan.first) // plan.size),)
