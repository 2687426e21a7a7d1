"""Addresses and logins as bytes in SQL: short, and compared as they are ordered.

    address   network (4 or 16 bytes), length (1), port set (2, of a shared IPv4 address only)
    login     rank (1), line_at, first, seen (8 each), how many starts, stops and addresses (2 each), the
              starts and stops (8 each), then for each address its size (1), itself, first, last (8 each),
              in how many Starts (1), and these (8 each); last, where they are known, Acct-Session-Id and
              User-Name, each after its size (1) and in UTF-8

Numbers are big-endian, moments microseconds. What SQL asks for has columns of its own.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import cache

from sekisho.lines.events import NOTHING_SAID, Login, Named, Said
from sekisho.model import Address
from sekisho.store.moments import from_us, to_us

_PORT_SET_BYTES = 2
WHOLE_SIZES = (5, 17)  # an IPv4 or IPv6 address with its length
_head = struct.Struct(">BqqqHHH")
_span = struct.Struct(">qq")


def pack_address(address: Address) -> bytes:
    """Return the key of an address."""
    network, length, port_set = address
    if port_set is None:
        return b"%b%c" % (network, length)
    return b"%b%c%b" % (network, length, port_set.to_bytes(_PORT_SET_BYTES, "big"))


def unpack_address(key: bytes) -> Address:
    """Return the address of a key."""
    if len(key) in WHOLE_SIZES:
        return Address(key[:-1], key[-1])
    return Address(key[:-3], key[-3], key[-2] << 8 | key[-1])


def pack_login(login: Login) -> bytes:
    """Return what is said of a login, without its NAS and line."""
    starts, stops = login.starts, login.stops
    head = _head.pack(
        login.rank,
        to_us(login.line_at),
        to_us(login.first),
        to_us(login.seen),
        len(starts),
        len(stops),
        len(login.named),
    )
    times = _moments(len(starts) + len(stops)).pack(*map(to_us, starts), *map(to_us, stops))
    return b"".join((head, times, *_pack_named(login.named), pack_said(login.said)))


def unpack_login(nas: str, line: int, packed: bytes) -> Login:
    """Return the login."""
    rank, line_at, first, seen, starts, stops, named = _head.unpack_from(packed)
    count = starts + stops
    times = [*map(from_us, _moments(count).unpack_from(packed, _head.size))]
    addresses, end = _unpack_named(packed, _head.size + 8 * count, named)
    return Login(
        nas=nas,
        line=line,
        rank=rank,
        line_at=from_us(line_at),
        first=from_us(first),
        seen=from_us(seen),
        starts=tuple(times[:starts]),
        stops=tuple(times[starts:]),
        named=addresses,
        said=unpack_said(packed, end)[0] if end < len(packed) else NOTHING_SAID,
    )


def pack_said(said: Said) -> bytes:
    """Return what names a login to its NAS; nothing where that is not known."""
    if said == NOTHING_SAID:
        return b""
    session, user = (text.encode() for text in said)
    return b"%c%b%c%b" % (len(session), session, len(user), user)


def unpack_said(packed: bytes, at: int) -> tuple[Said, int]:
    """Read it from a place on; return with it where it ends."""
    middle = at + 1 + packed[at]
    end = middle + 1 + packed[middle]
    return Said(packed[at + 1 : middle].decode(), packed[middle + 1 : end].decode()), end


@cache
def _moments(count: int) -> struct.Struct:
    return struct.Struct(f">{count}q")


def _pack_named(named: Mapping[Address, Named]) -> Iterator[bytes]:
    for address, (first, last, starts) in named.items():
        key = pack_address(address)
        times = _moments(len(starts)).pack(*map(to_us, starts))
        yield b"%c%b%b%c%b" % (len(key), key, _span.pack(to_us(first), to_us(last)), len(starts), times)


def _unpack_named(packed: bytes, at: int, count: int) -> tuple[dict[Address, Named], int]:
    """Return the addresses, and where they end."""
    found: dict[Address, Named] = {}
    for _ in range(count):
        begin, end = at + 1, at + 1 + packed[at]
        first, last = _span.unpack_from(packed, end)
        at = end + _span.size
        starts = tuple(map(from_us, _moments(packed[at]).unpack_from(packed, at + 1)))
        found[unpack_address(packed[begin:end])] = Named(from_us(first), from_us(last), starts)
        at += 1 + 8 * len(starts)
    return found, at
