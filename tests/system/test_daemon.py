"""The whole daemon in namespaces: real kernel program, real queues, real sessions.

line ── sub0 [gate] up0 ── server
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sekisho.gate import links
from tests.system.netns import Namespace, Net
from tests.system.scene import PATIENCE_SECONDS, SEKISHO, Daemon, GateScene
from tests.system.waiting import until

SERVER = "198.51.100.10"
HOOKS = ("tcx", "clsact")
WITHOUT_TCX = (
    "from sekisho.gate import links; links.has_tcx = lambda: False; from sekisho.cli import main; main()"
)
CONFIG = """\
[gate]
name = "{name}"
subscriber = ["sub0"]
uplink = ["up0"]
learn = "0s"
[[pool]]
prefix = "100.64.0.0/16"
class = "dynamic"
[class.dynamic]
mode = "enforce"
cap = 2
delay = "300ms"
excess = "reset"
"""


@dataclass(kw_only=True)
class Scene(GateScene):
    """A line, a gate and a server outside."""

    line: Namespace
    server: Namespace
    hook: str

    def start(self, *program: str) -> Daemon:
        """Start the daemon; for the old hook where there is TCX, one that does not find it."""
        if self.hook == "clsact" and links.has_tcx():
            program = (sys.executable, "-c", WITHOUT_TCX)
        return super().start(*program)

    def write(self, *changes: tuple[str, str]) -> None:
        self.write_text(CONFIG.format(name=self.name), *changes)

    def lay_line(self, net: Net) -> None:
        """Join the line to the gate."""
        net.veth(self.line, "eth0", self.gate, "sub0")
        self.line.address("eth0", "100.64.0.5/16")
        self.gate.address("sub0", "100.64.0.1/16")
        self.line.run("ip", "route", "add", "default", "via", "100.64.0.1")

    def connect(self) -> tuple[socket.socket, float]:
        """Open a session from the line; return it and how long it took (s)."""
        session = self.line.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        session.settimeout(PATIENCE_SECONDS)
        begun = time.monotonic()
        try:
            session.connect((SERVER, 25))
        except BaseException:
            session.close()
            raise
        return session, time.monotonic() - begun


ENDING_EARLY = """\
import os, signal
from sekisho.cli import main
from sekisho.daemon import service
service.Hold.start = lambda hold: os.kill(os.getpid(), signal.SIGTERM)
main()
"""

on_both_hooks = pytest.mark.parametrize("scene", HOOKS, indirect=True)


@pytest.fixture
def scene(net: Net, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """On the kernel's best hook, unless the test asks for one."""
    hook = getattr(request, "param", "tcx" if links.has_tcx() else "clsact")
    if hook == "tcx" and not links.has_tcx():
        pytest.skip("this kernel has no TCX (Linux 6.6)")
    line, gate, server = (net.namespace(label) for label in ("line", "gate", "server"))
    made = Scene(line=line, gate=gate, server=server, hook=hook, directory=tmp_path)
    net.veth(made.gate, "up0", made.server, "eth0")
    made.lay_line(net)
    made.gate.address("up0", "198.51.100.1/24")
    made.server.address("eth0", f"{SERVER}/24")
    made.gate.sysctl("net.ipv4.ip_forward", 1)
    made.server.run("ip", "route", "add", "default", "via", "198.51.100.1")
    listener = made.server.call(lambda: socket.create_server((SERVER, 25), backlog=64))
    made.write()
    try:
        yield made
    finally:
        listener.close()
        made.close()


@on_both_hooks
def test_up_holds_sessions_and_down_leaves_nothing(scene: Scene) -> None:
    daemon = scene.up()
    status = scene.status()
    assert status["state"] == "enforcing, delay by hold"
    assert {(one["name"], one["role"], one["hook"]) for one in status["interfaces"]} == {
        ("sub0", "subscriber", scene.hook),
        ("up0", "uplink", scene.hook),
    }
    assert status["daemon"]["pid"] == daemon.process.pid
    printed: dict[str, Any] = json.loads(scene.sekisho("gate", "status", "--json").stdout)
    assert printed.keys() == status.keys()
    session, seconds = scene.connect()
    with session:
        assert seconds >= 0.3
        status = scene.status()
        dynamic = status["classes"]["dynamic"]
        assert (dynamic["admitted"], dynamic["held"], dynamic["sessions"]) == (1, 1, 1)
        assert status["hold"]["released"] == 1  # and not the client's retransmission
    assert "detached" in scene.sekisho("gate", "down").stdout
    assert "gate is up" in daemon.ended()
    assert daemon.process.returncode == 0
    assert scene.leftovers() == []
    assert scene.status_away()["state"] == "not attached"
    assert "was not attached" in scene.sekisho("gate", "down").stdout


def test_set_takes_effect_with_the_next_session(scene: Scene) -> None:
    scene.up()
    scene.sekisho("gate", "set", "dynamic", "--delay", "0s")
    first, _ = scene.connect()
    second, _ = scene.connect()
    assert scene.status()["classes"]["dynamic"]["held"] == 0
    with pytest.raises(ConnectionRefusedError):
        scene.connect()
    scene.sekisho("gate", "set", "dynamic", "--cap", "3")
    third, _ = scene.connect()
    status = scene.status()["classes"]["dynamic"]
    assert (status["cap"], status["overridden"], status["file"]["cap"]) == (3, True, 2)
    assert (status["sessions"], status["refused"]) == (3, 1)
    scene.sekisho("gate", "set", "dynamic", "--mode", "observe")
    assert scene.status()["state"] == "observing"
    fourth, _ = scene.connect()
    assert scene.status()["classes"]["dynamic"]["over_cap"] == 1
    for session in (first, second, third, fourth):
        session.close()


def test_a_good_file_is_taken_and_a_bad_one_told(scene: Scene) -> None:
    daemon = scene.up()
    before = scene.status()["config"]["digest"]
    scene.write(("cap = 2", "cap = 4"))
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for("RELOADING=1")
    daemon.wait_for("READY=1")
    status = scene.status()
    assert status["classes"]["dynamic"]["cap"] == 4
    assert status["config"]["digest"] != before
    scene.write(("cap = 2", "cap = 0"), ('"100.64.0.0/16"', '"100.64.7.7/16"'))
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for("RELOADING=1")
    daemon.wait_for("READY=1")
    status = scene.status()
    assert status["classes"]["dynamic"]["cap"] == 4
    assert len(status["config"]["refused"]["problems"]) == 2
    assert "a cap of 0 would close port 25" in scene.sekisho("gate", "status").stdout
    log = daemon.end()
    assert "configuration refused" in log
    assert "100.64." not in log


@on_both_hooks
def test_a_killed_daemon_leaves_the_limits_and_the_next_takes_over(scene: Scene) -> None:
    first = scene.up()
    session, _ = scene.connect()
    scene.sekisho("gate", "set", "dynamic", "--cap", "9")
    first.end(signal.SIGKILL)
    away = scene.status_away()
    assert away["state"] == "enforcing, delay by retransmission (daemon away)"
    assert (away["classes"]["dynamic"]["cap"], away["classes"]["dynamic"]["sessions"]) == (9, 1)
    slow, seconds = scene.connect()
    assert seconds >= 0.9  # the client's own retransmission, after a second
    second = scene.up()
    status = scene.status()
    assert status["state"] == "enforcing, delay by hold"
    assert (status["classes"]["dynamic"]["admitted"], status["classes"]["dynamic"]["sessions"]) == (2, 2)
    assert status["classes"]["dynamic"]["cap"] == 2
    with pytest.raises(ConnectionRefusedError):
        scene.connect()
    for one in (session, slow):
        one.close()
    assert "the file's limit replaces the one found in the kernel" in second.end()


def test_a_daemon_that_is_told_to_end_leaves_the_gate_and_down_takes_it(scene: Scene) -> None:
    daemon = scene.up()
    daemon.end(signal.SIGTERM)
    assert daemon.process.returncode == 0
    assert scene.status_away()["state"] == "enforcing, delay by retransmission (daemon away)"
    assert not (Path("/run/sekisho") / f"{scene.name}.sock").exists()
    assert "detached" in scene.sekisho("gate", "down").stdout
    assert scene.leftovers() == []


@on_both_hooks
def test_an_interface_that_comes_back_is_limited_again(scene: Scene, net: Net) -> None:
    daemon = scene.up()
    scene.gate.run("ip", "link", "delete", "sub0")
    until(lambda: scene.status()["missing_interfaces"] == ["sub0"])
    assert scene.status()["state"] == "enforcing, delay by hold; not attached on sub0"
    assert "alarm: the gate is not on sub0" in scene.sekisho("gate", "status").stdout
    scene.lay_line(net)
    until(lambda: scene.status()["missing_interfaces"] == [])
    assert scene.status()["state"] == "enforcing, delay by hold"
    scene.connect()[0].close()
    assert scene.status()["classes"]["dynamic"]["held"] == 1
    log = daemon.end()
    assert "interface gone" in log
    assert "attached again" in log


@on_both_hooks
def test_down_clears_away_what_a_killed_daemon_left(scene: Scene) -> None:
    scene.up().end(signal.SIGKILL)
    assert "detached" in scene.sekisho("gate", "down").stdout
    assert scene.leftovers() == []


def test_in_another_namespace_neither_down_nor_up_touches_anything(scene: Scene) -> None:
    scene.up().end(signal.SIGKILL)
    for command in (("down", "--name", scene.name), ("up", "--config", str(scene.file))):
        refused = scene.line.run(SEKISHO, "gate", *command, check=False)
        assert refused.returncode == 1
        assert f"gate {scene.name!r} is in another network namespace" in refused.stderr
    assert scene.status_away()["state"] == "enforcing, delay by retransmission (daemon away)"
    assert "detached" in scene.sekisho("gate", "down").stdout
    assert scene.leftovers() == []


def test_a_second_daemon_of_the_same_gate_is_refused(scene: Scene) -> None:
    daemon = scene.up()
    second = scene.start()
    assert "another daemon runs for gate" in second.ended()
    assert second.process.returncode == 1
    assert scene.status()["daemon"]["pid"] == daemon.process.pid


def test_a_daemon_that_is_told_to_end_while_it_starts_leaves_nothing(scene: Scene) -> None:
    daemon = scene.start(sys.executable, "-c", ENDING_EARLY)
    assert "told to end while starting" in daemon.ended()
    assert daemon.process.returncode == 0
    assert scene.leftovers() == []


def test_an_interface_that_is_not_there_is_told_and_nothing_left(scene: Scene) -> None:
    scene.write(('"up0"', '"up1"'))
    daemon = scene.start()
    assert "up1" in daemon.ended()
    assert daemon.process.returncode == 1
    assert scene.leftovers() == []


def test_only_root_may_ask(scene: Scene) -> None:
    daemon = scene.up()
    path = Path("/run/sekisho") / f"{scene.name}.sock"
    path.chmod(0o666)  # so that the daemon alone decides
    code = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
        "s.sendall(b'GET /v1/gate HTTP/1.0\\r\\n\\r\\n'); print(len(s.recv(100)))"
    )
    asked = subprocess.run(
        ["/usr/bin/python3", "-c", code, str(path)],
        capture_output=True,
        text=True,
        user=65534,
        env={},
        timeout=PATIENCE_SECONDS,
    )
    assert asked.stdout != "100\n"
    log = daemon.end()
    assert "connection refused" in log
    assert "by_uid=65534" in log
    assert os.geteuid() == 0
