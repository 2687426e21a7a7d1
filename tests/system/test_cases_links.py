"""The gate where it is no plain router: on a bridge, with headers in front of IP, half-sighted, steered to.

What can be said of sessions is said of real ones; frames with headers in front are raw.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kernel.frames import RST, SYN, ethernet, ipv4, ipv6, tcp
from tests.system.internet import (
    CLOSED,
    DYNAMIC,
    FAMILIES,
    SERVERS,
    SINGLE,
    STRICT,
    Internet,
)
from tests.system.layouts import bridged, one_way, steered, without_ethernet
from tests.system.netns import Net, network
from tests.system.sessions import Clients, opened
from tests.system.tap import Frame, Tap
from tests.system.transfers import Transfer

VLAN = bytes.fromhex("81000064")
QINQ = bytes.fromhex("88a80001") + VLAN
MPLS = bytes.fromhex("8847 00064040 00065140")
PORT = 40_000


@contextmanager
def _up(internet: Internet) -> Iterator[Internet]:
    internet.listen()
    try:
        internet.up()
        yield internet
    finally:
        internet.close()


@pytest.fixture(scope="module")
def bridge_internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    """A gate on a bridge, up for all tests of this module."""
    with network() as net, _up(bridged(net, tmp_path_factory.mktemp("bridge"))) as internet:
        yield internet


def caps_and_holds(internet: Internet, clients: Clients, family: str) -> None:
    """See that exactly cap sessions of a line are established, none early, and the others in their place."""
    line = internet.line(family=family)
    sessions = clients.open(line, SERVERS[family], DYNAMIC.cap + 1)
    clients.until(lambda: len(opened(sessions)) == DYNAMIC.cap)
    (waiting,) = (one for one in sessions if not one.is_open)
    refused = internet.counted()["refused"]
    clients.until(lambda: internet.counted()["refused"] > refused)
    assert internet.slots().by_address[line] == len(opened(sessions)) == DYNAMIC.cap
    for one in opened(sessions):
        one.close()
    for server in internet.accepted(line, DYNAMIC.cap):
        server.close()
    clients.settle([waiting])
    assert all(one.is_open and one.took >= DYNAMIC.delay for one in sessions)
    assert internet.slots().by_address[line] == 1


def transfers_are_intact(internet: Internet, clients: Clients, family: str) -> None:
    """See that bytes arrive as they were, in both directions at once."""
    line = internet.line(SINGLE, family)
    (session,) = clients.open(line, SERVERS[family])
    clients.settle([session])
    (server,) = internet.accepted(line, 1)
    with server:
        both = Transfer(session.socket, server, 5_000_000), Transfer(server, session.socket, 5_000_000)
        assert [one.is_intact() for one in both] == [True, True]


@pytest.mark.parametrize("family", FAMILIES)
def test_03_a_bridge_caps_and_holds(bridge_internet: Internet, clients: Clients, family: str) -> None:
    caps_and_holds(bridge_internet, clients, family)
    transfers_are_intact(bridge_internet, clients, family)


@pytest.mark.parametrize("family", FAMILIES)
def test_12_a_server_behind_a_bridge_that_refuses_is_heard(
    bridge_internet: Internet, clients: Clients, family: str
) -> None:
    line = bridge_internet.line(SINGLE, family)
    (session,) = clients.open(line, CLOSED[family])
    clients.settle([session])
    assert session.error == errno.ECONNREFUSED
    assert session.took >= SINGLE.delay
    assert bridge_internet.slots().by_address[line] == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_refusal_by_reset_on_a_bridge(bridge_internet: Internet, clients: Clients, family: str) -> None:
    line = bridge_internet.line(STRICT, family)
    (held,) = clients.open(line, SERVERS[family])
    refused = clients.open(line, SERVERS[family], 3)
    clients.settle(refused)
    assert {one.error for one in refused} == {errno.ECONNREFUSED}
    assert max(one.took for one in refused) < STRICT.delay
    assert held.ended is None


def pppoe(packet: bytes) -> bytes:
    kind = b"\x00\x21" if packet[0] >> 4 == 4 else b"\x00\x57"
    return bytes.fromhex("886411000001") + (len(packet) + 2).to_bytes(2, "big") + kind


def ethertype(packet: bytes) -> bytes:
    return b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"


@dataclass(frozen=True)
class Encapsulation:
    """What stands before an IP packet, and whether netfilter can see the packet behind it."""

    front: Callable[[bytes], bytes]
    queueable: bool


ENCAPSULATIONS = {
    "vlan": Encapsulation(lambda packet: VLAN + ethertype(packet), True),
    "pppoe": Encapsulation(pppoe, True),
    "qinq": Encapsulation(lambda packet: QINQ + ethertype(packet), False),
    "vlan pppoe": Encapsulation(lambda packet: VLAN + pppoe(packet), False),
    "mpls": Encapsulation(lambda _: MPLS, False),
}


def encapsulated(name: str, line: str, port: int = PORT) -> bytes:
    """Return a SYN of a line behind other headers."""
    family = "ipv6" if ":" in line else "ipv4"
    segment = tcp(line, SERVERS[family], (port, 25), SYN, seq=9, payload=b"whole")
    packet = (ipv6 if family == "ipv6" else ipv4)(line, SERVERS[family], segment)
    return ethernet(packet, tags=ENCAPSULATIONS[name].front(packet))


def arrival(outside: Tap, frame: bytes) -> Frame | None:
    """Return the frame as it came out of the bridge, which changes nothing in it."""
    return next((one for one in outside.read() if one.data == frame), None)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ENCAPSULATIONS)
def test_24_behind_other_headers_the_same_line_the_same_delay(
    bridge_internet: Internet, inside: Tap, outside: Tap, name: str, family: str
) -> None:
    line = bridge_internet.line(SINGLE, family, raw=True)
    frame, begun_ns = encapsulated(name, line), time.time_ns()
    before = bridge_internet.counted(SINGLE)
    inside.send([frame])
    if ENCAPSULATIONS[name].queueable:
        outside.until(lambda _: arrival(outside, frame) is not None)
        assert bridge_internet.counted(SINGLE)["retransmissions_dropped"] == before["retransmissions_dropped"]
    while (arrived := arrival(outside, frame)) is None:
        inside.send([frame])  # as its sender's timer would
    assert arrived.at_ns - begun_ns >= SINGLE.delay_ms * 1_000_000
    inside.send([encapsulated(name, line, PORT + 1), encapsulated("vlan", line, PORT + 2)])
    counted = bridge_internet.counted(SINGLE)
    assert counted["refused"] == before["refused"] + 2
    assert counted["attempted"] == before["attempted"] + 3
    assert bridge_internet.slots().by_address[line] == SINGLE.cap


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ENCAPSULATIONS)
def test_24_a_reset_goes_back_behind_the_same_headers(
    bridge_internet: Internet, inside: Tap, name: str, family: str
) -> None:
    line = bridge_internet.line(STRICT, family, raw=True)
    refused = encapsulated(name, line, PORT + 1)
    inside.send([encapsulated(name, line), refused])
    front = refused[12 : refused.index(b"whole") - 20 - (40 if family == "ipv6" else 20)]
    (reset,) = inside.until(lambda seen: any(one.data[12:].startswith(front) for one in seen))[-1:]
    assert (reset.data[:6], reset.data[6:12]) == (refused[6:12], refused[:6])
    assert len(reset.data) == len(refused)
    assert reset.data[-5 - 20 :][13] & RST


def test_24_what_cannot_be_read_passes_and_is_counted(
    bridge_internet: Internet, inside: Tap, outside: Tap
) -> None:
    before = bridge_internet.counters()["totals"]["unknown_ethertype"]
    frame = ethernet(bytes(range(64)), kind=0x88B5)
    inside.send([frame])
    outside.until(lambda _: arrival(outside, frame) is not None)
    assert bridge_internet.counters()["totals"]["unknown_ethertype"] == before + 1


@contextmanager
def _one_way(net: Net, directory: Path) -> Iterator[Internet]:
    yield one_way(net, directory)


@contextmanager
def _steered(net: Net, directory: Path) -> Iterator[Internet]:
    yield steered(net, directory)


Layout = Callable[[Net, Path], AbstractContextManager[Internet]]


@pytest.fixture
def other_internet(request: pytest.FixtureRequest, net: Net, tmp_path: Path) -> Iterator[Internet]:
    """A gate in the layout that the test asks for."""
    layout: Layout = request.param
    with layout(net, tmp_path) as built, _up(built) as internet:
        yield internet


@pytest.mark.parametrize("other_internet", [without_ethernet, _steered], indirect=True)
def test_03_without_ethernet_and_steered_it_caps_and_holds_alike(
    other_internet: Internet, clients: Clients
) -> None:
    for family in FAMILIES:
        caps_and_holds(other_internet, clients, family)
        transfers_are_intact(other_internet, clients, family)
        line = other_internet.line(STRICT, family)
        clients.open(line, SERVERS[family])
        (refused,) = clients.open(line, SERVERS[family])
        clients.settle([refused])
        assert refused.error == errno.ECONNREFUSED
        assert refused.took < STRICT.delay
        (closed,) = clients.open(other_internet.line(SINGLE, family), CLOSED[family])
        clients.settle([closed])
        assert closed.error == errno.ECONNREFUSED
        assert closed.took >= SINGLE.delay


@pytest.mark.parametrize("other_internet", [_one_way], indirect=True)
def test_30_half_view_caps_holds_and_frees_slots(other_internet: Internet, clients: Clients) -> None:
    for family in FAMILIES:
        transfers_are_intact(other_internet, clients, family)
        caps_and_holds(other_internet, clients, family)
        line = other_internet.line(SINGLE, family)
        for _ in range(3):  # the server keeps its half open; the line's own closing frees the slot
            sessions = clients.open(line, SERVERS[family], SINGLE.cap)
            clients.settle(sessions)
            assert all(one.is_open and one.took >= SINGLE.delay for one in sessions)
            for one in sessions:
                one.close()
        (closed,) = clients.open(other_internet.line(SINGLE, family), CLOSED[family])
        clients.settle([closed])
        assert closed.error == errno.ECONNREFUSED
        assert closed.took >= SINGLE.delay
