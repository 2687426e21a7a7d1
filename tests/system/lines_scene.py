"""A daemon that keeps lines: accounting by FreeRADIUS's client, the kernel's tables, real sessions.

line (100.64.0.5, 100.64.0.6) ── sub0 [gate] up0 ── server
"""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

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


@contextmanager
def lines_scene(net: Net, directory: Path) -> Iterator[Scene]:
    """Lay a line, a gate that is not up yet, and a server; take them away afterwards."""
    line, gate, server = (net.namespace(label) for label in ("line", "gate", "server"))
    made = Scene(line=line, gate=gate, server=server, directory=directory)
    net.veth(made.line, "eth0", made.gate, "sub0")
    net.veth(made.gate, "up0", made.server, "eth0")
    made.line.address("eth0", "100.64.0.5/16", "100.64.0.6/16")
    made.gate.address("sub0", "100.64.0.1/16")
    made.gate.address("up0", "198.51.100.1/24")
    made.server.address("eth0", f"{SERVER}/24")
    made.gate.sysctl("net.ipv4.ip_forward", 1)
    made.line.run("ip", "route", "add", "default", "via", "100.64.0.1")
    made.server.run("ip", "route", "add", "default", "via", "198.51.100.1")
    secret = directory / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    listener = made.server.call(lambda: socket.create_server((SERVER, 25), backlog=64))
    made.write()
    try:
        yield made
    finally:
        listener.close()
        made.close()
