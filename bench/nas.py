"""A NAS: what it tells of logins, made and signed before, and sent by a process of its own (accounting.c)."""

from __future__ import annotations

import hashlib
import struct
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench import programs
from tests.system.netns import Namespace

SECRET: Final = "the secret of this bench"
FIRST: Final = int(IPv4Address("100.64.0.0"))
POOL: Final = "100.64.0.0/10"
PATIENCE_SECONDS: Final = 900.0

_SOURCE: Final = Path(__file__).with_name("accounting.c")
_PROGRAM: Final = programs.BUILD / "accounting"
_SOCKETS: Final = 16  # each with 256 identifiers
_REQUEST, _ANSWER = 4, 5
_HEAD: Final = struct.Struct("!BBH")
_HEADER_BYTES: Final = 20


class Status(IntEnum):
    """What happened (Acct-Status-Type)."""

    START = 1
    STOP = 2
    INTERIM = 3


class Told(NamedTuple):
    """What a request tells: of which line and which of its logins, by numbers; the last is a Unix time.

    `address`: counted from the pool's first.
    """

    status: Status
    line: int
    login: int
    address: int
    at: int


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of requests. `times`: when each was acknowledged (CLOCK_MONOTONIC, ns), 0 where never."""

    count: int
    acknowledged: int
    repeated: int
    seconds: float
    times: NDArray[np.uint64]

    @property
    def per_second(self) -> float:
        """Return how many were acknowledged in a second; raises RuntimeError unless all were."""
        if self.acknowledged < self.count:
            raise RuntimeError(f"{self.count - self.acknowledged:,} of {self.count:,} were not acknowledged")
        return self.count / self.seconds


def compile_client() -> None:
    """Compile the program that sends."""
    flags = ("-O2", "-Wall", "-Wextra", "-Werror")
    subprocess.run([programs.newest_clang(), *flags, _SOURCE, "-o", _PROGRAM], check=True)


def name_of(line: int) -> str:
    """Return the name of a line."""
    return f"line{line:07}@example.net"


def write_requests(told: Iterable[Told], path: Path) -> None:
    """Write requests into a file for the program that sends, each with the answer that it waits for."""
    with path.open("wb") as file:
        for number, one in enumerate(told):
            file.write(_request_and_answer(number % 256, one))


def send(requests: Path, to: tuple[Namespace, int], *, at_once: int, rate: float = 0) -> Sent:
    """Send the requests of a file to a port of a namespace's loopback, with a rate evenly (requests/s)."""
    here, port = to
    times = requests.with_suffix(".times")
    numbers = (_SOCKETS, at_once, rate)
    command = (_PROGRAM, "127.0.0.1", port, requests, times, *numbers)
    done = here.run(*map(str, command), timeout=PATIENCE_SECONDS)
    acknowledged, repeated, seconds = done.stdout.split()
    acknowledged_at = np.fromfile(times, dtype=np.uint64)
    return Sent(len(acknowledged_at), int(acknowledged), int(repeated), float(seconds), acknowledged_at)


def _request_and_answer(identifier: int, told: Told) -> bytes:
    attributes = _attributes(told)
    head = _HEAD.pack(_REQUEST, identifier, _HEADER_BYTES + len(attributes))
    authenticator = _md5(head, bytes(16), attributes)
    answer = _HEAD.pack(_ANSWER, identifier, _HEADER_BYTES)
    return b"".join((head, authenticator, attributes, answer, _md5(answer, authenticator)))


def _md5(*parts: bytes) -> bytes:
    return hashlib.md5(b"".join(parts) + SECRET.encode(), usedforsecurity=False).digest()


def _attributes(told: Told) -> bytes:
    """Return what a BNG tells of a subscriber, by the numbers of RFC 2865, 2866 and 2869."""
    own = (
        (1, name_of(told.line).encode()),
        (5, _number(told.line)),  # NAS-Port
        (8, _number(FIRST + told.address)),  # Framed-IP-Address
        (31, b"02:00:00:%06x" % told.line),  # Calling-Station-Id
        (40, _number(told.status)),
        (44, b"%08x%08x" % (told.line, told.login)),  # Acct-Session-Id
        (55, _number(told.at)),  # Event-Timestamp
        (87, b"eth 1/1/2:%d.%d" % (told.line >> 12, told.line & 4095)),  # NAS-Port-Id
    )
    return _OF_ALL + _encoded(own) + (b"" if told.status is Status.START else _SUMS)


def _encoded(attributes: Iterable[tuple[int, bytes]]) -> bytes:
    return b"".join([bytes((kind, 2 + len(value))) + value for kind, value in attributes])


def _number(value: int) -> bytes:
    return value.to_bytes(4, "big")


_OF_ALL: Final = _encoded(
    (
        (4, IPv4Address("192.0.2.1").packed),  # NAS-IP-Address
        (6, _number(2)),  # Service-Type: Framed
        (7, _number(1)),  # Framed-Protocol: PPP
        (32, b"bng1"),  # NAS-Identifier
        (41, _number(0)),  # Acct-Delay-Time
        (45, _number(1)),  # Acct-Authentic: RADIUS
        (61, _number(15)),  # NAS-Port-Type: Ethernet
    )
)
_SUMS: Final = _encoded((kind, _number(1 << 20)) for kind in (42, 43, 46, 47, 48))  # octets, seconds, packets
