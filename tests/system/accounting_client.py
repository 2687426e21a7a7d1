"""A client that sends accounting and notes what was acknowledged; packets are made by pyrad."""

from __future__ import annotations

import io
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address
from typing import Any

from pyrad.dictionary import Dictionary
from pyrad.packet import AcctPacket

SECRET = b"the secret of these tests"
SERVER = ("127.0.0.1", 1813)
WINDOW = 100  # requests without an answer at a time
RESEND_SECONDS = 0.5
_ATTRIBUTES = """\
ATTRIBUTE User-Name 1 string
ATTRIBUTE Framed-IP-Address 8 ipaddr
ATTRIBUTE NAS-Identifier 32 string
ATTRIBUTE Acct-Status-Type 40 integer
ATTRIBUTE Acct-Session-Id 44 string
ATTRIBUTE Event-Timestamp 55 integer
"""
_dictionary = Dictionary(io.StringIO(_ATTRIBUTES))


@dataclass(frozen=True, slots=True)
class Start:
    """A line comes up with an address."""

    line: str
    address: IPv4Address
    at: datetime


@dataclass
class _Open:
    start: Start
    request: bytes
    sent: float


@dataclass
class Client:
    """Sends Starts, again and again until each is acknowledged."""

    acknowledged: list[Start] = field(default_factory=list)
    _open: dict[int, _Open] = field(default_factory=dict)

    def send(self, starts: Iterable[Start], *, stop: Callable[[], bool] = lambda: False) -> list[Start]:
        """Send until all is acknowledged, or `stop` says so; return what is not."""
        waiting = deque(starts)
        self._open = {}
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
            door.settimeout(0.05)
            while (waiting or self._open) and not stop():
                while waiting and len(self._open) < WINDOW:
                    number = next(one for one in range(WINDOW) if one not in self._open)
                    start = waiting.popleft()
                    self._open[number] = _Open(start, _packet(start, number), -RESEND_SECONDS)
                self._send_due(door)
                self._hear(door)
        return [one.start for one in self._open.values()] + list(waiting)

    def _send_due(self, door: socket.socket) -> None:
        now = time.monotonic()
        for one in self._open.values():
            if now - one.sent >= RESEND_SECONDS:
                one.sent = now
                with suppress(ConnectionRefusedError):  # nobody listens yet
                    door.sendto(one.request, SERVER)

    def _hear(self, door: socket.socket) -> None:
        with suppress(TimeoutError, ConnectionRefusedError):
            one = self._open.pop(door.recv(4096)[1], None)
            if one is not None:
                self.acknowledged.append(one.start)


def _packet(start: Start, number: int) -> bytes:
    attributes: dict[str, Any] = {
        "Acct-Status-Type": 1,
        "Acct-Session-Id": f"{start.at.timestamp():.0f}",
        "NAS-Identifier": "bng1",
        "User-Name": start.line,
        "Framed-IP-Address": str(start.address),
        "Event-Timestamp": int(start.at.timestamp()),
    }
    request = AcctPacket(id=number, secret=SECRET, dict=_dictionary)
    for name, value in attributes.items():
        request.AddAttribute(name, value)
    packed: bytes = request.RequestPacket()
    return packed
