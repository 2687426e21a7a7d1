"""Where a gate can stand: in a router, in a bridge, beside a router that steers port 25 to it.

::

    lines               gate                        servers
    eth0 ────────── sub0    up0 ───────────────────── eth0
    10.9.0.2/30     10.9.0.1    198.51.100.1          198.51.100.10, .11
    fd00::2/64      fd00::1     2001:db8:f::1         2001:db8:f::10, ::11

Routers have these addresses; a bridge has none, and the servers are 10.9.0.3 and fd00::3 too.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kernel.frames import GATE_MAC, LINE_MAC
from tests.system.internet import ABSENT, CLASSES, CLOSED, EXEMPT, SERVERS, Internet
from tests.system.netns import Namespace, Net

UPLINK_MAC, SERVER_MAC = bytes.fromhex("020000000003"), bytes.fromhex("020000000004")
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000


def routed(net: Net, directory: Path) -> Internet:
    """Build it with a router in the middle; the gate is not up yet."""
    made = _joined(net, directory)
    _route(made)
    return made


def _route(made: Internet) -> None:
    lines, gate, servers = made.lines, made.gate, made.servers
    gate.address("sub0", "10.9.0.1/30", "fd00::1/64")
    gate.address("up0", "198.51.100.1/24", "2001:db8:f::1/64")
    lines.address("eth0", "10.9.0.2/30", "fd00::2/64")
    servers.address("eth0", *_server_addresses())
    gate.sysctl("net.ipv4.ip_forward", 1)
    gate.sysctl("net.ipv6.conf.all.forwarding", 1)
    gate.sysctl("net.ipv6.conf.all.keep_addr_on_down", 1)
    _routes(lines, "default via 10.9.0.1", "default via fd00::1", *_own_addresses())
    _routes(servers, "default via 198.51.100.1", "default via 2001:db8:f::1")
    route_pools(gate)


def route_pools(gate: Namespace) -> None:
    """Route the pools to the lines; an interface that goes down takes this with it."""
    _routes(gate, "100.64.0.0/10 via 10.9.0.2", "2001:db8:4000::/36 via fd00::2")
    gate.run(*f"ip neighbour replace {ABSENT} lladdr 02:00:00:00:00:99 dev up0".split())


def bridged(net: Net, directory: Path) -> Internet:
    """Build it with a bridge in the middle, which has no address; the servers answer to the gate's MAC."""
    made = _joined(net, directory)
    lines, gate, servers = made.lines, made.gate, made.servers
    _set_mac(gate, "sub0", SERVER_MAC)
    _set_mac(servers, "eth0", GATE_MAC)
    gate.run("ip", "link", "add", "bridge", "type", "bridge")
    for interface in ("sub0", "up0"):
        gate.run("ip", "link", "set", interface, "master", "bridge")
        gate.address(interface)
    gate.address("bridge")
    lines.address("eth0", "10.9.0.2/24", "fd00::2/64")
    servers.address("eth0", "10.9.0.3/24", "fd00::3/64", *_server_addresses())
    _routes(lines, "default via 10.9.0.3", "default via fd00::3", *_own_addresses())
    _routes(servers, "100.64.0.0/10 via 10.9.0.2", "2001:db8:4000::/36 via fd00::2")
    return made


def one_way(net: Net, directory: Path) -> Internet:
    """Build a router that sees only what the lines send: the servers answer by another way."""
    made = routed(net, directory)
    net.veth(made.servers, "back", made.lines, "back")
    made.servers.address("back", "10.8.0.1/30", "fd01::1/64")
    made.lines.address("back", "10.8.0.2/30", "fd01::2/64")
    _routes(made.servers, "100.64.0.0/10 via 10.8.0.2", "2001:db8:4000::/36 via fd01::2")
    made.write(('uplink = ["up0"]', 'view = "half"'))
    return made


@contextmanager
def without_ethernet(net: Net, directory: Path) -> Iterator[Internet]:
    """Build a router whose subscriber interface has no Ethernet header; a thread is its cable."""
    made = _apart(net, directory)
    ends = made.lines.call(lambda: _tun("eth0")), made.gate.call(lambda: _tun("sub0"))
    _route(made)
    unplug = os.eventfd(0)
    cable = threading.Thread(target=_carry, args=(*ends, unplug))
    cable.start()
    try:
        yield made
    finally:
        os.eventfd_write(unplug, 1)
        cable.join()
        for fd in (*ends, unplug):
            os.close(fd)


def _tun(name: str) -> int:
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return fd


def _carry(one: int, other: int, unplug: int) -> None:
    while unplug not in (ready := select.select([one, other, unplug], [], [])[0]):
        for end in ready:
            os.write(other if end == one else one, os.read(end, 70_000))


def steered(net: Net, directory: Path) -> Internet:
    """Build a router that steers port 25 to a gate with one interface, which sends everything back."""
    lines, router, gate, servers = (net.namespace(name) for name in ("lines", "router", "gate", "servers"))
    net.veth(lines, "eth0", router, "sub0")
    net.veth(router, "up0", servers, "eth0")
    net.veth(router, "gate0", gate, "one0")
    made = Internet(gate=router, directory=directory, lines=lines, servers=servers)
    _route(made)
    made.gate = gate
    router.address("gate0", "10.7.0.1/30", "fd02::1/64")
    gate.address("one0", "10.7.0.2/30", "fd02::2/64")
    gate.sysctl("net.ipv4.ip_forward", 1)
    gate.sysctl("net.ipv6.conf.all.forwarding", 1)
    gate.sysctl("net.ipv4.conf.all.send_redirects", 0)
    gate.sysctl("net.ipv4.conf.one0.send_redirects", 0)
    _routes(gate, "default via 10.7.0.1", "default via fd02::1")
    _routes(router, "default via 10.7.0.2 table 25", "default via fd02::2 table 25")
    for family in ("-4", "-6"):
        for direction in ("iif sub0 ipproto tcp dport 25", "iif up0 ipproto tcp sport 25"):
            router.run("ip", family, "rule", "add", *direction.split(), "lookup", "25")
    made.write()
    made.write(('["sub0"]', '["one0"]'), ('["up0"]', '["one0"]'))
    return made


def _server_addresses() -> list[str]:
    return [
        f"{ends[family]}/{bits}"
        for ends in (SERVERS, CLOSED, EXEMPT)
        for family, bits in (("ipv4", 24), ("ipv6", 64))
    ]


def _own_addresses() -> list[str]:
    """Routes by which the lower half of every pool, and what known lines hold, is the lines' own."""
    ipv4 = [f"local 100.{64 + one.number}.0.0/17 dev lo" for one in CLASSES]
    ipv6 = [f"local 2001:db8:4{one.number}00::/41 dev lo" for one in CLASSES]
    return [*ipv4, *ipv6, "local 100.69.0.0/24 dev lo", "local 2001:db8:4500::/40 dev lo"]


def _routes(namespace: Namespace, *routes: str) -> None:
    for route in routes:
        namespace.run("ip", *(("-6",) if ":" in route else ()), "route", "replace", *route.split())


def _joined(net: Net, directory: Path) -> Internet:
    made = _apart(net, directory)
    net.veth(made.lines, "eth0", made.gate, "sub0")
    _set_mac(made.lines, "eth0", LINE_MAC)
    _set_mac(made.gate, "sub0", GATE_MAC)
    return made


def _apart(net: Net, directory: Path) -> Internet:
    """Join gate and servers; the lines are still apart."""
    lines, gate, servers = (net.namespace(label) for label in ("lines", "gate", "servers"))
    net.veth(gate, "up0", servers, "eth0")
    _set_mac(gate, "up0", UPLINK_MAC)
    _set_mac(servers, "eth0", SERVER_MAC)
    made = Internet(gate=gate, directory=directory, lines=lines, servers=servers)
    made.write()
    return made


def _set_mac(namespace: Namespace, interface: str, mac: bytes) -> None:
    namespace.run("ip", "link", "set", interface, "address", mac.hex(":"))
