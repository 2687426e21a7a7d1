"""A gate that holds, between lines and servers.

lines ── gate (marks by port, hold) ── servers
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path

from sekisho.gate import tables
from sekisho.gate.hold import BASE, Hold
from sekisho.gate.indices import banks
from sekisho.gate.kernel import GateSpec, KernelGate, open_gate, remove_gate
from sekisho.gate.rules import remove_rules
from sekisho.model import Limit, Mode, Pool, Wanted
from tests.system.netns import Namespace, Net
from tests.system.syns import Wire, mac, syn

# Stands for the kernel program: port 25 is bank 0, port 26 bank 1.
MARKING = """
add table inet marking
add chain inet marking prerouting { type filter hook prerouting priority -400; }
add rule inet marking prerouting tcp dport 25 meta mark set 0xb0000000
add rule inet marking prerouting tcp dport 26 meta mark set 0xb1000000
"""


Layout = Callable[[Net, str], tuple[Namespace, Namespace, Namespace]]


def joined(net: Net, label: str) -> tuple[Namespace, Namespace, Namespace]:
    """Make lines, gate and servers, the gate joined to both."""
    lines, gate, servers = (net.namespace(f"{place}{label}") for place in ("lines", "gate", "servers"))
    net.veth(lines, "gate", gate, "lines")
    net.veth(servers, "gate", gate, "servers")
    return lines, gate, servers


def routed(net: Net, label: str) -> tuple[Namespace, Namespace, Namespace]:
    """Make the gate a router for IPv4 and IPv6."""
    lines, gate, servers = joined(net, label)
    gate.address("lines", "10.1.0.1/16", "2001:db8:1::1/64")
    gate.address("servers", "192.0.2.1/30", "2001:db8:2::1/64")
    lines.address("gate", "10.1.0.2/16")
    servers.address("gate", "192.0.2.2/30", "2001:db8:2::2/64")
    gate.run("ip", "route", "add", "10.2.0.0/16", "via", "192.0.2.2")
    gate.run("ip", "route", "add", "2001:db8:3::/64", "via", "2001:db8:2::2")
    for address in (
        "192.0.2.2",
        "2001:db8:2::2",
    ):  # for good: all namespaces share one table, which may be full
        gate.run("ip", "neighbour", "add", address, "lladdr", mac(servers, "gate"), "dev", "servers")
    gate.sysctl("net.ipv4.ip_forward", 1)
    gate.sysctl("net.ipv6.conf.all.forwarding", 1)
    return lines, gate, servers


def bridged(net: Net, label: str) -> tuple[Namespace, Namespace, Namespace]:
    """Make the gate a bridge without addresses."""
    lines, gate, servers = joined(net, label)
    gate.run("ip", "link", "add", "bridge", "type", "bridge")
    for interface in ("lines", "servers"):
        gate.run("ip", "link", "set", interface, "master", "bridge")
        gate.address(interface)
    gate.address("bridge")
    lines.address("gate", "10.1.0.2/16")
    servers.address("gate", "10.1.0.3/16")
    return lines, gate, servers


def ipv4_syns(numbers: range, port: int = 25) -> list[bytes]:
    """Return SYNs of many lines to many servers."""
    return [
        syn(f"10.1.{n % 250}.{n % 240 + 3}", f"10.2.{n % 7}.{n % 251 + 1}", n, port=port) for n in numbers
    ]


@dataclass
class Road:
    """Three namespaces in a row, a wire through them, and the holds of the gate."""

    gate: Namespace
    wire: Wire
    state: Path
    holds: list[Hold] = field(default_factory=list)
    gates: ExitStack = field(default_factory=ExitStack)

    def mark(self) -> None:
        """Install what marks the SYNs."""
        self.gate.run("nft", "-f", "-", text_in=MARKING)

    def hold(
        self,
        banks: Mapping[int, int],
        *,
        fanout: int = 4,
        interfaces: tuple[str, ...] = (),
        name: str = "road",
        base: int = BASE,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> Hold:
        """Start a hold in the gate's namespace; it ends with the test."""
        hold = Hold(
            banks,
            name=name,
            base=base,
            state=self.state,
            fanout=fanout,
            interfaces=interfaces,
            clock=clock,
        )
        self.gate.call(hold.start)
        self.holds.append(hold)
        return hold

    def stop(self) -> None:
        """Stop the holds."""
        while self.holds:
            self.holds.pop().stop()

    def remove(self) -> None:
        """Take the hold's rules away."""
        self.gate.call(lambda: remove_rules("road", self.state))

    def attach(self, delay_ms: int) -> KernelGate:
        """Attach the kernel program, which then marks in place of the rules."""
        self.gate.run("nft", "delete", "table", "inet", "marking")
        root = f"/sys/fs/bpf/sekisho-test-{secrets.token_hex(4)}"
        spec = GateSpec("road", ("lines",), ("servers",), 1000, 1000, 1000, 1000, pin_root=root)
        gate = self.gate.call(lambda: open_gate(spec))
        self.gates.callback(lambda: self.gate.call(lambda: remove_gate("road", root)))
        self.gates.callback(gate.close)
        limit = Limit(Mode.ENFORCE, 500, delay_ms)
        wanted = Wanted({"dynamic": limit}, pools=(Pool(IPv4Network("10.1.0.0/16"), 32, "dynamic"),))
        before = gate.installed()
        after = tables.encode(wanted, before, hold_by_queue=True, learning_until_ns=1)
        gate.apply(tables.diff(before, after))
        assert banks(after) == {0: delay_ms}
        return gate

    def ruleset(self) -> str:
        """Return the namespace's whole ruleset."""
        return self.gate.run("nft", "list", "ruleset").stdout


Build = Callable[[Layout], Road]
