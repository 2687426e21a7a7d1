"""The process that hears accounting: it acknowledges what is durable, and ends with the daemon."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_network
from multiprocessing import Pipe
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from sekisho.daemon.bell import Bell
from sekisho.daemon.privileges import OPENING_FILES
from sekisho.daemon.radius_child import _asked
from sekisho.daemon.radius_messages import Ask
from sekisho.daemon.radius_process import RadiusProcess
from sekisho.gate import GateError
from sekisho.lines.radius import Naming
from sekisho.lines.radius_reception import Client, Count
from sekisho.lines.radius_server import RadiusServer
from sekisho.store import Journal, open_journal
from tests.system.waiting import until
from tests.unit.radius_packets import LOGIN, NAS, SECRET, START, USER, accounting

HERE = Client("here", ip_network("127.0.0.1"), SECRET)
ELSEWHERE = Client("elsewhere", ip_network("127.0.0.2"), SECRET)
NAMING = (Naming.USER_NAME,)

# A daemon that is killed, and tells before which port it has.
DAEMON = """
import signal, sys
from ipaddress import ip_network
from sekisho.daemon.bell import Bell
from sekisho.daemon.radius_process import RadiusProcess

process = RadiusProcess([("127.0.0.1", 0)], [], [], url=sys.argv[1], bell=Bell().fileno())
process.start()
print(process.report().radius.doors[0].port, flush=True)
signal.pause()
"""


class Scene:
    """A journal, the settler's bell, and a process that hears for them."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.url, self.stack = f"sqlite:///{directory}/gate.db", stack
        self.bell = Bell()
        stack.callback(self.bell.close)

    def make(self, *clients: Client, port: int = 0) -> RadiusProcess:
        listen = [("127.0.0.1", port)]
        return RadiusProcess(listen, clients, NAMING, url=self.url, bell=self.bell.fileno())

    def start(self, *clients: Client) -> RadiusProcess:
        process = self.make(*clients)
        process.start()
        self.stack.callback(process.stop)
        return process

    def journal(self) -> Journal:
        journal = open_journal(self.url)
        self.stack.callback(journal.close)
        return journal

    def sender(self, process: RadiusProcess) -> socket.socket:
        sender = self.stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sender.settimeout(30)
        sender.connect(("127.0.0.1", process.report().radius.doors[0].port))
        return sender


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(tmp_path, stack)


def start(identifier: int) -> bytes:
    return accounting(START, LOGIN, USER, NAS, identifier=identifier)


def counted(process: RadiusProcess, count: Count) -> int:
    return sum(number for (_, one), number in process.report().radius.counts.items() if one is count)


def test_what_is_acknowledged_is_in_the_journal_and_the_settler_knows(scene: Scene) -> None:
    process = scene.start(HERE)
    sender = scene.sender(process)
    sender.send(start(7))
    assert sender.recv(100)[:2] == bytes((5, 7))
    assert scene.journal().waiting() == 1
    scene.bell.wait()
    until(lambda: counted(process, Count.TAKEN) == 1)
    assert process.report().misfits == 0


def test_clients_change_while_it_runs(scene: Scene) -> None:
    process = scene.start(ELSEWHERE)
    sender = scene.sender(process)
    sender.send(start(0))
    until(lambda: counted(process, Count.UNKNOWN_CLIENT) == 1)
    process.set_clients([HERE], NAMING)
    sender.send(start(1))
    assert sender.recv(100)[1] == 1


def test_it_can_open_files_and_nothing_else_in_any_thread(scene: Scene) -> None:
    process = scene.start(HERE)
    threads = list(Path(f"/proc/{process._process.pid}/task").iterdir())
    assert len(threads) >= 2
    for thread in threads:
        status = dict(line.split(":", 1) for line in (thread / "status").read_text().splitlines())
        assert [int(status[name], 16) & ~OPENING_FILES for name in ("CapEff", "CapPrm", "CapInh")] == [0] * 3
        assert int(status["NoNewPrivs"]) == 1


def test_a_store_that_is_away_is_tried_until_it_is_there(scene: Scene, tmp_path: Path) -> None:
    scene.url = f"sqlite:///{tmp_path}/later/gate.db"
    process = scene.start(HERE)
    sender = scene.sender(process)
    sender.send(start(0))
    until(lambda: counted(process, Count.NOT_DURABLE) == 1)
    trouble = process.report().radius.trouble
    assert trouble is not None
    assert "make its directory" in trouble.why
    (tmp_path / "later").mkdir()

    def is_acknowledged() -> bool:
        sender.settimeout(0.1)
        sender.send(start(0))
        try:
            return sender.recv(100)[1] == 0
        except TimeoutError:
            return False

    until(is_acknowledged)


def test_a_port_that_is_taken_is_told_with_the_way_out(scene: Scene) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        process = scene.make(HERE, port=other.getsockname()[1])
        with pytest.raises(GateError, match=r"in use.*no other program has"):
            process.start()


def test_one_that_cannot_be_started_is_told_with_the_way_out(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))
    with pytest.raises(GateError, match=r"cannot be started: No such file.*see that .*gone can be run"):
        scene.make(HERE).start()


def test_one_that_was_killed_shows(scene: Scene) -> None:
    process = scene.start(HERE)
    assert process.report().radius.alive
    process.check()
    os.kill(process._process.pid, signal.SIGKILL)
    until(lambda: not process.is_alive)
    with pytest.raises(GateError, match="killed by signal 9"):
        process.check()
    assert not process.report().radius.alive
    with pytest.raises(GateError, match="start the daemon anew"):
        process.set_clients([HERE], NAMING)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_for_the_daemon_do_not_end_it(scene: Scene, number: signal.Signals) -> None:
    process = scene.start(HERE)
    os.kill(process._process.pid, number)
    assert process.report().radius.alive
    sender = scene.sender(process)
    sender.send(start(3))
    assert sender.recv(100)[1] == 3


def test_one_that_does_not_answer_is_given_up(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    process = scene.start(HERE)
    monkeypatch.setattr("sekisho.daemon.radius_process.ANSWER_SECONDS", 0.1)
    os.kill(process._process.pid, signal.SIGSTOP)
    with pytest.raises(GateError, match="does not answer"):
        process.set_clients([HERE], NAMING)
    assert not process.report().radius.alive  # nor does anybody get the answer to another's question
    until(lambda: not process.is_alive)


def test_one_that_does_not_even_read_is_given_up(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sekisho.daemon.radius_process.SEND_SECONDS", 1)
    process = scene.start(HERE)
    os.kill(process._process.pid, signal.SIGSTOP)
    many = [Client(f"bng{number}", ip_network("127.0.0.1"), SECRET) for number in range(20_000)]
    with pytest.raises(GateError, match="does not answer"):
        process.set_clients(many, NAMING)
    until(lambda: not process.is_alive)


def test_where_nothing_hears_any_more_it_ends_however_often_it_is_asked() -> None:
    deaf = cast(RadiusServer, SimpleNamespace(state=lambda: SimpleNamespace(alive=False)))
    ours, theirs = Pipe()
    with ours, theirs:
        ours.send(Ask.STATE)
        with pytest.raises(SystemExit):
            _asked(theirs, deaf)


def test_it_frees_its_port_when_the_daemon_is_killed(scene: Scene) -> None:
    command = (sys.executable, "-c", DAEMON, scene.url)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        port = int(daemon.stdout.readline())
        daemon.kill()

    def is_free() -> bool:
        try:
            scene.stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(
                ("127.0.0.1", port)
            )
        except OSError:
            return False
        return True

    until(is_free)
