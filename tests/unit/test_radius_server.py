"""The accounting server on loopback, with a store that fails and heals when a test wants it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest
from structlog.testing import capture_logs

from sekisho.lines import radius_server
from sekisho.lines.events import Boot, Heard
from sekisho.lines.radius import Naming
from sekisho.lines.radius_reception import Client, Count
from sekisho.lines.radius_server import ListenError, NotDurableError, RadiusServer
from tests.system.waiting import until
from tests.unit.radius_packets import IPV4, LOGIN, NAS, SECRET, START, USER, accounting

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
LOOPBACK = Client("here", ip_network("127.0.0.1"), SECRET)
LOOPBACK6 = Client("here6", ip_network("::1"), SECRET)
NAMING = (Naming.CLASS, Naming.USER_NAME)


class Store:
    """Takes what it is given while it is well, and may be made to wait in the middle."""

    def __init__(self) -> None:
        self.well = True
        self.taken: list[Heard | Boot] = []
        self.sizes: list[int] = []
        self.going_on = threading.Event()
        self.going_on.set()
        self.entered = threading.Semaphore(0)

    def take(self, events: Sequence[Heard | Boot]) -> None:
        self.entered.release()
        assert self.going_on.wait(30)
        if not self.well:
            raise NotDurableError("the disk is full: make room on it")
        self.taken += events
        self.sizes.append(len(events))


class Scene:
    """A server that runs, and senders."""

    def __init__(self, stack: ExitStack) -> None:
        self.store = Store()
        self.stack = stack
        self.seconds = 0.0

    def make(self, *clients: Client, addresses: Sequence[str] = ("127.0.0.1",)) -> RadiusServer:
        return RadiusServer(
            [(address, 0) for address in addresses],
            clients or (LOOPBACK,),
            NAMING,
            take=self.store.take,
            utc=lambda: NOW,
            monotonic=lambda: self.seconds,
        )

    def start(self, *clients: Client, addresses: Sequence[str] = ("127.0.0.1",)) -> RadiusServer:
        server = self.make(*clients, addresses=addresses)
        server.open()
        server.start()
        self.stack.callback(server.stop)
        self.stack.callback(self.store.going_on.set)
        return server

    def sender(self, server: RadiusServer, door: int = 0) -> socket.socket:
        to = server.state().doors[door]
        family = socket.AF_INET6 if ":" in to.address else socket.AF_INET
        sender = self.stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        sender.settimeout(30)
        sender.connect((to.address, to.port))
        return sender


@pytest.fixture
def scene() -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(stack)


def event(identifier: int) -> bytes:
    return accounting(START, LOGIN, USER, NAS, identifier=identifier)


def counted(server: RadiusServer, count: Count, number: int) -> Callable[[], bool]:
    return lambda: sum(n for (_, one), n in server.state().counts.items() if one is count) == number


def test_events_are_taken_and_acknowledged_over_both_protocols(scene: Scene) -> None:
    server = scene.start(LOOPBACK, LOOPBACK6, addresses=("127.0.0.1", "::1"))
    for door in (0, 1):
        sender = scene.sender(server, door)
        sender.send(event(door))
        assert sender.recv(100)[:2] == bytes((5, door))
    assert len(scene.store.taken) == 2
    until(counted(server, Count.TAKEN, 2))
    assert server.state().counts == {("here", Count.TAKEN): 1, ("here6", Count.TAKEN): 1}


def test_what_comes_while_the_store_works_is_one_batch(scene: Scene) -> None:
    server = scene.start()
    sender = scene.sender(server)
    scene.store.going_on.clear()
    sender.send(event(0))
    scene.store.entered.acquire()
    for identifier in range(1, 101):
        sender.send(event(identifier))
    scene.store.going_on.set()
    assert sorted(sender.recv(100)[1] for _ in range(101)) == list(range(101))
    assert scene.store.sizes == [1, 100]


def test_a_batch_is_bounded(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radius_server, "BATCH", 10)
    server = scene.start()
    sender = scene.sender(server)
    scene.store.going_on.clear()
    sender.send(event(0))
    scene.store.entered.acquire()
    for identifier in range(1, 26):
        sender.send(event(identifier))
    scene.store.going_on.set()
    assert {sender.recv(100)[1] for _ in range(26)} == set(range(26))
    assert scene.store.sizes == [1, 10, 10, 5]


def test_nobody_is_waited_for_who_waits_for_answers_himself(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(radius_server, "STEPS", 1_000_000)  # half an hour, if it waited all of them
    server = scene.start()
    sender = scene.sender(server)
    for _ in range(3):
        for identifier in range(32):
            sender.send(event(identifier))
        assert {sender.recv(100)[1] for _ in range(32)} == set(range(32))


def test_a_failing_store_means_no_acknowledgement_and_an_alarm_until_it_heals(scene: Scene) -> None:
    server = scene.start()
    sender = scene.sender(server)
    scene.store.well = False
    with capture_logs() as logs:
        for identifier in range(3):
            sender.send(event(identifier))
            until(counted(server, Count.NOT_DURABLE, identifier + 1))
        trouble = server.state().trouble
        assert trouble is not None
        assert (trouble.since, trouble.why) == (NOW, "the disk is full: make room on it")
        scene.store.well = True
        for identifier in range(3):
            sender.send(event(identifier))
            assert sender.recv(100)[1] == identifier  # nothing has come before
        assert server.state().trouble is None
    assert [(one["log_level"], one.get("why")) for one in logs] == [
        ("error", "the disk is full: make room on it"),
        ("warning", None),
    ]
    assert len(scene.store.taken) == 3


def test_strangers_are_told_of_once_a_minute_and_not_by_their_address(scene: Scene) -> None:
    server = scene.start(Client("elsewhere", ip_network("127.0.0.2"), SECRET))
    sender = scene.sender(server)
    with capture_logs() as logs:
        for number in range(1, 4):
            sender.send(event(number))
            until(counted(server, Count.UNKNOWN_CLIENT, number))
        scene.seconds += 60
        until(lambda: len(logs) == 2)  # without another packet
        sender.send(event(4))
        until(counted(server, Count.UNKNOWN_CLIENT, 4))
        server.stop()  # nor does the last word get lost
        scene.stack.pop_all()
        sender.close()
    assert [one["datagrams"] for one in logs] == [1, 2, 1]
    assert "127.0.0.1" not in str(logs)


def test_a_wrong_secret_is_told_with_the_clients_name(scene: Scene) -> None:
    server = scene.start()
    with capture_logs() as logs:
        scene.sender(server).send(accounting(START, secret=b"another secret"))
        until(lambda: len(logs) == 1)
    assert (logs[0]["client"], logs[0]["datagrams"]) == ("here", 1)
    assert "compare the secrets" in logs[0]["event"]


def test_what_is_not_kept_is_told_with_the_clients_name_and_no_address(scene: Scene) -> None:
    pools = (ip_network("198.51.100.0/24"),)
    here = Client("here", LOOPBACK.network, SECRET, nas=frozenset({"bng1"}), pools=pools)
    server = scene.start(here)
    sender = scene.sender(server)
    with capture_logs() as logs:
        sender.send(accounting(START, LOGIN, USER, (32, b"bng2"), IPV4))
        until(lambda: len(logs) == 1)
        sender.send(accounting(START, LOGIN, USER, NAS, IPV4))
        until(counted(server, Count.TAKEN, 1))
        scene.seconds += 60
        until(lambda: len(logs) == 2)
    assert [(one["client"], one["datagrams"]) for one in logs] == [("here", 1)] * 2
    assert [one["event"].rpartition(": ")[2] for one in logs] == ["look at nas", "look at pools"]
    assert not any(told in str(logs) for told in ("127.0.0.1", "100.64.", "bng2", "alice"))


def test_clients_change_while_it_runs_and_nothing_is_lost(scene: Scene) -> None:
    server = scene.start()
    sender = scene.sender(server)
    for number in range(200):
        if number % 10 == 0:
            server.set_clients((LOOPBACK, Client(f"more{number}", ip_network("192.0.2.1"), SECRET)), NAMING)
        sender.send(event(number))
    assert {sender.recv(100)[1] for _ in range(200)} == set(range(200))
    server.set_clients((Client("here", LOOPBACK.network, b"a new secret"),), NAMING)
    sender.send(accounting(START, LOGIN, USER, NAS, secret=b"a new secret"))
    assert sender.recv(100)[0] == 5


def test_what_is_being_made_durable_is_acknowledged_before_the_end(scene: Scene) -> None:
    server = scene.make()
    server.open()
    server.start()
    sender = scene.sender(server)
    scene.store.going_on.clear()
    sender.send(event(7))
    scene.store.entered.acquire()
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    until(server._stopping.is_set)
    scene.store.going_on.set()
    stopping.join()
    assert sender.recv(100)[1] == 7


def test_a_port_that_is_taken_is_told_with_the_way_out() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        server = RadiusServer(
            [("::1", 0), ("127.0.0.1", port)], (LOOPBACK,), NAMING, take=Store().take, utc=lambda: NOW
        )
        with pytest.raises(ListenError, match=rf"127\.0\.0\.1 port {port} .* in use.*no other program has"):
            server.open()


def test_an_address_of_another_machine_is_told() -> None:
    server = RadiusServer([("192.0.2.1", 0)], (LOOPBACK,), NAMING, take=Store().take, utc=lambda: NOW)
    with pytest.raises(ListenError, match="name an address of this machine"):
        server.open()


def test_datagrams_without_room_are_seen(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radius_server, "ROOM_BYTES", 1)  # the kernel makes the least of it that it gives
    server = scene.start()
    sender = scene.sender(server)
    scene.store.going_on.clear()
    sender.send(event(0))
    scene.store.entered.acquire()
    for _ in range(50):
        sender.send(bytes(1_000))
    assert server.state().doors[0].overflowed > 0


def test_a_thread_that_has_ended_shows(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    server = scene.start()
    monkeypatch.setattr(server, "_take", None)
    with capture_logs() as logs:
        scene.sender(server).send(event(0))
        until(lambda: not server.state().alive)
    assert "our fault" in logs[0]["event"]
