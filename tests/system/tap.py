"""Raw frames: put on a wire from a line or a server, and read off it with the kernel's time."""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.system.netns import Namespace

_SO_TIMESTAMPNS = 35
_SO_RCVBUFFORCE = 33
_SOL_PACKET = 263
_PACKET_AUXDATA = 8
_TIMESPEC = struct.Struct("=qq")
_AUXDATA = struct.Struct("=IIIHHHH")
_VLAN_VALID = 1 << 4
_OUTGOING = 4
_EVERYTHING = 3  # ETH_P_ALL


@dataclass(frozen=True)
class Frame:
    """A frame with the time of its arrival (wall clock, ns)."""

    data: bytes
    at_ns: int

    @property
    def packet(self) -> bytes:
        """What follows the Ethernet header."""
        return self.data[14:]

    @property
    def tcp(self) -> bytes:
        """The TCP segment of a plain IP packet."""
        return tcp_of(self.packet)

    @property
    def is_smtp(self) -> bool:
        """Is it a plain IP packet of TCP, not a later fragment, with port 25 at one end?"""
        kind, packet = self.data[12:14], self.packet
        if kind == b"\x08\x00":
            plain = packet[9] == 6 and not int.from_bytes(packet[6:8], "big") & 0x1FFF
        else:
            plain = kind == b"\x86\xdd" and packet[6] == 6
        return plain and b"\x00\x19" in (self.tcp[:2], self.tcp[2:4])

    @property
    def flags(self) -> int:
        return self.tcp[13]


def tcp_of(packet: bytes) -> bytes:
    """Return what follows the IP header of a packet without extension headers."""
    return packet[40:] if packet[0] >> 4 == 6 else packet[(packet[0] & 15) * 4 :]


@dataclass
class Tap:
    """Sends frames on an interface and reads those that come in there."""

    _socket: socket.socket
    seen: list[Frame] = field(default_factory=list)

    def send(self, frames: Iterable[bytes]) -> None:
        """Send frames; what is sent from one processor stays in its order."""
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(before)})
        try:
            for frame in frames:
                self._socket.send(frame)
        finally:
            os.sched_setaffinity(0, before)

    def read(self) -> list[Frame]:
        """Return all frames seen so far."""
        while self._readable(0):
            self._read()
        return self.seen

    def until(self, condition: Callable[[list[Frame]], bool], seconds: float = 60) -> list[Frame]:
        """Read until a condition on what was seen is true, and return all that was seen."""
        end = time.monotonic() + seconds
        while not condition(self.read()):
            assert self._readable(max(0, end - time.monotonic())), f"in vain; {len(self.seen)} frames seen"
        return self.seen

    def smtp(self, number: int = 0, *, line: str | None = None) -> list[Frame]:
        """Wait for so many frames of port 25, of a line where one is named, and return all of them."""

        def matching(frames: list[Frame]) -> list[Frame]:
            return [one for one in frames if one.is_smtp and (line is None or _is_of(one.packet, line))]

        return matching(self.until(lambda frames: len(matching(frames)) >= number))

    def of(self, line: str) -> list[Frame]:
        """Return all plain IP packets from or to a line that were seen so far, of whatever kind."""
        kinds = (b"\x08\x00", b"\x86\xdd")
        return [one for one in self.read() if one.data[12:14] in kinds and _is_of(one.packet, line)]

    def close(self) -> None:
        self._socket.close()

    def _readable(self, seconds: float) -> bool:
        return bool(select.select([self._socket], [], [], seconds)[0])

    def _read(self) -> None:
        data, ancillary, _, sender = self._socket.recvmsg(70_000, 256)
        if sender[2] == _OUTGOING:
            return
        at_ns = 0
        for level, kind, value in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
                seconds, nanoseconds = _TIMESPEC.unpack_from(value)
                at_ns = seconds * 10**9 + nanoseconds
            elif kind == _PACKET_AUXDATA:
                data = _with_tag(data, value)
        self.seen.append(Frame(data, at_ns))


def _with_tag(data: bytes, auxdata: bytes) -> bytes:
    """Put a VLAN tag back where the kernel took it from."""
    status, *_, tag, kind = _AUXDATA.unpack(auxdata)
    return data[:12] + struct.pack(">HH", kind, tag) + data[12:] if status & _VLAN_VALID else data


def _is_of(packet: bytes, line: str) -> bool:
    packed = socket.inet_pton(socket.AF_INET6 if ":" in line else socket.AF_INET, line)
    ends = packet[8:40] if packet[0] >> 4 == 6 else packet[12:20]
    return packed in (ends[: len(packed)], ends[len(packed) :])


def tap(namespace: Namespace, interface: str) -> Tap:
    """Open an interface for raw frames in both directions."""

    def opened() -> socket.socket:
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
        made.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        made.bind((interface, _EVERYTHING))
        return made

    return Tap(namespace.call(opened))
