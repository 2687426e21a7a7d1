"""A daemon with a desk: reports come by LMTP, customers get mail, lines are of a list.

line (home-4: 100.64.0.5, home-5: 100.64.0.6) ── sub0 [gate] up0 ── server
"""

from __future__ import annotations

import os
import random
import smtplib
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import httpx
from cryptography.fernet import Fernet

from sekisho.api.client import ask
from sekisho.gate import abi, bpf
from sekisho.gate.kernel import read_pinned
from sekisho.gate.roster import known_rows, read_known
from sekisho.model import Excess, KnownLine, Limit, Mode
from sekisho.store import Transaction
from sekisho.store.read_only import reading_only
from tests.desk import letters
from tests.desk.letters import Facts
from tests.system.lines_scene import Scene
from tests.system.waiting import until

MAILBOX = "abuse@example.net"
SMTP_PORT, HTTP_PORT = 2500, 8025
LOOPS = 10  # parties, the first, that are trusted
OWN = Limit(Mode.ENFORCE, 1, 0, Excess.RESET)
CONFIG = """\
[alerts.mail]
server = "127.0.0.1:{smtp}"
from = "sekisho@example.net"
to = ["noc@example.net"]
[desk]
key_file = "desk-key"
evidence_key_file = "evidence"
from = "{mailbox}"
authserv_ids = ["{mx}"]
trusted = {trusted}
skew = "0s"
grave = []
[desk.class.dynamic]
stop_request = {{ reporters = 1, within = "7d" }}
limit = {{ reporters = 2, within = "7d" }}
proposal = {{ reporters = 2, within = "7d" }}
grace = "0s"
cap = 1
delay = "0s"
excess = "reset"
[desk.notices.en]
provider = "Example Communications"
contact = "Support, +81 3 0000 0000"
[desk.intake]
lmtp = "{lmtp}"
http = "127.0.0.1:{http}"
tokens_file = "reporters"
recipients = ["{mailbox}"]
"""
LINE = """\
[[line]]
name = "{name}"
class = "dynamic"
addresses = ["{address}"]
contact = "{name}@example.net"
"""


@dataclass(frozen=True)
class DeskScene:
    """A scene of lines whose daemon has a desk."""

    scene: Scene

    @property
    def lmtp(self) -> Path:
        return self.scene.directory / "lmtp"

    def write(self, lines: dict[str, str]) -> None:
        """Write the configuration; `lines`: their addresses, by name."""
        loops = [_domain(number) for number in range(LOOPS)]
        desk = CONFIG.format(
            smtp=SMTP_PORT,
            mailbox=MAILBOX,
            mx=letters.MX,
            trusted=loops,
            lmtp=self.lmtp,
            http=HTTP_PORT,
        )
        listed = "".join(LINE.format(name=name, address=address) for name, address in lines.items())
        self.scene.write(("[store]", listed + desk + "[store]"))
        key = self.scene.directory / "desk-key"
        key.write_bytes(Fernet.generate_key())
        key.chmod(0o600)
        tokens = self.scene.directory / "reporters"
        tokens.write_text("".join(f"{domain} {_token(domain)}\n" for domain in loops))
        tokens.chmod(0o600)
        key = self.scene.directory / "evidence"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
        subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", f"{key}.pub"], check=True)

    def ask(self, method: str, path: str, **body: str) -> dict[str, Any]:
        """Ask the daemon at the desk."""
        found: dict[str, Any] = ask(self.scene.name, method, f"/v1/desk/{path}", body or None)
        return found

    def state(self, case: int = 1) -> str:
        """Tell where a case stands; a case that is not there yet stands nowhere."""
        known = {one["number"]: one["state"] for one in self.ask("GET", "cases")["cases"]}
        return str(known.get(case, ""))

    def request(self) -> str:
        """Tell what became of the first case's stop request."""
        return str(self.ask("GET", "cases")["cases"][0]["request"]["reached"])

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Read the daemon's store beside it."""
        with reading_only(f"sqlite:///{self.scene.store}") as transaction:
            yield transaction

    def in_kernel(self, line: int) -> KnownLine:
        """Return how the kernel treats a line."""
        tables, _ = read_pinned(self.scene.name)
        fd = bpf.get_pinned(f"/sys/fs/bpf/sekisho/{self.scene.name}/known")
        try:
            return read_known(bpf.lookup(fd, known_rows((line,)).tobytes(), abi.KNOWN_SIZE), tables)
        finally:
            os.close(fd)

    def report(self, *reports: bytes) -> None:
        """Hand reports over by LMTP, each of which has to be taken."""
        with smtplib.LMTP(str(self.lmtp)) as client:
            for one in reports:
                assert client.sendmail("fbl@reports.example.net", [MAILBOX], one) == {}

    def post(self, report: bytes, number: int) -> int:
        """Hand a report over by HTTP, with the token of the party of a number; return the answer's status."""
        headers = {"Authorization": f"Bearer {_token(_domain(number))}"}
        url = f"http://127.0.0.1:{HTTP_PORT}/v1/desk/reports"
        return self.scene.gate.call(lambda: httpx.post(url, content=report, headers=headers).status_code)

    def sessions(self, address: str, wanted: int) -> int:
        """Try so many sessions at once from an address; tell how many were let through."""
        found: list[socket.socket] = []
        for _ in range(wanted):
            with suppress(ConnectionRefusedError):
                found.append(self.scene.connect(address))
        for one in found:  # by a reset, which frees its slot at once
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()
        return len(found)


def arf(address: str, at: datetime, number: int) -> bytes:
    """Return an ARF report about an address; `number`: of the message, and of the party that reports it."""
    host, date = IPv4Address(address), letters.rfc5322(at)
    facts = Facts(host, None, date, letters.message([letters.postfix(host, date)], number), number)
    domain = _domain(number)
    made = letters.arf(facts, random.Random(number))
    ours = made.replace(facts.reporter.encode(), f"fbl@{domain}".encode())
    return letters.delivered(ours, domain).replace(b"\n", b"\r\n")


def _domain(number: int) -> str:
    return f"reporter-{number}.example"


def _token(domain: str) -> str:
    return f"a token of these tests, of {domain}".replace(" ", "-")


def next_second() -> datetime:
    """Wait for a second to begin: reports tell whole ones, and leases begin within one."""
    before = int(time.time())
    until(lambda: int(time.time()) > before)
    return datetime.fromtimestamp(before + 1, UTC)
