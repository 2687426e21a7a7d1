"""Lines in the whole daemon: accounting by FreeRADIUS's client, the kernel's tables, real sessions.

line (100.64.0.5, 100.64.0.6, 2001:db8:1::/56) ── sub0 [gate] up0 ── server
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from sekisho.gate import abi, bpf
from tests.system.netns import Namespace, Net
from tests.system.scene import PATIENCE_SECONDS, GateScene
from tests.system.waiting import until

SERVER = "198.51.100.10"
SECRET = "the secret of these tests"
CONFIG = """\
[gate]
name = "{name}"
subscriber = ["sub0"]
uplink = ["up0"]
learn = "0s"
[store]
url = "sqlite:///{store}"
[radius]
listen = ["127.0.0.1:1813", "[::1]:1813"]
[[radius.client]]
name = "bng1"
address = "127.0.0.1"
secret_file = "secret"
[[pool]]
prefix = "100.64.0.0/16"
class = "dynamic"
[[pool]]
prefix = "2001:db8:1::/48"
line = 56
class = "dynamic"
[class.dynamic]
mode = "enforce"
cap = 2
delay = "0s"
excess = "reset"
[class.fixed]
mode = "observe"
cap = 20
delay = "0s"
"""


@dataclass(kw_only=True)
class Scene(GateScene):
    """A line with two addresses, a gate that hears accounting, and a server outside."""

    line: Namespace
    server: Namespace

    @property
    def store(self) -> Path:
        return self.directory / "lines.db"

    def write(self, *changes: tuple[str, str]) -> None:
        self.write_text(CONFIG.format(name=self.name, store=self.store), *changes)

    def account(
        self, status: str, user: str, *addresses: str, login: str = "0001", at: int | None = None
    ) -> None:
        """Send accounting by radclient, and wait for the acknowledgement."""
        attributes = [
            f"Acct-Status-Type = {status}",
            f'Acct-Session-Id = "{login}"',
            f'User-Name = "{user}"',
            'NAS-Identifier = "bng1"',
            f"Event-Timestamp = {at or int(time.time())}",
        ]
        for text in addresses:
            network = ip_network(text)
            name = "Framed-IP-Address" if network.version == 4 else "Delegated-IPv6-Prefix"
            attributes.append(f"{name} = {ip_address(text) if network.version == 4 else network}")
        command = ("radclient", "-q", "-r", "5", "-t", "3", "127.0.0.1:1813", "acct", SECRET)
        self.gate.run(*command, text_in="\n".join(attributes))

    def addresses(self) -> dict[str, int]:
        """Return who holds what by the kernel's table."""
        fd = bpf.get_pinned(f"/sys/fs/bpf/sekisho/{self.name}/addresses")
        try:
            entries = bpf.read_all(fd)
        finally:
            os.close(fd)
        found = {}
        for key, value in entries.items():
            packed, _, length = struct.unpack(abi.ADDRESS_KEY.format, key)
            address = ip_address(packed)
            mapped = address.ipv4_mapped if address.version == 6 else None
            text = f"{mapped}" if mapped else f"{address}/{length}"
            found[text] = int.from_bytes(value, "little")
        return found

    def wait_for(self, *held: str) -> None:
        """Wait until the kernel knows just these addresses."""
        until(lambda: self.addresses().keys() == set(held))

    def connect(self, source: str) -> socket.socket:
        """Open a session from one of the line's addresses."""
        session = self.line.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        session.settimeout(PATIENCE_SECONDS)
        try:
            session.bind((source, 0))
            session.connect((SERVER, 25))
        except BaseException:
            session.close()
            raise
        return session

    def ask(self, *arguments: str, check: bool = True) -> dict[str, Any]:
        """Run a command about lines and return what it prints as JSON."""
        done = self.sekisho("line", *arguments, "--json", check=check)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


@pytest.fixture
def scene(net: Net, tmp_path: Path) -> Iterator[Scene]:
    line, gate, server = (net.namespace(label) for label in ("line", "gate", "server"))
    made = Scene(line=line, gate=gate, server=server, directory=tmp_path)
    net.veth(made.line, "eth0", made.gate, "sub0")
    net.veth(made.gate, "up0", made.server, "eth0")
    made.line.address("eth0", "100.64.0.5/16", "100.64.0.6/16")
    made.gate.address("sub0", "100.64.0.1/16")
    made.gate.address("up0", "198.51.100.1/24")
    made.server.address("eth0", f"{SERVER}/24")
    made.gate.sysctl("net.ipv4.ip_forward", 1)
    made.line.run("ip", "route", "add", "default", "via", "100.64.0.1")
    made.server.run("ip", "route", "add", "default", "via", "198.51.100.1")
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    listener = made.server.call(lambda: socket.create_server((SERVER, 25), backlog=64))
    made.write()
    try:
        yield made
    finally:
        listener.close()
        made.close()


def test_two_addresses_of_a_line_have_one_count(scene: Scene) -> None:
    scene.up()
    scene.account("Start", "alice", "100.64.0.5", "2001:db8:1:100::/56")
    scene.wait_for("100.64.0.5", "2001:db8:1:100::/56")
    scene.account("Start", "alice", "100.64.0.6", login="0002")
    scene.wait_for("100.64.0.5", "2001:db8:1:100::/56", "100.64.0.6")
    assert len(set(scene.addresses().values())) == 1
    with scene.connect("100.64.0.5"), scene.connect("100.64.0.6"):
        with pytest.raises(ConnectionRefusedError):
            scene.connect("100.64.0.5")
        with pytest.raises(ConnectionRefusedError):
            scene.connect("100.64.0.6")


def test_a_line_that_reconnects_keeps_its_count(scene: Scene) -> None:
    scene.up()
    scene.account("Start", "alice", "100.64.0.5")
    scene.wait_for("100.64.0.5")
    with scene.connect("100.64.0.5"), scene.connect("100.64.0.5"):
        scene.account("Stop", "alice", "100.64.0.5")
        scene.account("Start", "alice", "100.64.0.6", login="0002")
        scene.wait_for("100.64.0.6")
        with pytest.raises(ConnectionRefusedError):
            scene.connect("100.64.0.6")


def test_holder_now_and_before(scene: Scene) -> None:
    scene.up()
    begin = int(time.time()) - 3600
    scene.account("Start", "alice", "100.64.0.5", at=begin)
    scene.account("Start", "bob", "100.64.0.5", at=begin + 1800, login="0002")

    def holder(seconds: int) -> dict[str, Any]:
        at = datetime.fromtimestamp(begin + seconds, UTC).isoformat()
        return scene.ask("holder", "100.64.0.5", "--at", at, "--purpose", "report")

    assert holder(600)["line"] == "alice"
    assert holder(2400)["line"] == "bob"
    assert holder(-600)["answer"] == "nobody"
    doubtful = holder(1799)
    assert doubtful["answer"] == "ambiguous"
    assert {one["line"] for one in doubtful["candidates"]} == {"alice", "bob"}


def test_a_look_without_purpose_is_refused_and_recorded(scene: Scene) -> None:
    scene.up()
    scene.account("Start", "alice", "100.64.0.5")
    done = scene.sekisho("line", "show", "alice", check=False)
    assert done.returncode != 0
    assert "purpose" in done.stderr
    shown = scene.ask("show", "alice", "--purpose", "customer-request")
    assert shown["class_name"] == "dynamic"
    log = scene.sekisho("audit", "log").stdout
    assert log.count("alice") >= 2
    assert scene.sekisho("audit", "verify").returncode == 0


def test_an_audit_log_that_was_changed_is_found_out(scene: Scene) -> None:
    daemon = scene.up()
    scene.account("Start", "alice", "100.64.0.5")
    scene.ask("show", "alice", "--purpose", "case")
    scene.ask("show", "alice", "--purpose", "case")
    daemon.end()
    with sqlite3.connect(scene.store) as database:
        assert database.execute("UPDATE audit SET subject = 'bob' WHERE number = 1").rowcount == 1
    database.close()
    scene.up()
    done = scene.sekisho("audit", "verify", check=False)
    assert done.returncode == 1
    assert "1" in done.stdout + done.stderr


def test_relief_lets_a_line_go_until_it_is_ended(scene: Scene) -> None:
    scene.up()
    scene.account("Start", "alice", "100.64.0.5")
    scene.wait_for("100.64.0.5")
    with scene.connect("100.64.0.5"), scene.connect("100.64.0.5"):
        with pytest.raises(ConnectionRefusedError):
            scene.connect("100.64.0.5")
        until_date = "2099-01-01"
        refused = scene.sekisho(
            "line", "relief", "alice", "--until", until_date, "--reason", "x", check=False
        )
        assert refused.returncode != 0
        soon = datetime.fromtimestamp(time.time() + 86_400, UTC).isoformat()
        scene.ask("relief", "alice", "--until", soon, "--reason", "own mail server")
        until(lambda: connects(scene))
        scene.ask("relief", "alice", "--end", "--reason", "no longer needed")
        until(lambda: not connects(scene))


def connects(scene: Scene) -> bool:
    try:
        scene.connect("100.64.0.5").close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_restart_brings_the_roster_back_and_keeps_counts(scene: Scene) -> None:
    daemon = scene.up()
    scene.account("Start", "alice", "100.64.0.5")
    scene.account("Start", "alice", "100.64.0.6", login="0002")
    scene.wait_for("100.64.0.5", "100.64.0.6")
    with scene.connect("100.64.0.5"), scene.connect("100.64.0.6"):
        daemon.end(signal.SIGKILL)
        scene.up()
        scene.wait_for("100.64.0.5", "100.64.0.6")
        with pytest.raises(ConnectionRefusedError):
            scene.connect("100.64.0.6")


def test_what_was_acknowledged_survives_a_kill(scene: Scene) -> None:
    daemon = scene.up()
    for number in range(20):
        scene.account("Start", f"line{number}", f"100.64.1.{number}", login=f"{number:04}")
    daemon.end(signal.SIGKILL)
    scene.up()
    scene.wait_for(*(f"100.64.1.{number}" for number in range(20)))


def test_an_accounting_on_ends_all_logins(scene: Scene) -> None:
    scene.up()
    now = int(time.time())
    for number in range(5):
        scene.account("Start", f"line{number}", f"100.64.1.{number}", login=f"{number:04}", at=now - 60)
    scene.wait_for(*(f"100.64.1.{number}" for number in range(5)))
    scene.account("Accounting-On", "", login="", at=now - 30)
    scene.wait_for()


def test_a_list_is_imported_whole_or_not_at_all(scene: Scene) -> None:
    scene.up()
    good, bad = scene.directory / "good.csv", scene.directory / "bad.csv"
    good.write_text("line,class,addresses,fixed\noffice,fixed,100.64.9.1 100.64.9.2,yes\n")
    bad.write_text("line,class,addresses,fixed\nshop,fixed,100.64.9.3,yes\nshop2,fixed,203.0.113.1,yes\n")
    scene.ask("import", str(good))
    scene.wait_for("100.64.9.1", "100.64.9.2")
    refused = scene.sekisho("line", "import", str(bad), check=False)
    assert refused.returncode != 0
    assert "3" in refused.stderr
    assert scene.addresses().keys() == {"100.64.9.1", "100.64.9.2"}


def test_the_configured_list_follows_a_reload(scene: Scene) -> None:
    listed = scene.directory / "lines.csv"
    listed.write_text("line,class,addresses,fixed\noffice,fixed,100.64.9.1,yes\n")
    scene.write(("[radius]", '[lines]\nfile = "lines.csv"\n[radius]'))
    daemon = scene.up()
    scene.wait_for("100.64.9.1")
    listed.write_text("line,class,addresses,fixed\noffice,fixed,100.64.9.2,yes\n")
    daemon.process.send_signal(signal.SIGHUP)
    scene.wait_for("100.64.9.2")


def test_without_a_store_questions_say_so(scene: Scene) -> None:
    text = CONFIG.format(name=scene.name, store=scene.store)
    begin, end = text.index("[store]"), text.index("[[pool]]")
    scene.file.write_text(text[:begin] + text[end:])
    scene.up()
    done = scene.sekisho("line", "show", "alice", "--purpose", "case", check=False)
    assert done.returncode != 0
    assert "[store]" in done.stderr


def test_a_store_that_is_away_stops_acknowledgements_only(scene: Scene) -> None:
    scene.write((f"sqlite:///{scene.store}", f"sqlite:///{scene.directory}/away/lines.db"))
    scene.up()
    with pytest.raises(RuntimeError, match="radclient"):
        scene.account("Start", "alice", "100.64.0.5")
    with scene.connect("100.64.0.5"), scene.connect("100.64.0.5"), pytest.raises(ConnectionRefusedError):
        scene.connect("100.64.0.5")
    (scene.directory / "away").mkdir()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            scene.account("Start", "alice", "100.64.0.5")
        except RuntimeError:
            assert time.monotonic() < deadline
        else:
            break
    scene.wait_for("100.64.0.5")


def test_a_wrong_secret_is_not_heard(scene: Scene) -> None:
    scene.up()
    command = ("radclient", "-q", "-r", "1", "-t", "1", "127.0.0.1:1813", "acct", "another secret, and wrong")
    done = scene.gate.run(
        *command,
        text_in='Acct-Status-Type = Start\nAcct-Session-Id = "1"\nUser-Name = "mallory"\n'
        "Framed-IP-Address = 100.64.0.5\n",
        check=False,
    )
    assert isinstance(done, subprocess.CompletedProcess)
    assert done.returncode != 0
    assert scene.addresses() == {}
