"""Frames as the reference model reads them: from bytes to a packet of port 25, or why not.

Follows the documents, not bpf/parse.h, so that the two readings check each other.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import Enum, Flag, auto
from typing import Final

from sekisho.gate.abi import IPV4_PREFIX, SMTP_PORT

MAX_TAGS: Final = 6
MAX_EXTENSIONS: Final = 8

IPV4: Final = 0x0800
IPV6: Final = 0x86DD
VLANS: Final = frozenset({0x8100, 0x88A8, 0x9100})
PPPOE: Final = 0x8864
PPP: Final = {0x0021: IPV4, 0x0057: IPV6}
MPLS: Final = frozenset({0x8847, 0x8848})
NOT_IP: Final = frozenset({0x0806, 0x8863, 0x8809, 0x888E, 0x88CC})  # ARP, PPPoE discovery, LACP, EAPOL, LLDP
TCP: Final = 6
FRAGMENT: Final = 44
AUTHENTICATION: Final = 51
ROUTING: Final = 43
EXTENSIONS: Final = frozenset({0, ROUTING, FRAGMENT, AUTHENTICATION, 60, 135, 139, 140})  # RFC 7045 §4


class Role(Flag):
    """Which directions an interface carries.

    Lines write to servers of other lines, too: on the lines' side answers are taken from lines alone.
    """

    TO_SERVERS = auto()
    TO_LINES = auto()
    FROM_LINES_ONLY = auto()
    SUBSCRIBER = TO_SERVERS | TO_LINES | FROM_LINES_ONLY
    UPLINK = TO_LINES
    STEERED = TO_SERVERS | TO_LINES


class TcpFlag(Flag):
    """The flags that matter to the gate, with their bits on the wire."""

    FIN = 0x01
    SYN = 0x02
    RST = 0x04
    ACK = 0x10


LEGAL: Final = (
    TcpFlag.SYN,
    TcpFlag.SYN | TcpFlag.ACK,
    TcpFlag.RST,
    TcpFlag.RST | TcpFlag.ACK,
    TcpFlag.ACK,
    TcpFlag.FIN | TcpFlag.ACK,
)


class Reading(Enum):
    """What a frame turned out to be."""

    OTHER = auto()
    SMTP_OUT = auto()
    SMTP_IN = auto()
    UNJUDGEABLE = auto()
    UNREADABLE = auto()


@dataclass(frozen=True, slots=True)
class Packet:
    """A TCP packet; addresses as 16 bytes, IPv4 mapped."""

    ipv6: bool
    source: bytes
    destination: bytes
    queueable: bool = True
    detour: bool = False
    length: int = 0
    source_port: int = 0
    destination_port: int = 0
    seq: int = 0
    ack: int = 0
    flags: TcpFlag = field(default=TcpFlag(0))
    payload: int = 0


@dataclass(slots=True)
class _Link:
    """Where the walk over link headers stands."""

    frame: bytes
    kind: int
    offset: int = 14
    tags: int = 0
    queueable: bool = True

    def step(self) -> Reading | None:
        """Go below one header; a reading where that cannot be done."""
        if self.kind in VLANS:
            return self._below_vlan()
        if self.kind == PPPOE:
            return self._below_pppoe()
        if self.kind in MPLS:
            return self._below_mpls()
        return Reading.OTHER if self.kind in NOT_IP else Reading.UNREADABLE

    def _below_vlan(self) -> Reading | None:
        if len(self.frame) < self.offset + 4:
            return Reading.UNREADABLE
        self.kind = int.from_bytes(self.frame[self.offset + 2 : self.offset + 4], "big")
        self.offset, self.tags = self.offset + 4, self.tags + 1
        return None

    def _below_pppoe(self) -> Reading | None:
        protocol = int.from_bytes(self.frame[self.offset + 6 : self.offset + 8], "big")
        header = 8
        if protocol & 0x0100:  # a protocol of one byte (RFC 1661 §6.5)
            protocol, header, self.queueable = protocol >> 8, 7, False
        if protocol not in PPP:
            return Reading.OTHER if protocol & 0x8000 else Reading.UNREADABLE
        self.kind = PPP[protocol]
        self.offset, self.tags = self.offset + header, self.tags + 1
        return None

    def _below_mpls(self) -> Reading | None:
        if len(self.frame) < self.offset + 5:
            return Reading.UNREADABLE
        bottom, version = self.frame[self.offset + 2] & 1, self.frame[self.offset + 4] >> 4
        self.queueable, self.offset = False, self.offset + 4
        if bottom:
            self.kind = {4: IPV4, 6: IPV6}.get(version, 0)
        return None


def read(frame: bytes, role: Role) -> tuple[Reading, Packet | None]:
    """Read an Ethernet frame; the packet is None where even its addresses are not known."""
    link = _Link(frame, int.from_bytes(frame[12:14], "big"))
    for _ in range(MAX_TAGS):
        if link.kind in (IPV4, IPV6):
            queueable = link.queueable and link.tags < 2
            reader = _read_ipv4 if link.kind == IPV4 else _read_ipv6
            return reader(frame[link.offset :], role, queueable)
        reading = link.step()
        if reading is not None:
            return reading, None
    return Reading.UNREADABLE, None


def _read_ipv4(data: bytes, role: Role, queueable: bool) -> tuple[Reading, Packet | None]:
    if len(data) < 20 or data[9] != TCP:
        return Reading.OTHER, None
    header, total = (data[0] & 15) * 4, int.from_bytes(data[2:4], "big")
    packet = Packet(
        ipv6=False,
        source=IPV4_PREFIX + data[12:16],
        destination=IPV4_PREFIX + data[16:20],
        queueable=queueable,
        detour=header > 20,
        length=total,
    )
    if data[0] >> 4 != 4 or header < 20 or not header <= total <= len(data):
        return Reading.UNJUDGEABLE, packet
    fragment = int.from_bytes(data[6:8], "big") & 0x3FFF
    offset = fragment & 0x1FFF
    if offset:
        return (Reading.UNJUDGEABLE if offset == 1 else Reading.OTHER), packet
    return _read_tcp(data[header:total], role, packet, fragment=bool(fragment))


def _read_ipv6(data: bytes, role: Role, queueable: bool) -> tuple[Reading, Packet | None]:
    if len(data) < 40:
        return Reading.OTHER, None
    end = 40 + int.from_bytes(data[4:6], "big")
    packet = Packet(ipv6=True, source=data[8:24], destination=data[24:40], queueable=queueable, length=end)
    upper, offset = data[6], 40
    for _ in range(MAX_EXTENSIONS + 1):
        if upper == TCP:
            if data[0] >> 4 != 6 or end > len(data) or offset > end:
                return Reading.UNJUDGEABLE, packet
            return _read_tcp(data[offset:end], role, packet, fragment=False)
        if upper not in EXTENSIONS:
            return Reading.OTHER, packet
        extension = data[offset : offset + 8]
        if len(extension) < 8:
            return Reading.UNJUDGEABLE, packet
        if upper == FRAGMENT and int.from_bytes(extension[2:4], "big") & 0xFFF9:
            return _read_ipv6_fragment(data[offset + 8 : max(end, 0)], extension, role, packet)
        if upper == ROUTING and extension[3]:
            packet = _replace(packet, detour=True)
        size = {FRAGMENT: 8, AUTHENTICATION: (extension[1] + 2) * 4}.get(upper, (extension[1] + 1) * 8)
        upper, offset = extension[0], offset + size
    return Reading.UNJUDGEABLE, packet


def _read_ipv6_fragment(
    rest: bytes, header: bytes, role: Role, packet: Packet
) -> tuple[Reading, Packet | None]:
    offset = int.from_bytes(header[2:4], "big") >> 3
    if header[0] in EXTENSIONS:
        return Reading.UNJUDGEABLE, packet
    if header[0] != TCP:
        return Reading.OTHER, packet
    if offset:
        return (Reading.UNJUDGEABLE if offset == 1 else Reading.OTHER), packet
    return _read_tcp(rest, role, packet, fragment=True)


def _read_tcp(data: bytes, role: Role, packet: Packet, *, fragment: bool) -> tuple[Reading, Packet]:
    if len(data) < 4:
        return Reading.UNJUDGEABLE, packet
    source_port, destination_port = struct.unpack_from("!HH", data)
    way = _direction(source_port, destination_port, role)
    if len(data) < 20:
        return (Reading.UNJUDGEABLE if fragment or way is not Reading.OTHER else Reading.OTHER), packet
    if way is Reading.OTHER:
        return way, packet
    header = (data[12] >> 4) * 4
    flags = TcpFlag(data[13] & 0x17)
    packet = _replace(
        packet,
        source_port=source_port,
        destination_port=destination_port,
        seq=int.from_bytes(data[4:8], "big"),
        ack=int.from_bytes(data[8:12], "big"),
        flags=flags,
        payload=len(data) - header,
    )
    if fragment or not 20 <= header <= len(data) or flags not in LEGAL:
        return Reading.UNJUDGEABLE, packet
    return way, packet


def _direction(source_port: int, destination_port: int, role: Role) -> Reading:
    if Role.TO_SERVERS in role and destination_port == SMTP_PORT:
        return Reading.SMTP_OUT
    if Role.TO_LINES in role and source_port == SMTP_PORT:
        return Reading.SMTP_IN
    return Reading.OTHER


def _replace(packet: Packet, **fields: object) -> Packet:
    values = {name: getattr(packet, name) for name in packet.__slots__}
    return Packet(**(values | fields))
