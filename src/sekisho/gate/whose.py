"""Whose address is it: the reference model's look-up of lines (mirror of bpf/line.h)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from sekisho.gate import abi
from sekisho.lines.shared import port_set
from sekisho.model import Address, Limit, Wanted


@dataclass(frozen=True, slots=True)
class Subject:
    """A line as an address names it; `line` is 0 where the port would be needed to tell."""

    line: int
    class_name: str
    arm: int
    own_limit: Limit | None = None


def find(wanted: Wanted, address: bytes, ipv6: bool, port: int | None) -> Subject | None:
    """Return the line that holds a 16-byte address, or None for a source in no pool."""
    if ipv6 and address.startswith(abi.IPV4_PREFIX):
        return None
    packed = address if ipv6 else address[12:]
    number = wanted.addresses.get(Address(packed, len(packed) * 8))
    if number is not None:
        return _known(wanted, number)
    if not ipv6 and packed in wanted.port_plans:
        return _by_port(wanted, packed, port)
    return _by_prefix(wanted, packed) or _by_pool(wanted, packed)


def is_exempt(wanted: Wanted, server: bytes) -> bool:
    """Tell whether a server's 16-byte address is one of the provider's own."""
    mapped = server.startswith(abi.IPV4_PREFIX)
    address = ip_address(server[12:] if mapped else server)
    return any(address.version == network.version and address in network for network in wanted.exempt)


def _known(wanted: Wanted, number: int) -> Subject:
    line = wanted.lines[number]
    return Subject(abi.LINE_KNOWN | number, line.class_name, line.arm, line.limit)


def _by_port(wanted: Wanted, packed: bytes, port: int | None) -> Subject | None:
    plan = wanted.port_plans[packed]
    if port is None:
        return Subject(0, plan.class_name, 0)
    number = wanted.addresses.get(Address(packed, 32, port_set(plan, port)))
    return None if port_set(plan, port) is None or number is None else _known(wanted, number)


def _by_prefix(wanted: Wanted, packed: bytes) -> Subject | None:
    if len(packed) == 4:
        return None
    lengths = {address.length for address in wanted.addresses if len(address.network) == 16}
    for length in sorted(lengths, reverse=True):
        number = wanted.addresses.get(Address(_mask(packed, length), length))
        if number is not None:
            return _known(wanted, number)
    return None


def _by_pool(wanted: Wanted, packed: bytes) -> Subject | None:
    address = ip_address(packed)
    pools = [p for p in wanted.pools if p.prefix.version == address.version and address in p.prefix]
    if not pools:
        return None
    pool = max(pools, key=lambda p: p.prefix.prefixlen)
    if isinstance(address, IPv6Address):
        line = int.from_bytes(_mask(packed, pool.line_length)[:8], "big")
    else:
        line = abi.LINE_IPV4 | int(address)
    return Subject(line, pool.class_name, pool.arm)


def _mask(packed: bytes, length: int) -> bytes:
    kept = int.from_bytes(packed, "big") >> (128 - length) << (128 - length)
    return kept.to_bytes(16, "big")
