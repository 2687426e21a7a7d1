"""A router between lines and servers for tests of the loader.

lines            gate                        servers
gate ─────────── lines (gate) servers ─────── gate
10.1.0.2/16      10.1.0.1/16  192.0.2.1/30    192.0.2.2/30
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from itertools import count
from pathlib import Path

from sekisho.gate import Tables, tables, tcx
from sekisho.gate.kernel import GateSpec, GateState, KernelGate, gate_state, open_gate, remove_gate
from sekisho.model import Limit, Mode, Pool, Timeouts, Wanted
from tests.system.netns import Namespace, Net
from tests.system.syns import Wire, syn, wire

CAPPED = Wanted(
    {"dynamic": Limit(Mode.ENFORCE, 2, 0)},
    pools=(Pool(IPv4Network("10.1.0.0/16"), 32, "dynamic"),),
    timeouts=Timeouts(syn_ms=600_000),  # no slot comes free meanwhile: the servers do not answer
)


@dataclass
class Site:
    """A router with a gate on it, or soon; `hook` is what programs attach by."""

    lines: Namespace
    gate: Namespace
    servers: Namespace
    spec: GateSpec
    hook: str
    stack: ExitStack
    wire: Wire
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def pin_dir(self) -> Path:
        return Path(self.spec.pin_root, self.spec.name)

    def open(self, spec: GateSpec | None = None) -> KernelGate:
        """Attach the gate or take it over; it is closed after the test."""
        opened = self.gate.call(lambda: open_gate(spec or self.spec))
        self.stack.callback(opened.close)
        return opened

    def up(self, wanted: Wanted = CAPPED) -> KernelGate:
        """Attach the gate or take it over, and set its limits."""
        opened = self.open()
        install(opened, wanted)
        return opened

    def remove(self) -> None:
        self.gate.call(lambda: remove_gate(self.spec.name, self.spec.pin_root))

    def state(self) -> GateState:
        return self.gate.call(lambda: gate_state(self.spec.name, self.spec.pin_root))

    def send(self, number: int = 1, source: str = "10.1.0.2") -> None:
        """Send new sessions' first packets."""
        self.wire.send(syn(source, "192.0.2.2", next(self._numbers)) for _ in range(number))

    def passed(self) -> int:
        """Return how many first packets have come through, by one of nobody's line behind them."""
        marker = next(self._numbers)
        self.wire.send([syn("10.200.0.1", "192.0.2.2", marker)])
        arrived = count()
        while self.wire.take(1)[0].number != marker:
            next(arrived)
        return next(arrived)

    def rename(self, old: str, new: str) -> None:
        """Rename an interface of the gate; before Linux 6.2 one that is up cannot be."""
        for name, change in ((old, ("down",)), (old, ("name", new)), (new, ("up",))):
            self.gate.run("ip", "link", "set", name, *change)

    def programs(self, interface: str = "lines") -> list[str]:
        """Name what is attached to an interface's ingress: tc filters, or ids of TCX links."""
        if self.hook == "tcx":
            index = self.gate.call(lambda: socket.if_nametoindex(interface))
            return [str(link) for _, link in self.gate.call(lambda: tcx.query_tcx(index))]
        return self.gate.run("tc", "filter", "show", "dev", interface, "ingress").stdout.splitlines()

    def traces(self) -> str:
        """Tell all that a gate could leave behind."""
        qdiscs = self.gate.run("tc", "qdisc", "show").stdout
        return f"{self.programs()} {self.programs('servers')} {qdiscs} {Path(self.spec.pin_root).exists()}"


def install(gate: KernelGate, wanted: Wanted) -> Tables:
    """Install what is wanted, without a learning window."""
    before = gate.installed()
    after = tables.encode(wanted, before, hold_by_queue=False, learning_until_ns=1)
    gate.apply(tables.diff(before, after))
    return after


def make_site(net: Net, hook: str, stack: ExitStack) -> Site:
    """Build the three places, without a gate yet; `hook`: by what programs attach."""
    lines, gate, servers = (net.namespace(name) for name in ("lines", "gate", "servers"))
    net.veth(lines, "gate", gate, "lines")
    net.veth(servers, "gate", gate, "servers")
    gate.address("lines", "10.1.0.1/16")
    gate.address("servers", "192.0.2.1/30")
    lines.address("gate", "10.1.0.2/16")
    servers.address("gate", "192.0.2.2/30")
    gate.sysctl("net.ipv4.ip_forward", 1)
    root = f"/sys/fs/bpf/sekisho-test-{secrets.token_hex(4)}"
    spec = GateSpec("one", ("lines",), ("servers",), 1_000, 1_000, 1_000, 1_000, pin_root=root)
    syns = wire(lines, servers, (gate, "lines"))
    stack.callback(syns.close)
    return Site(lines, gate, servers, spec, hook, stack, syns)


def remove_all(site: Site) -> None:
    """Take down every gate that a test has attached."""
    root = Path(site.spec.pin_root)
    for pin_dir in list(root.iterdir()) if root.exists() else ():
        site.gate.call(lambda name=pin_dir.name: remove_gate(name, str(root)))  # type: ignore[misc]
