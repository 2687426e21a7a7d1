"""SYNs put on a wire and read off another one, with the times of both."""

from __future__ import annotations

import ipaddress
import json
import select
import socket
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.system.netns import Namespace

_ETHER_BYTES = 14
_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_SO_TIMESTAMPNS = 35
_SO_RCVBUFFORCE = 33
_TIMESPEC = struct.Struct("=qq")


def syn(source: str, server: str, number: int, *, port: int = 25, payload: bytes = b"") -> bytes:
    """Return an IP packet with a SYN whose sequence number is `number`; its TCP checksum is not filled in."""
    tcp = (
        struct.pack(">HHIIBBHHH", 1024 + number % 60_000, port, number, 0, 0x50, 0x02, 65535, 0, 0) + payload
    )
    one, other = ipaddress.ip_address(source), ipaddress.ip_address(server)
    if one.version == 6:
        return (
            struct.pack(">IHBB", 6 << 28, len(tcp), socket.IPPROTO_TCP, 64) + one.packed + other.packed + tcp
        )
    size = 20 + len(tcp)
    header = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, size, 0, 0, 64, socket.IPPROTO_TCP, 0, one.packed, other.packed
    )
    total = sum(struct.unpack(">10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return header[:10] + struct.pack(">H", total ^ 0xFFFF) + header[12:] + tcp


@dataclass(frozen=True)
class Arrival:
    """A SYN that arrived: its number, the kernel's time of arrival, its TCP header and payload."""

    number: int
    at_ns: int
    tcp: bytes


@dataclass
class Wire:
    """One end puts SYNs on an interface, the other reads them off; numbers tell them apart."""

    _sender: socket.socket
    _receiver: socket.socket
    _header: bytes
    sent_ns: dict[int, int] = field(default_factory=dict)

    def send(self, packets: Iterable[bytes]) -> None:
        """Send IP packets that `syn` has made."""
        for packet in packets:
            ipv6 = packet[0] >> 4 == 6
            number = int.from_bytes(packet[44:48] if ipv6 else packet[24:28], "big")
            self.sent_ns[number] = time.time_ns()
            self._sender.send(self._header + (_IPV6 if ipv6 else _IPV4) + packet)

    def take(self, count: int, seconds: float = 60) -> list[Arrival]:
        """Wait for so many SYNs and return them in the order of arrival."""
        arrivals: list[Arrival] = []
        end = time.monotonic() + seconds
        while len(arrivals) < count:
            if not select.select([self._receiver], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError(f"{len(arrivals)} of {count} SYNs arrived in {seconds} s")
            arrivals += self._read()
        return arrivals

    def within(self, seconds: float) -> list[Arrival]:
        """Return the SYNs that arrive until a client's timer is over."""
        arrivals: list[Arrival] = []
        end = time.monotonic() + seconds
        while select.select([self._receiver], [], [], max(0, end - time.monotonic()))[0]:
            arrivals += self._read()
        return arrivals

    def delay_ms(self, arrival: Arrival) -> float:
        """Return how long a SYN was on its way."""
        return (arrival.at_ns - self.sent_ns[arrival.number]) / 1e6

    def close(self) -> None:
        """Close both ends."""
        self._sender.close()
        self._receiver.close()

    def _read(self) -> list[Arrival]:
        frame, ancillary, _, _ = self._receiver.recvmsg(2048, 64)
        seconds, nanoseconds = _TIMESPEC.unpack_from(ancillary[0][2])
        ipv6 = frame[12:14] == _IPV6
        packet = frame[_ETHER_BYTES:]
        tcp = packet[40:] if ipv6 else packet[20:]
        protocol = packet[6] if ipv6 else packet[9]
        if not (ipv6 or frame[12:14] == _IPV4) or protocol != socket.IPPROTO_TCP or tcp[13] != 0x02:
            return []  # the namespaces' own neighbour discovery
        return [Arrival(int.from_bytes(tcp[4:8], "big"), seconds * 10**9 + nanoseconds, tcp)]


def wire(lines: Namespace, servers: Namespace, next_hop: tuple[Namespace, str]) -> Wire:
    """Return a wire between the interfaces `gate` of lines and servers, its frames sent to `next_hop`."""
    return Wire(
        lines.call(lambda: _packet_socket("gate", 0)),
        servers.call(lambda: _receiving_socket("gate")),
        bytes.fromhex(mac(*next_hop).replace(":", "")) + b"\x02\0\0\0\0\1",
    )


def mac(namespace: Namespace, interface: str) -> str:
    """Return an interface's address as `ip` writes it."""
    link = json.loads(namespace.run("ip", "-json", "link", "show", "dev", interface).stdout)[0]
    return str(link["address"])


def _packet_socket(interface: str, protocol: int) -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    made.bind((interface, protocol))
    return made


def _receiving_socket(interface: str) -> socket.socket:
    made = _packet_socket(interface, 0)
    made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
    made.bind((interface, 3))  # every protocol
    return made
