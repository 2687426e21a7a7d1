"""The laboratory's network: namespaces, links and addresses.

::

    office ────┐
    home-own ──┤                       gate                        internet
    home-4 ────┤   access    ┌──────────────────────┐          ┌─ victims    198.51.100.10, 2001:db8:f::10
    home-6 ────┼── bridge ── bng0    router     up0 ─── eth0 ──┼─ mx         198.51.100.25, 2001:db8:f::25
    elsewhere ─┤   radclient mgmt0                 │          ├─ elsewhere  198.51.100.26
    bot-1 … 4 ─┘             │   sekisho gate up    │          └─ own        203.0.113.25, exempt
                             └──────────────────────┘

Each line, the access equipment, the gate and the receivers are a namespace. Lines live in 100.64.0.0/16
and 2001:db8:4000::/36 (a /56 each), receivers in 198.51.100.0/24 and 2001:db8:f::/64, the provider's
own mail servers in 203.0.113.0/24; accounting goes over 192.0.2.0/24. Every link joins two of these
namespaces and none of them has a route to the machine, so no packet can leave.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

IPV4_POOL = "100.64.0.0/16"
IPV6_POOL = "2001:db8:4000::/36"
IPV6_LINE_LENGTH = 56
OWN_SERVERS = "203.0.113.0/24"

GATE_SUBSCRIBER = "bng0"
GATE_UPLINK = "up0"
GATE_MANAGEMENT = "mgmt0"

GATE_ACCESS = "100.64.0.1"
GATE_RADIUS = "192.0.2.1"
ACCESS_RADIUS = "192.0.2.2"

LOGINS = 3  # of a line, each with other addresses: one for each phase

_FORWARDING = "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding"

# A spamming line gives up a SYN after 21 s, as Rustock does and Linux would not for minutes (measured;
# before Linux 6.5, which first tries every second, after 15 s).
_IMPATIENCE = "echo 3 > /proc/sys/net/ipv4/tcp_syn_retries"


class LabError(Exception):
    """What keeps the laboratory from running: who is at fault, the value, the way out."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """What a line holds during one login: an IPv4 address, a prefix, and its own address in that."""

    ipv4: str
    prefix: str
    ipv6: str


@dataclass(frozen=True, slots=True)
class Line:
    """A subscriber line: its name, its namespace, and what it holds at each login in turn."""

    name: str
    namespace: str
    logins: tuple[Addresses, ...]


@dataclass(frozen=True, slots=True)
class Topology:
    """The namespaces of one run; every name begins with the run's own prefix."""

    run: str
    prefix: str
    access: str
    gate: str
    internet: str
    lines: tuple[Line, ...]

    @property
    def namespaces(self) -> tuple[str, ...]:
        """All namespaces, in the order in which they are made."""
        return (self.access, self.gate, self.internet, *(line.namespace for line in self.lines))

    def line(self, name: str) -> Line:
        """Return the line of this name."""
        return next(line for line in self.lines if line.name == name)


def topology(run: str, line_names: tuple[str, ...]) -> Topology:
    """Name and number everything for the run called `run`."""
    prefix = f"sekisho-lab-{run}"
    lines = tuple(
        Line(
            name=name,
            namespace=f"{prefix}-{name}",
            logins=tuple(_addresses(number, login) for login in range(LOGINS)),
        )
        for number, name in enumerate(line_names, 1)
    )
    return Topology(run, prefix, f"{prefix}-access", f"{prefix}-gate", f"{prefix}-internet", lines)


def _addresses(line: int, login: int) -> Addresses:
    network = f"2001:db8:{0x4000 + login:x}:{line << 8:x}::"
    return Addresses(f"100.64.{login}.{10 + line}", f"{network}/{IPV6_LINE_LENGTH}", f"{network}2")


def line_of_address(net: Topology) -> Mapping[str, str]:
    """Map each address that a line ever has to the line's name."""
    return {
        address: line.name
        for line in net.lines
        for login in line.logins
        for address in (login.ipv4, login.ipv6)
    }


def commands(net: Topology) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """List what `ip -batch` is told in each namespace, in order."""
    return (
        (net.access, _access(net)),
        (net.gate, _gate(net)),
        (net.internet, _internet()),
        *((line.namespace, _line(line)) for line in net.lines),
    )


def _access(net: Topology) -> tuple[str, ...]:
    ports = [(f"port{number}", line.namespace, "eth0") for number, line in enumerate(net.lines, 1)]
    ports.append(("uplink", net.gate, GATE_SUBSCRIBER))
    rows = ["link set lo up", "link add bridge type bridge mcast_snooping 0", "link set bridge up"]
    for port, namespace, peer in ports:
        rows += [
            f"link add {port} type veth peer name {peer} netns {namespace}",
            f"link set {port} master bridge up",
        ]
    rows += [
        f"link add management type veth peer name {GATE_MANAGEMENT} netns {net.gate}",
        f"address add {ACCESS_RADIUS}/24 dev management",
        "link set management up",
    ]
    return tuple(rows)


def _gate(net: Topology) -> tuple[str, ...]:
    return (
        "link set lo up",
        f"link add {GATE_UPLINK} type veth peer name eth0 netns {net.internet}",
        f"address add {GATE_ACCESS}/16 dev {GATE_SUBSCRIBER}",
        f"address add fe80::1/64 dev {GATE_SUBSCRIBER} nodad",
        f"address add 198.51.100.1/24 dev {GATE_UPLINK}",
        f"address add 203.0.113.1/24 dev {GATE_UPLINK}",
        f"address add 2001:db8:f::1/64 dev {GATE_UPLINK} nodad",
        f"link set {GATE_SUBSCRIBER} up",
        f"link set {GATE_UPLINK} up",
        f"address add {GATE_RADIUS}/24 dev {GATE_MANAGEMENT}",
        f"link set {GATE_MANAGEMENT} up",
        f"route add {IPV6_POOL} dev {GATE_SUBSCRIBER}",
    )


def _internet() -> tuple[str, ...]:
    ipv4 = (
        *(f"198.51.100.{host}/24" for host in (10, 25, 26, *range(31, 36))),
        *(f"203.0.113.{host}/24" for host in (25, 26)),
    )
    ipv6 = ("2001:db8:f::10/64", "2001:db8:f::25/64")
    return (
        "link set lo up",
        *(f"address add {address} dev eth0" for address in ipv4),
        *(f"address add {address} dev eth0 nodad" for address in ipv6),
        "link set eth0 up",
        "route add default via 198.51.100.1",
        "route add default via 2001:db8:f::1",
    )


def _line(line: Line) -> tuple[str, ...]:
    return (
        "link set lo up",
        *_holding(line.logins[0]),
        "link set eth0 up",
        f"route add default via {GATE_ACCESS}",
        "route add default via fe80::1 dev eth0",
    )


def _holding(addresses: Addresses) -> tuple[str, ...]:
    return (
        f"address add {addresses.ipv4}/16 dev eth0",
        f"address add {addresses.ipv6}/{IPV6_LINE_LENGTH} dev eth0 nodad",
    )


def renumbering(before: Addresses, after: Addresses) -> tuple[str, ...]:
    """List what `ip -batch` is told in a line whose new sessions are to leave from other addresses.

    Those before are deprecated (RFC 4862, 5.5.4): what is open over them runs to its end.
    """
    return (
        *_holding(after),
        f"route replace default via {GATE_ACCESS} src {after.ipv4}",
        f"address change {before.ipv6}/{IPV6_LINE_LENGTH} dev eth0 preferred_lft 0",
    )


def renumber(net: Topology, name: str, login: int) -> None:
    """Give a line the addresses of its next login. Raises LabError."""
    line = net.line(name)
    _batch(line.namespace, renumbering(line.logins[login - 1], line.logins[login]))


def build(net: Topology, impatient: tuple[str, ...]) -> None:
    """Make the namespaces and join them; lines in `impatient` give up a session early.

    Raises LabError; `remove` cleans up after either.
    """
    for namespace in net.namespaces:
        _run(("ip", "netns", "add", namespace))
    for namespace, rows in commands(net):
        _batch(namespace, rows)
    _shell(net.gate, _FORWARDING)
    for name in impatient:
        _shell(net.line(name).namespace, _IMPATIENCE)


def remove(net: Topology) -> None:
    """Remove the namespaces that exist, and with them all links."""
    listed = _run(("ip", "netns", "list")).split()
    for namespace in net.namespaces:
        if namespace in listed:
            _run(("ip", "netns", "delete", namespace))


def _batch(namespace: str, rows: tuple[str, ...]) -> None:
    # not `ip -n`: that mounts a new /sys, which a chroot may not
    _run((*_inside(namespace), "ip", "-batch", "-"), "\n".join(rows) + "\n")


def _shell(namespace: str, script: str) -> None:
    _run((*_inside(namespace), "sh", "-ec", script))


def _inside(namespace: str) -> tuple[str, ...]:
    return "nsenter", f"--net=/run/netns/{namespace}", "--"


def _run(argv: tuple[str, ...], text: str = "") -> str:
    done = subprocess.run(
        argv, input=text, capture_output=True, text=True, check=False, start_new_session=True
    )
    if done.returncode:
        raise LabError(
            f"this machine refused `{' '.join(argv)}`: {done.stderr.strip()}; "
            "the laboratory needs network namespaces, veth and bridges in the kernel"
        )
    return done.stdout
