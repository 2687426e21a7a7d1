"""Addresses and ports of hosts as reports and mail servers write them."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from sekisho.desk.report import HostAddress

_SMTP = 25
_PORTS = 1 << 16
_LONGEST = 64
_IPV4 = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]{2,45}")
_WITH_PORT = re.compile(r"(?:([0-9.]{7,15})|\[([^\[\]\s]{2,60})\]):([0-9]{1,5})")


def host_address(text: str) -> HostAddress | None:
    """Return the address that is written, in brackets or not, with `IPv6:` before it or not; else None."""
    if len(text) > _LONGEST:
        return None
    bare = text.strip().strip("\"'").removeprefix("[").removesuffix("]").strip()
    if bare[:5].lower() == "ipv6:":
        bare = bare[5:].strip()
    if _IPV4.fullmatch(bare):
        return _ipv4(bare)
    bare = bare.partition("%")[0]  # a zone (RFC 4007 §11) means something on that host alone
    return _ipv6(bare) if ":" in bare and _IPV6.fullmatch(bare) else None


def address_and_port(text: str) -> tuple[HostAddress, int | None] | None:
    """Return the address that is written and its port, if one follows it, as in `[2001:db8::1]:4711`."""
    address = host_address(text)
    if address is not None:
        return address, None
    found = _WITH_PORT.fullmatch(text.strip()[:_LONGEST])
    address = host_address(found[1] or found[2]) if found else None
    return (address, written_port(found[3])) if found and address is not None else None


def source_port(number: int) -> int | None:
    """Return a sender's port, None where it is none, and for 25: that is the service's."""
    return number if 0 < number < _PORTS and number != _SMTP else None


def written_port(text: str | None) -> int | None:
    """Return a sender's port as it is written; None where it is none."""
    bare = (text or "").strip()
    return source_port(int(bare)) if bare.isascii() and bare.isdigit() and len(bare) <= 5 else None


def _ipv4(text: str) -> HostAddress | None:
    try:
        return IPv4Address(text)
    except AddressValueError:
        return None


def _ipv6(text: str) -> HostAddress | None:
    try:
        address = IPv6Address(text)
    except AddressValueError:
        return None
    return address.ipv4_mapped or address
