"""Addresses and prefixes as long lists have them, read in a fraction of the time that `ipaddress` takes."""

from __future__ import annotations

import re

from sekisho.model import Address

_IPV4_BITS, _IPV6_BITS, _IPV6_BYTES, _GROUP_BITS = 32, 128, 16, 16
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_GROUP = "[0-9a-fA-F]{1,4}"
_IPV4 = re.compile(rf"(?:{_OCTET}\.){{3}}{_OCTET}")
_IPV6 = re.compile(rf"({_GROUP}(?::{_GROUP}){{0,6}})::/([1-9][0-9]?)")


def read_quickly(text: str) -> Address | None:
    """Read an IPv4 address, or an IPv6 prefix of up to /99 that ends in "::"; None for anything else."""
    if _IPV4.fullmatch(text):
        return Address(bytes(map(int, text.split("."))), _IPV4_BITS)
    match = _IPV6.fullmatch(text)
    if match is None:
        return None
    bits, groups = 0, match[1].split(":")
    for group in groups:
        bits = bits << _GROUP_BITS | int(group, 16)
    bits <<= _IPV6_BITS - _GROUP_BITS * len(groups)
    length = int(match[2])
    if bits & ((1 << _IPV6_BITS - length) - 1):
        return None
    return Address(bits.to_bytes(_IPV6_BYTES, "big"), length)
