"""What is lost under load, and what stays right: the gate's cases 31 to 34, and 18 for running sessions.

Load is a flood of SYNs by raw frames from many lines to an address where nobody is, and real sessions
from lines of their own. No honest session may fail, none may be early, no slot may be lost or found.
"""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Self

import pytest

from tests.kernel.frames import SYN, segment
from tests.system.internet import ABSENT, DYNAMIC, EXEMPT, PATIENT, SERVERS, SINGLE, SLOW, Class, Internet
from tests.system.layouts import route_pools
from tests.system.sessions import Clients, Session, opened
from tests.system.tap import Frame, Tap
from tests.system.transfers import Transfer
from tests.system.waiting import until

ABSENT_PACKED = socket.inet_aton(ABSENT)


def flood(of: Class, number: int, first: int = 0) -> list[bytes]:
    """Return SYNs, each from a line of its own that no client uses."""
    return [
        segment(f"100.{64 + of.number}.{128 + n // 250}.{n % 250 + 1}", ABSENT, (1024 + n, 25), SYN, seq=n)
        for n in range(first, first + number)
    ]


def honest(internet: Internet, clients: Clients, number: int, of: Class = DYNAMIC) -> list[Session]:
    """Begin sessions of lines of their own, half of them over IPv6."""
    return [
        one
        for n in range(number)
        for family in (("ipv4", "ipv6")[n % 2],)
        for one in clients.open(internet.line(of, family), SERVERS[family])
    ]


def check(sessions: Iterable[Session], of: Class) -> None:
    """None has failed and none was early."""
    assert all(one.is_open for one in sessions)
    assert all(one.took >= of.delay for one in sessions)


def server_of(line: str) -> str:
    return SERVERS["ipv6" if ":" in line else "ipv4"]


def arrivals(outside: Tap) -> list[Frame]:
    """Return the flood's SYNs that have passed; their sequence numbers tell them apart."""
    return [one for one in outside.smtp() if one.packet[16:20] == ABSENT_PACKED]


def held(internet: Internet) -> int:
    return int(internet.status()["hold"]["held"])


def test_31_killed_while_ten_thousand_are_held(
    own_internet: Internet, clients: Clients, inside: Tap, outside: Tap
) -> None:
    daemon = own_internet.up()
    running = honest(own_internet, clients, 10)
    clients.settle(running)
    inside.send(flood(PATIENT, 10_000))
    until(lambda: held(own_internet) == 10_000)
    caught = honest(own_internet, clients, 40, SLOW)
    daemon.end(signal.SIGKILL)
    late = honest(own_internet, clients, 20)
    clients.settle([*caught, *late])
    check(caught, SLOW)
    check(late, DYNAMIC)
    greedy = [clients.open(one.line, server_of(one.line), DYNAMIC.cap) for one in late[:4]]
    clients.until(lambda: all(len(opened(more)) == DYNAMIC.cap - 1 for more in greedy))
    before = own_internet.slots()
    assert before.total == 10_000 + len(opened(clients.sessions))
    own_internet.up()
    assert own_internet.slots() == before
    status = own_internet.status()
    assert (status["sessions"], status["delay_by"]) == (before.total, "hold")
    after = honest(own_internet, clients, 10)
    clients.settle(after)
    check(after, DYNAMIC)
    assert own_internet.status()["hold"]["released"] == len(after)
    assert not arrivals(outside)


def test_31_mail_programs_deliver_while_the_daemon_is_killed(own_internet: Internet) -> None:
    own_internet.write(("exempt = [", "exempt = []  # ["))  # an address where nobody else listens
    daemon, sink = own_internet.up(), f"{EXEMPT['ipv4']}:25"
    own_internet.servers.start("smtp-sink", "-u", "nobody", sink, "64")
    until(lambda: ":25" in own_internet.servers.run("ss", "-Hltn", "src", sink).stdout)
    many = own_internet.line()
    own_internet.lines.run(*f"ip route add {EXEMPT['ipv4']} via 10.9.0.1 src {many}".split())
    senders = [own_internet.lines.start("smtp-source", "-s", "2", "-m", "6", "-l", "20000", sink)]
    for _ in range(4):
        addresses = ("--local-interface", own_internet.line(SLOW), "--server", EXEMPT["ipv4"])
        message = ("--from", "a@example.org", "--to", "b@example.net", "--body", "hello")
        senders.append(own_internet.lines.start("swaks", *addresses, *message))
    until(lambda: own_internet.counted(SLOW)["admitted"] == 4)
    daemon.end(signal.SIGKILL)
    for sender in senders:
        told, _ = sender.communicate(timeout=60)
        assert sender.returncode == 0, told
    own_internet.up()
    until(lambda: own_internet.slots().total == 0)
    for one, sessions in ((SLOW, 4), (DYNAMIC, 6)):
        counted = own_internet.counted(one)
        assert counted["admitted"] == counted["held"] == sessions
        assert counted["closed_fin"] + counted["closed_rst"] == sessions  # smtp-source ends by a reset


def flush(internet: Internet) -> None:
    internet.gate.run("nft", "flush", "ruleset")


def bounce(interface: str) -> Callable[[Internet], None]:
    def down_and_up(internet: Internet) -> None:
        internet.gate.run("ip", "link", "set", interface, "down")
        internet.gate.run("ip", "link", "set", interface, "up")
        route_pools(internet.gate)

    return down_and_up


LOSSES: dict[str, Callable[[Internet], None]] = {
    "flush": flush,
    "subscriber interface": bounce("sub0"),
    "uplink interface": bounce("up0"),
}


def test_32_rules_flushed_and_interfaces_down_and_up_under_load(
    own_internet: Internet, clients: Clients, inside: Tap, outside: Tap
) -> None:
    daemon = own_internet.up()
    running = honest(own_internet, clients, 6)
    clients.settle(running)
    for number, happens in enumerate(LOSSES.values()):
        inside.send(flood(PATIENT, 1000, 1000 * number))
        caught = honest(own_internet, clients, 10, SLOW), honest(own_internet, clients, 10)
        happens(own_internet)
        late = honest(own_internet, clients, 10)
        clients.settle([*caught[0], *caught[1], *late])
        check(caught[0], SLOW)
        check([*caught[1], *late], DYNAMIC)
    until(lambda: bool(own_internet.status()["hold"]["rules_restored"]))
    released = own_internet.status()["hold"]["released"]
    after = honest(own_internet, clients, 10)
    clients.settle(after)
    check(after, DYNAMIC)
    assert own_internet.status()["hold"]["released"] == released + len(after)
    assert own_internet.slots().total == 3000 + len(clients.sessions)
    assert not arrivals(outside)
    log = daemon.end()
    for told in ("queue rules restored", "interface down", "interface up", "interface=sub0", "interface=up0"):
        assert told in log


def test_13_14_15_silence_ends_a_slot_and_keepalives_keep_it(
    own_internet: Internet, clients: Clients, inside: Tap
) -> None:
    own_internet.write(('syn = "10m"', 'syn = "2s"\nidle = "3s"'))
    own_internet.up()
    awake, silent, dead = own_internet.line(), own_internet.line(SINGLE), own_internet.line(SLOW, raw=True)
    kept = clients.open(awake, SERVERS["ipv4"], 2)
    for one in kept:
        one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        one.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
        one.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    clients.settle(kept)
    begun = time.monotonic()
    inside.send([segment(dead, ABSENT, (1024, 25), SYN, seq=1)])
    until(lambda: own_internet.slots().by_address[dead] == 0)
    assert time.monotonic() - begun >= SLOW.delay + 2
    (quiet,) = clients.open(silent, SERVERS["ipv4"])
    clients.settle([quiet])
    until(lambda: own_internet.slots().by_address[silent] == 0)
    assert time.monotonic() - begun >= SLOW.delay + 2 + 3
    assert own_internet.slots().by_address[awake] == len(kept)
    (another,) = clients.open(silent, SERVERS["ipv4"])
    clients.settle([another])
    (first, second) = own_internet.accepted(silent, 2)
    quiet.socket.send(b"after long silence")
    until(lambda: own_internet.counted(SINGLE)["without_slot_dropped"] > 0)
    with pytest.raises(BlockingIOError):
        first.recv(100, socket.MSG_DONTWAIT)
    for server in (first, second):
        server.close()


SHORT_QUEUES = """
from sekisho.gate import nfqueue
nfqueue.QUEUE_LENGTH = 5
from sekisho.cli import main
main()
"""


def test_33_full_queues_delay_by_retransmission(
    own_internet: Internet, clients: Clients, inside: Tap
) -> None:
    daemon = own_internet.start(sys.executable, "-c", SHORT_QUEUES)
    daemon.wait_for("READY=1")
    inside.send(flood(SLOW, 200))
    sessions = honest(own_internet, clients, 40, SLOW)
    clients.settle(sessions)
    check(sessions, SLOW)
    assert own_internet.status()["hold"]["dropped"] >= 200 - 4 * 5
    assert own_internet.slots().total == 200 + len(sessions)


@dataclass
class Load:
    """SYNs of ever new lines, sent by a thread until it is stopped."""

    inside: Tap
    sent_ns: list[int] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        frames = flood(DYNAMIC, 8000)
        while not self._stopped.wait(0.02) and len(self.sent_ns) < len(frames):
            some = frames[len(self.sent_ns) :][:10]
            self.sent_ns += [time.time_ns()] * len(some)
            self.inside.send(some)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()


def test_34_replaced_under_load_without_a_drift(
    own_internet: Internet, clients: Clients, inside: Tap, outside: Tap
) -> None:
    daemon = own_internet.up()
    sessions = honest(own_internet, clients, 10)
    with Load(inside) as load:
        for _ in range(2):
            daemon.end()
            sessions += honest(own_internet, clients, 10)
            daemon = own_internet.up()
            sessions += honest(own_internet, clients, 10)
        clients.settle(sessions)
    check(sessions, DYNAMIC)
    total = len(load.sent_ns) + len(sessions)
    until(lambda: own_internet.counted()["attempted"] >= total)
    counted = own_internet.counted()
    assert counted["attempted"] == counted["admitted"] == counted["held"] == total
    assert counted["adopted"] == counted["without_slot_passed"] == 0
    assert own_internet.slots().total == own_internet.status()["sessions"] == total
    passed = arrivals(outside)
    assert passed
    for one in passed:
        number = int.from_bytes(one.tcp[4:8], "big")
        assert one.at_ns - load.sent_ns[number] >= DYNAMIC.delay_ms * 1_000_000


@pytest.mark.parametrize("direction", ["upload", "download"])
def test_18_a_gate_that_is_attached_cuts_nothing_that_runs(
    own_internet: Internet, clients: Clients, direction: str
) -> None:
    own_internet.write(('learn = "0s"', 'learn = "10m"'))
    line = own_internet.line()
    sessions = clients.open(line, SERVERS["ipv4"], DYNAMIC.cap + 5)
    clients.settle(sessions)
    servers = {one.getpeername()[1]: one for one in own_internet.accepted(line, len(sessions))}
    pairs = [(one.socket, servers[one.port]) for one in sessions]
    transfers = [Transfer(*(pair if direction == "upload" else pair[::-1])) for pair in pairs]
    own_internet.up()
    until(lambda: own_internet.slots().by_address[line] == len(sessions))
    received = [one.received for one in transfers]
    until(lambda: all(one.received > before for one, before in zip(transfers, received, strict=True)))
    assert {one.is_intact() for one in transfers} == {True}
    (late,) = clients.open(line, SERVERS["ipv4"])
    refused = own_internet.counted()["refused"]
    clients.until(lambda: own_internet.counted()["refused"] > refused)
    assert late.ended is None
    for server in servers.values():
        server.close()
