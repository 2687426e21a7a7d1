"""What goes through the gate arrives as it was, and what is none of its business is not touched."""

from __future__ import annotations

import socket
from contextlib import closing
from dataclasses import dataclass

import pytest

from tests.system.internet import DYNAMIC, FAMILIES, SERVERS, Internet
from tests.system.sessions import Clients, opened
from tests.system.transfers import Transfer

SIZE = 50_000_000
PASSES = "1,6 0 0 0"  # a classic program that matches nothing


def pair_of(
    internet: Internet, clients: Clients, family: str, port: int
) -> tuple[socket.socket, socket.socket]:
    """Open one session and return both its ends."""
    line = internet.line(family=family)
    (session,) = clients.open(line, SERVERS[family], port=port)
    clients.settle([session])
    (server,) = internet.accepted(line, 1, port)
    return session.socket, server


@pytest.mark.parametrize("direction", ["upload", "download"])
@pytest.mark.parametrize("family", FAMILIES)
def test_large_transfers_arrive_as_they_were(
    internet: Internet, clients: Clients, family: str, direction: str
) -> None:
    """Large segments (GSO, GRO) are on, as a network interface has them."""
    before = internet.counted()
    client, server = pair_of(internet, clients, family, 25)
    with server:
        ends = (client, server) if direction == "upload" else (server, client)
        assert Transfer(*ends, SIZE).is_intact()
    key = "bytes_out" if direction == "upload" else "bytes_in"
    assert internet.counted()[key] - before[key] > SIZE


def test_both_directions_at_once(internet: Internet, clients: Clients) -> None:
    client, server = pair_of(internet, clients, "ipv4", 25)
    with server:
        both = Transfer(client, server, SIZE), Transfer(server, client, SIZE)
        assert [one.is_intact() for one in both] == [True, True]


def _judged(internet: Internet) -> dict[str, dict[str, int]]:
    """Return what was counted, by class; packets without a slot may be of sessions that other tests left."""
    classes = internet.counters()["classes"]
    return {
        name: {key: count for key, count in arms["0"].items() if not key.startswith("without_slot")}
        for name, arms in classes.items()
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_other_ports_are_neither_capped_nor_delayed_nor_counted(
    internet: Internet, clients: Clients, family: str
) -> None:
    internet.listen(80)
    before = _judged(internet)
    line = internet.line(family=family)
    sessions = clients.open(line, SERVERS[family], 10 * DYNAMIC.cap, port=80)
    clients.settle(sessions)
    assert len(opened(sessions)) == len(sessions)
    assert min(one.took for one in sessions) < DYNAMIC.delay
    for server in internet.accepted(line, len(sessions), 80):
        server.close()
    client, server = pair_of(internet, clients, family, 80)
    with server:
        assert Transfer(client, server, SIZE).is_intact()
    assert _judged(internet) == before
    assert internet.slots().by_address[line] == 0


def test_udp_from_and_to_port_25_is_none_of_its_business(internet: Internet) -> None:
    line = internet.line()
    client = internet.lines.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    server = internet.servers.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with closing(client), closing(server):
        for one, address in ((client, (line, 25)), (server, (SERVERS["ipv4"], 25))):
            one.settimeout(60)
            one.bind(address)
        client.sendto(bytes(8000), (SERVERS["ipv4"], 25))  # several fragments
        data, back = server.recvfrom(10_000)
        server.sendto(data + b"and back", back)
        assert client.recv(10_000) == bytes(8000) + b"and back"


@dataclass
class Strangers:
    """What other programs have at the gate's interfaces."""

    internet: Internet

    def settle(self) -> None:
        gate = self.internet.gate
        gate.run("tc", "qdisc", "add", "dev", "sub0", "clsact")
        for hook in ("ingress", "egress"):
            gate.run(*f"tc filter add dev sub0 {hook} prio 7 protocol ip bpf bytecode".split(), PASSES)
        gate.run(
            "tc",
            "qdisc",
            "add",
            "dev",
            "up0",
            "root",
            "tbf",
            "rate",
            "10gbit",
            "burst",
            "1m",
            "latency",
            "1s",
        )
        gate.run(
            "nft",
            "-f",
            "-",
            text_in="""
            add table inet firewall
            add chain inet firewall forward { type filter hook forward priority 0; policy accept; }
            add rule inet firewall forward tcp dport 25 counter accept""",
        )
        for command in ("iptables-nft", "ip6tables-nft"):
            raw = ("-w", "-t", "raw", "-A", "PREROUTING")
            gate.run(command, *raw, "-p", "tcp", "--dport", "443", "-j", "NOTRACK")

    def seen(self) -> str:
        """Tell all that a gate could have left or taken away."""
        gate = self.internet.gate
        commands = (
            "tc qdisc show",
            "tc filter show dev sub0 ingress",
            "tc filter show dev sub0 egress",
            "tc filter show dev up0 ingress",
            "nft --stateless list ruleset",
            "iptables-nft --table raw --list-rules",  # without counters
            "ip -details address",
            "sysctl -a --pattern ^net\\.(bridge|ipv4|ipv6|netfilter)",
        )
        told = [gate.run(*command.split(), check=False).stdout for command in commands]
        return "\n".join(line for text in told for line in text.splitlines() if not line.startswith("#"))


def test_down_leaves_nothing_and_touches_nothing_of_others(own_internet: Internet, clients: Clients) -> None:
    strangers = Strangers(own_internet)
    strangers.settle()
    before = strangers.seen()
    own_internet.up()
    (session,) = clients.open(own_internet.line(), SERVERS["ipv4"])
    clients.settle([session])
    assert session.took >= DYNAMIC.delay  # it works beside them
    assert strangers.seen() != before
    own_internet.sekisho("gate", "down")
    assert own_internet.leftovers() == []
    assert strangers.seen() == before
    free = clients.open(own_internet.line(), SERVERS["ipv4"], 2 * DYNAMIC.cap)
    clients.settle(free)
    assert len(opened(free)) == len(free)
