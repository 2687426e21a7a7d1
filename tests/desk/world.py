"""A small provider whose leases are known: who held which address, at any moment of three days."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network

from sekisho.desk.attribute import Ours, Question, ours
from sekisho.desk.report import HostAddress
from sekisho.lines.events import Lease
from sekisho.lines.holder import Answer, holder
from sekisho.lines.lookup import look_under
from sekisho.lines.shared import port_set
from sekisho.model import Address, PortPlan

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=3)
NOW = END + timedelta(days=1)
SECOND = timedelta(seconds=1)

DYNAMIC, SHARED = ip_network("198.18.0.0/15"), ip_network("192.0.2.0/24")
IPV6 = IPv6Network("2001:db8:4000::/36")
SERVERS = ip_network("203.0.113.0/24")
RECEIVERS = ip_network("233.252.0.128/25")
"""Mail servers of others that are trusted."""
PLAN = PortPlan("dynamic", first=1_024, size=1_008)
LINE_BITS = 56
_SHARES = 60


@dataclass(frozen=True)
class World:
    """Leases by address; every line, and every address between two of them, is somebody's or nobody's."""

    leases: tuple[Lease, ...]

    @cached_property
    def by_address(self) -> dict[Address, list[Lease]]:
        found: dict[Address, list[Lease]] = {}
        for lease in self.leases:
            found.setdefault(lease.address, []).append(lease)
        return found

    @cached_property
    def ours(self) -> Ours:
        return ours([DYNAMIC, SHARED, IPV6], [SERVERS], [RECEIVERS])

    def answer(self, question: Question) -> Answer | None:
        """Answer as the store would; None: lines share the address, and no port is given."""
        is_shared = len(question.network) == 4 and IPv4Address(question.network) in SHARED
        shapes = [(4, 32), (16, LINE_BITS)]
        under = look_under(question.network, PLAN if is_shared else None, question.port, shapes)
        if under is None:
            return None
        found = [lease for address in under for lease in self.by_address.get(address, ())]
        return holder(found, question.at, question.skew)


def world(seed: int, addresses: int = 60) -> World:
    """Make a provider: `addresses` dynamic IPv4 ones, half as many IPv6 prefixes, a few that are shared."""
    dice = random.Random(seed)
    lines = iter(range(1, 10_000_000))
    leases: list[Lease] = []
    for number in range(addresses):
        leases += _turns(Address(DYNAMIC[number * 7 + 1].packed, 32), lines, dice)
    for number in range(addresses // 2):
        prefix = IPv6Address(int(IPV6.network_address) + (number << (128 - LINE_BITS)))
        leases += _turns(Address(prefix.packed, LINE_BITS), lines, dice)
    for host in range(3):
        leases += (
            Lease(Address(SHARED[host + 1].packed, 32, share), BEGIN, b"shared", next(lines))
            for share in range(_SHARES)
        )
    return World(tuple(leases))


def written(lease: Lease, dice: random.Random) -> tuple[HostAddress, int | None]:
    """Return an address, and where lines share it a port, of which a lease is the holder's."""
    if lease.address.port_set is not None:
        first = PLAN.first + lease.address.port_set * PLAN.size
        port = dice.randrange(first, first + PLAN.size)
        assert port_set(PLAN, port) == lease.address.port_set
        return IPv4Address(lease.address.network), port
    if len(lease.address.network) == 4:
        return IPv4Address(lease.address.network), dice.choice((None, dice.randrange(1_024, 65_536)))
    return IPv6Address(int.from_bytes(lease.address.network, "big") + dice.getrandbits(64)), None


def within(lease: Lease, margin: timedelta, dice: random.Random) -> datetime | None:
    """Return a moment of a lease, at least `margin` from its ends; None where it is too short."""
    last = (lease.end or END) - margin
    room = (last - lease.begin - margin) // SECOND
    return lease.begin + margin + dice.randrange(room) * SECOND if room > 0 else None


def _turns(address: Address, lines: Iterator[int], dice: random.Random) -> Iterator[Lease]:
    """Yield the leases of an address one after another, some with a gap between them."""
    begin = BEGIN
    while begin < END:
        end = begin + dice.randrange(600, 100_000) * SECOND
        yield Lease(address, begin, len(address.network).to_bytes(2, "big"), next(lines), end)
        begin = end + dice.choice((timedelta(0), dice.randrange(1_000, 20_000) * SECOND))
