"""A small Internet with a gate in it: many lines, servers outside; `layouts` builds it.

Servers: SERVERS listen on port 25, CLOSED do not, ABSENT is not there but has a neighbour entry.
Every address of the pools is the lines' own, but for the upper half of each pool: what comes
for those is read off the wire by whoever has sent raw frames from there. The classes:

    dynamic  100.64.0.0/16  2001:db8:4000::/40  cap 3  delay 300 ms   excess dropped
    strict   100.65.0.0/16  2001:db8:4100::/40  cap 1  delay 5 s      excess reset
    slow     100.66.0.0/16  2001:db8:4200::/40  cap 2  delay 1500 ms  excess dropped
    single   100.67.0.0/16  2001:db8:4300::/40  cap 1  delay 200 ms   excess dropped
    patient  100.68.0.0/16  2001:db8:4400::/40  cap 1  delay 20 s     excess dropped

Known lines: two of class single share SHARED by ports, one of class dynamic holds all of OFFICE. Sessions
to EXEMPT are never limited, nor are those of NOBODY, which is in no pool.
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sekisho.api.client import ask
from tests.system.kernelside import Slots, read_slots
from tests.system.netns import Namespace
from tests.system.scene import GateScene
from tests.system.sessions import accept_all
from tests.system.waiting import until

SERVERS = {"ipv4": "198.51.100.10", "ipv6": "2001:db8:f::10"}
CLOSED = {"ipv4": "198.51.100.11", "ipv6": "2001:db8:f::11"}
ABSENT = "198.51.100.99"
EXEMPT = {"ipv4": "198.51.100.12", "ipv6": "2001:db8:f::12"}
SHARED = "100.69.0.1"
OFFICE = ("100.69.0.9", "2001:db8:4500::1", "2001:db8:4500:1::1")
NOBODY = {"ipv4": "10.9.0.2", "ipv6": "fd00::2"}
FAMILIES = ("ipv4", "ipv6")

CONFIG = """\
[gate]
name = "{name}"
subscriber = ["sub0"]
uplink = ["up0"]
learn = "0s"
lines = 20_000
slots = 20_000
exempt = ["198.51.100.12", "2001:db8:f::12"]
[gate.timeouts]
syn = "10m"
[[line]]
name = "left"
class = "single"
addresses = ["100.69.0.1:1024-2047"]
[[line]]
name = "right"
class = "single"
addresses = ["100.69.0.1:2048-3071"]
[[line]]
name = "office"
class = "dynamic"
addresses = ["100.69.0.9", "2001:db8:4500::/64", "2001:db8:4500:1::/64"]
"""
CLASS = """\
[[pool]]
prefix = "100.{second}.0.0/16"
class = "{name}"
[[pool]]
prefix = "2001:db8:4{number}00::/40"
line = 56
class = "{name}"
[class.{name}]
mode = "enforce"
cap = {cap}
delay = "{delay_ms}ms"
excess = "{excess}"
"""


@dataclass(frozen=True)
class Class:
    """A class of lines, by the number of its pools."""

    name: str
    number: int
    cap: int
    delay_ms: int
    excess: str = "drop"

    @property
    def delay(self) -> float:
        """Its delay in seconds."""
        return self.delay_ms / 1000

    def toml(self) -> str:
        return CLASS.format(
            second=64 + self.number,
            name=self.name,
            number=self.number,
            cap=self.cap,
            delay_ms=self.delay_ms,
            excess=self.excess,
        )


DYNAMIC = Class("dynamic", 0, cap=3, delay_ms=300)
STRICT = Class("strict", 1, cap=1, delay_ms=5000, excess="reset")
SLOW = Class("slow", 2, cap=2, delay_ms=1500)
SINGLE = Class("single", 3, cap=1, delay_ms=200)
PATIENT = Class("patient", 4, cap=1, delay_ms=20_000)
CLASSES = (DYNAMIC, STRICT, SLOW, SINGLE, PATIENT)


@dataclass(kw_only=True)
class Internet(GateScene):
    """A scene with lines, a gate and servers, all with real TCP stacks."""

    lines: Namespace
    servers: Namespace
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    listeners: dict[tuple[str, int], socket.socket] = field(default_factory=dict)

    def write(self, *changes: tuple[str, str]) -> None:
        """Write the configuration, with changes to its text."""
        text = CONFIG.format(name=self.name) + "".join(one.toml() for one in CLASSES)
        self.write_text(text, *changes)

    def line(self, of: Class = DYNAMIC, family: str = "ipv4", *, raw: bool = False) -> str:
        """Return the address of a line that no test has used."""
        number = next(self._numbers)
        upper = 0x80 if raw else 0
        if family == "ipv4":
            return f"100.{64 + of.number}.{upper + number // 250}.{number % 250 + 1}"
        return f"2001:db8:4{of.number}{upper:02x}:{number:x}00::1"

    def counters(self) -> dict[str, Any]:
        """Return all that the gate has counted."""
        found: dict[str, Any] = ask(self.name, "GET", "/v1/gate/counters")
        return found

    def counted(self, of: Class = DYNAMIC) -> dict[str, int]:
        """Return what the gate has counted for a class."""
        found: dict[str, int] = self.counters()["classes"][of.name]["0"]
        return found

    def slots(self) -> Slots:
        """Read the kernel's slots and the lines' counts."""
        return read_slots(self.name)

    def listen(self, port: int = 25) -> None:
        """Let a server listen, if it does not yet; it takes sessions only when asked to."""
        for family, kind in zip(FAMILIES, (socket.AF_INET, socket.AF_INET6), strict=True):
            if (family, port) not in self.listeners:
                self.listeners[family, port] = self._listener(kind, (SERVERS[family], port))

    def _listener(self, kind: int, address: tuple[str, int]) -> socket.socket:
        listener = self.servers.call(lambda: socket.create_server(address, family=kind, backlog=4096))
        listener.setblocking(False)
        return listener

    def accepted(self, line: str, count: int = 0, port: int = 25) -> list[socket.socket]:
        """Take what a server has accepted of a line, `count` at least; sessions of others end.

        A client is established by the server's answer, the server only by the client's next packet.
        """
        listener = self.listeners["ipv6" if ":" in line else "ipv4", port]
        found: list[socket.socket] = []

        def enough() -> bool:
            for session, address in accept_all(listener):
                if address == line:
                    found.append(session)
                else:
                    session.close()
            return len(found) >= count

        until(enough)
        return found

    def close(self) -> None:
        for listener in self.listeners.values():
            listener.close()
        super().close()
