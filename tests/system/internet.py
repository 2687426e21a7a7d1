"""A small Internet with a gate in it: many lines, a router or bridge, servers outside.

::

    lines               gate                        servers
    eth0 ────────── sub0    up0 ───────────────────── eth0
    10.9.0.2/30     10.9.0.1    198.51.100.1          198.51.100.10  listens on ports 25 and 80
    fd00::2/64      fd00::1     2001:db8:f::1         198.51.100.11  listens on neither
                                                      198.51.100.99  not there, with a neighbour entry

Every address of the pools is the lines' own, but for the upper half of each pool: what comes
for those is read off the wire by whoever has sent raw frames from there. The classes:

    dynamic  100.64.0.0/16  2001:db8:4000::/40  cap 3  delay 300 ms   excess dropped
    strict   100.65.0.0/16  2001:db8:4100::/40  cap 1  delay 5 s      excess reset
    slow     100.66.0.0/16  2001:db8:4200::/40  cap 2  delay 1500 ms  excess dropped
    single   100.67.0.0/16  2001:db8:4300::/40  cap 1  delay 200 ms   excess dropped
    patient  100.68.0.0/16  2001:db8:4400::/40  cap 1  delay 20 s     excess dropped
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sekisho.api.client import ask
from tests.kernel.frames import GATE_MAC, LINE_MAC
from tests.system.kernelside import Slots, read_slots
from tests.system.netns import Namespace, Net
from tests.system.scene import GateScene

SERVERS = {"ipv4": "198.51.100.10", "ipv6": "2001:db8:f::10"}
CLOSED = {"ipv4": "198.51.100.11", "ipv6": "2001:db8:f::11"}
ABSENT = "198.51.100.99"
UPLINK_MAC, SERVER_MAC = bytes.fromhex("020000000003"), bytes.fromhex("020000000004")
FAMILIES = ("ipv4", "ipv6")

CONFIG = """\
[gate]
name = "{name}"
subscriber = ["sub0"]
uplink = ["up0"]
learn = "0s"
lines = 20_000
slots = 20_000
[gate.timeouts]
syn = "10m"
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
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.file.write_text(text)

    def line(self, of: Class = DYNAMIC, family: str = "ipv4", *, raw: bool = False) -> str:
        """Return the address of a line that no test has used."""
        number = next(self._numbers)
        upper = 0x80 if raw else 0
        if family == "ipv4":
            return f"100.{64 + of.number}.{upper + number // 250}.{number % 250 + 1}"
        return f"2001:db8:4{of.number}{upper:02x}:{number:x}00::1"

    def ask(self, path: str) -> Any:
        """Ask the running daemon."""
        return ask(self.name, "GET", path)

    def counted(self, of: Class = DYNAMIC) -> dict[str, int]:
        """Return what the gate has counted for a class."""
        found: dict[str, int] = self.ask("/v1/gate/counters")["classes"][of.name]["0"]
        return found

    def slots(self) -> Slots:
        """Read the kernel's slots and the lines' counts."""
        return read_slots(self.name)

    def listen(self, family: str, port: int = 25) -> socket.socket:
        """Let a server listen, and take sessions only when asked to."""
        kind = socket.AF_INET if family == "ipv4" else socket.AF_INET6
        listener = self.servers.call(
            lambda: socket.create_server((SERVERS[family], port), family=kind, backlog=4096)
        )
        listener.setblocking(False)
        self.listeners[family, port] = listener
        return listener

    def close(self) -> None:
        for listener in self.listeners.values():
            listener.close()
        super().close()


def routed(net: Net, directory: Path) -> Internet:
    """Build it with a router in the middle; the gate is not up yet."""
    made = _joined(net, directory)
    lines, gate, servers = made.lines, made.gate, made.servers
    gate.address("sub0", "10.9.0.1/30", "fd00::1/64")
    gate.address("up0", "198.51.100.1/24", "2001:db8:f::1/64")
    lines.address("eth0", "10.9.0.2/30", "fd00::2/64")
    servers.address(
        "eth0",
        *(f"{ends['ipv4']}/24" for ends in (SERVERS, CLOSED)),
        *(f"{ends['ipv6']}/64" for ends in (SERVERS, CLOSED)),
    )
    gate.sysctl("net.ipv4.ip_forward", 1)
    gate.sysctl("net.ipv6.conf.all.forwarding", 1)
    gate.sysctl("net.ipv6.conf.all.keep_addr_on_down", 1)
    _routes(lines, "default via 10.9.0.1", "default via fd00::1", *_own_addresses())
    _routes(servers, "default via 198.51.100.1", "default via 2001:db8:f::1")
    route_pools(gate)
    return made


def route_pools(gate: Namespace) -> None:
    """Route the pools to the lines; an interface that goes down takes this with it."""
    _routes(gate, "100.64.0.0/10 via 10.9.0.2", "2001:db8:4000::/36 via fd00::2")
    gate.run(*f"ip neighbour replace {ABSENT} lladdr 02:00:00:00:00:99 dev up0".split())


def _own_addresses() -> list[str]:
    """Routes by which the lower half of every pool is the lines' own."""
    ipv4 = [f"local 100.{64 + one.number}.0.0/17 dev lo" for one in CLASSES]
    return ipv4 + [f"local 2001:db8:4{one.number}00::/41 dev lo" for one in CLASSES]


def _routes(namespace: Namespace, *routes: str) -> None:
    for route in routes:
        namespace.run("ip", *(("-6",) if ":" in route else ()), "route", "replace", *route.split())


def _joined(net: Net, directory: Path) -> Internet:
    lines, gate, servers = (net.namespace(label) for label in ("lines", "gate", "servers"))
    net.veth(lines, "eth0", gate, "sub0")
    net.veth(gate, "up0", servers, "eth0")
    for namespace, interface, mac in (
        (lines, "eth0", LINE_MAC),
        (gate, "sub0", GATE_MAC),
        (gate, "up0", UPLINK_MAC),
        (servers, "eth0", SERVER_MAC),
    ):
        namespace.run("ip", "link", "set", interface, "address", mac.hex(":"))
    made = Internet(gate=gate, directory=directory, lines=lines, servers=servers)
    made.write()
    return made
