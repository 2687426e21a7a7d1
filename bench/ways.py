"""The ways through a gateway that are compared: one gateway each, between lines and servers of its own.

    lines ── gateway ── servers
    10.1.0.0/16         192.0.2.2

The lines' addresses lie behind one neighbour, since the machine's neighbour table is bounded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from threading import Event, Thread
from typing import Final

from bench import haproxy, programs
from bench.quiet import CORE
from sekisho.gate import links
from sekisho.gate.kernel import GateSpec, KernelGate, open_gate, remove_gate
from sekisho.model import Limit, Mode, Pool, Wanted
from tests.system.netns import Namespace, Net, network

LINES: Final = 255
CAP: Final = 1000  # never reached: what is measured is passing
SERVER: Final = "192.0.2.2"
SLOTS: Final = 1 << 18
SWEEP_SECONDS: Final = 1.0
LINGER_SECONDS: Final = 5  # of closed sessions, in the gate and in conntrack, whose table would else be full

# Any expression with conntrack in it makes the kernel track everything.
CONNTRACK: Final = """
table ip tracking {
  chain forward { type filter hook forward priority filter; ct state invalid counter; }
}
"""
CT_COUNT: Final = f"""
table ip limiting {{
  set lines {{ type ipv4_addr; size 65535; flags dynamic; }}
  chain forward {{
    type filter hook forward priority filter;
    tcp dport 25 ct state new add @lines {{ ip saddr ct count over {CAP} }} drop
  }}
}}
"""
NOTRACK_OTHERS: Final = """
table ip sparing {
  chain prerouting {
    type filter hook prerouting priority raw;
    tcp dport != 25 tcp sport != 25 notrack
  }
}
"""


@dataclass(frozen=True)
class Way:
    """A gateway and both its neighbours."""

    name: str
    lines: Namespace
    gateway: Namespace
    servers: Namespace


DIRECT: Final = "no gateway"
PLAIN: Final = "plain forwarding"
GATE: Final = "gate"
HOOK: Final = "a program that does nothing"
TRACKING: Final = "conntrack only"
COUNTING: Final = "nftables ct count"
SPARING: Final = "nftables ct count, other ports not tracked"
HAPROXY: Final = "HAProxy, conn_cur and delay"


@contextmanager
def ways(*names: str) -> Iterator[list[Way]]:
    """Build gateways by name, all of them at once, and take them down."""
    with network() as net, ExitStack() as stack:
        yield [_build(net, name, f"w{number}", stack) for number, name in enumerate(names)]


def _build(net: Net, name: str, label: str, stack: ExitStack) -> Way:
    parts = ("lines", "servers") if name == DIRECT else ("lines", "gate", "servers")
    lines, *between, servers = (net.namespace(f"{label}{part}") for part in parts)
    if between:
        _join_by(between[0], net, lines, servers)
    else:
        net.veth(lines, "gate", servers, "gate")
    lines.address("gate", "198.51.100.2/30")
    lines.run("ip", "route", "add", "local", "10.1.0.0/16", "dev", "lo")
    servers.address("gate", f"{SERVER}/30")
    for namespace, there, gateway in (
        (lines, "192.0.2.0/30", "198.51.100.1"),
        (servers, "10.1.0.0/16", "192.0.2.1"),
    ):
        namespace.run("ip", "route", "add", there, "dev", "gate", *(("via", gateway) if between else ()))
    way = Way(name, lines, between[0] if between else servers, servers)
    SET_UP[name](way, stack)
    return way


def _join_by(gateway: Namespace, net: Net, lines: Namespace, servers: Namespace) -> None:
    net.veth(lines, "gate", gateway, "lines")
    net.veth(servers, "gate", gateway, "servers")
    gateway.address("lines", "198.51.100.1/30")
    gateway.address("servers", "192.0.2.1/30")
    gateway.run("ip", "route", "add", "10.1.0.0/16", "via", "198.51.100.2")
    gateway.sysctl("net.ipv4.ip_forward", 1)


def _rules(*texts: str) -> Callable[[Way, ExitStack], None]:
    def load(way: Way, _stack: ExitStack) -> None:
        for text in texts:
            way.gateway.run("nft", "-f", "-", text_in=text)
        if texts:
            for state in ("time_wait", "close"):
                way.gateway.sysctl(f"net.netfilter.nf_conntrack_tcp_timeout_{state}", LINGER_SECONDS)

    return load


def _gate(way: Way, stack: ExitStack) -> None:
    spec = GateSpec(
        name=f"bench{os.getpid()}",
        subscriber=("lines",),
        uplink=("servers",),
        lines=1 << 16,
        slots=SLOTS,
        known=1 << 16,
        addresses=1 << 16,
    )
    gate = way.gateway.call(lambda: open_gate(spec))
    stack.callback(way.gateway.call, lambda: remove_gate(spec.name))
    stack.callback(gate.close)
    programs.install(
        gate,
        Wanted(
            classes={"dynamic": Limit(Mode.ENFORCE, cap=CAP, delay_ms=0)},
            pools=(Pool(ip_network("10.1.0.0/16"), 32, "dynamic"),),
        ),
    )
    _sweeping(gate, stack)


def _hook(way: Way, stack: ExitStack) -> None:
    """Attach a program that does nothing where the gate's would be: what the kernel's hook costs."""
    program = stack.enter_context(programs.helpers()).programs["empty"]
    pins = Path(f"/sys/fs/bpf/sekisho_bench_hook_{os.getpid()}")
    pins.mkdir()
    stack.callback(pins.rmdir)

    def attach() -> None:
        links.attach(links.find_interface("lines"), program, pins, by_tcx=links.has_tcx())

    way.gateway.call(attach)
    stack.callback(way.gateway.call, lambda: links.detach_filters(pins))
    stack.callback(way.gateway.call, lambda: links.detach("lines", pins))


def _sweeping(gate: KernelGate, stack: ExitStack) -> None:
    """Sweep as the daemon does, as long as the gate is there."""
    ended = Event()

    def sweep() -> None:
        while not ended.wait(SWEEP_SECONDS):
            gate.sweep()

    thread = Thread(target=sweep)
    thread.start()
    stack.callback(thread.join)
    stack.callback(ended.set)


def _haproxy(way: Way, stack: ExitStack) -> None:
    haproxy.start(way.gateway, CAP, CORE, stack)


SET_UP: Final[dict[str, Callable[[Way, ExitStack], None]]] = {
    DIRECT: _rules(),
    PLAIN: _rules(),
    GATE: _gate,
    HOOK: _hook,
    TRACKING: _rules(CONNTRACK),
    COUNTING: _rules(CT_COUNT),
    SPARING: _rules(CT_COUNT, NOTRACK_OTHERS),
    HAPROXY: _haproxy,
}
