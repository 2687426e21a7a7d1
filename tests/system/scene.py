"""`sekisho gate up` in a namespace, and the commands of whoever operates it."""

from __future__ import annotations

import json
import secrets
import signal
import socket
import subprocess
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sekisho.api.client import AwayError, ask
from tests.system.netns import Namespace
from tests.system.patience import patience

SEKISHO = str(Path(sysconfig.get_path("scripts")) / "sekisho")
PATIENCE_SECONDS = patience(120)


@dataclass
class Daemon:
    """`sekisho gate up` in a namespace, with what it tells its service manager."""

    process: subprocess.Popen[str]
    manager: socket.socket

    def wait_for(self, line: str) -> None:
        """Wait until the daemon has told this."""
        try:
            while line not in self.manager.recv(4096).decode().split("\n"):
                pass
        except TimeoutError:
            self.process.kill()
            raise AssertionError(f"no {line}; the daemon's log:\n{self.process.communicate()[0]}") from None

    def end(self, number: signal.Signals = signal.SIGTERM) -> str:
        """Send a signal, wait for the end and return the log."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> str:
        """Wait for the end and return the log."""
        return self.process.communicate(timeout=PATIENCE_SECONDS)[0]


@dataclass(kw_only=True)
class GateScene:
    """A namespace with a gate in it, or soon; the gate's name is unique on this machine."""

    gate: Namespace
    directory: Path
    name: str = field(default_factory=lambda: f"test-{secrets.token_hex(4)}")
    managers: list[socket.socket] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.directory / "sekisho.toml"

    def write_text(self, text: str, *changes: tuple[str, str]) -> None:
        """Write the configuration, with changes to its text."""
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.file.write_text(text)

    def up(self) -> Daemon:
        """Start the daemon and wait until it is ready."""
        daemon = self.start()
        daemon.wait_for("READY=1")
        return daemon

    def start(self, *program: str) -> Daemon:
        """Start the daemon; `program` stands for the command where a test needs another one."""
        path = self.directory / f"notify-{len(self.managers)}"
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.managers.append(manager)
        manager.bind(str(path))
        manager.settimeout(PATIENCE_SECONDS)
        command = (*(program or (SEKISHO,)), "gate", "up", "--config", str(self.file))
        return Daemon(self.gate.start("env", f"NOTIFY_SOCKET={path}", *command), manager)

    def sekisho(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.gate.run(SEKISHO, *arguments, "--name", self.name, check=check)

    def status(self) -> dict[str, Any]:
        """Ask the daemon."""
        found: dict[str, Any] = ask(self.name, "GET", "/v1/gate")
        return found

    def status_away(self) -> dict[str, Any]:
        """Ask the command line, which finds no daemon."""
        with pytest.raises(AwayError):
            ask(self.name, "GET", "/v1/gate")
        found: dict[str, Any] = json.loads(self.sekisho("gate", "status", "--json").stdout)
        return found

    def leftovers(self) -> list[str]:
        """Name what of the gate is still on the machine."""
        places = (Path("/sys/fs/bpf/sekisho"), Path("/run/sekisho"))
        found = [str(path) for place in places if place.exists() for path in place.glob(f"{self.name}*")]
        rules = self.gate.run("nft", "list", "ruleset").stdout
        # iptables' rules show no comment here; no other program queues in this namespace
        return found + [line for line in rules.splitlines() if self.name in line or "queue" in line]

    def close(self) -> None:
        """Take the gate down, if it still is up, and see that nothing is left."""
        if self.leftovers():
            self.sekisho("gate", "down", check=False)
        for manager in self.managers:
            manager.close()
        assert self.leftovers() == []
