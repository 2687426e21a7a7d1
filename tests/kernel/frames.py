"""Frames for the kernel tests, built byte by byte so that wrong ones can be built too."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, ip_address

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))

LINE_MAC = bytes.fromhex("020000000001")
GATE_MAC = bytes.fromhex("020000000002")
VLAN = bytes.fromhex("81000064")  # number 100; the type of what it carries follows


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of an even or odd number of bytes."""
    padded = data + bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo_header(source: str, destination: str, length: int) -> bytes:
    ends = ip_address(source).packed + ip_address(destination).packed
    return ends + struct.pack(
        "!II" if len(ends) == 32 else "!HH", *((length, 6) if len(ends) == 32 else (6, length))
    )


def tcp(
    source: str,
    destination: str,
    ports: tuple[int, int],
    flags: int,
    *,
    seq: int = 0,
    ack: int = 0,
    payload: bytes = b"",
    options: bytes = b"",
    data_offset: int | None = None,
) -> bytes:
    words = 5 + len(options) // 4 if data_offset is None else data_offset
    header = struct.pack("!HHIIBBHHH", *ports, seq % 2**32, ack % 2**32, words << 4, flags, 64_000, 0, 0)
    segment = header + options + payload
    summed = checksum(pseudo_header(source, destination, len(segment)) + segment)
    return segment[:16] + struct.pack("!H", summed) + segment[18:]


def ipv4(
    source: str,
    destination: str,
    body: bytes,
    *,
    protocol: int = 6,
    options: bytes = b"",
    total: int | None = None,
    fragment: int = 0,
    first_byte: int | None = None,
) -> bytes:
    """`fragment`: the flags-and-offset field as it is on the wire."""
    header_words = 5 + len(options) // 4
    header = struct.pack(
        "!BBHHHBBH4s4s",
        0x40 | header_words if first_byte is None else first_byte,
        0,
        header_words * 4 + len(body) if total is None else total,
        0,
        fragment,
        64,
        protocol,
        0,
        IPv4Address(source).packed,
        IPv4Address(destination).packed,
    )
    summed = checksum(header + options)
    return header[:10] + struct.pack("!H", summed) + header[12:] + options + body


def ipv6(
    source: str, destination: str, body: bytes, *, next_header: int = 6, length: int | None = None
) -> bytes:
    return (
        struct.pack("!IHBB", 6 << 28, len(body) if length is None else length, next_header, 64)
        + ip_address(source).packed
        + ip_address(destination).packed
        + body
    )


def ethernet(body: bytes, kind: int | None = None, tags: bytes = b"") -> bytes:
    """`tags`: whatever stands between the addresses and the type of the IP packet, type first."""
    if kind is None:
        kind = 0x0800 if body[0] >> 4 == 4 else 0x86DD
    if not tags:
        return GATE_MAC + LINE_MAC + struct.pack("!H", kind) + body
    return GATE_MAC + LINE_MAC + tags + body


def segment(source: str, destination: str, ports: tuple[int, int], flags: int, **tcp_fields: object) -> bytes:
    """A whole frame with one TCP segment over IPv4 or IPv6."""
    body = tcp(source, destination, ports, flags, **tcp_fields)  # type: ignore[arg-type]
    return ethernet((ipv6 if ":" in source else ipv4)(source, destination, body))
