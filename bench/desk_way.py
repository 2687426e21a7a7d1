"""The desk's way in: ARF by LMTP to attributed and stored, beside a million leases and ten million past ones.

The whole daemon with a SQLite file, a copy of one that is built once; a mail server in a process of its own.
Half of the reports are about past leases at random, most of them of another line each; half are about a few
lines that spam now, so that cases grow and are decided. What came of each is compared with what is true.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import IPv4Address
from typing import Final, NamedTuple

from cryptography.fernet import Fernet

from bench import nas
from bench.history import History
from bench.lmtp import Handed, hand_over
from bench.rows import Row, at_least, at_most
from bench.site import Site, processor_seconds, site
from sekisho.api.client import ask
from sekisho.desk.attribute import Found
from sekisho.desk.records import KeptIncident
from sekisho.receiving import with_return_path
from sekisho.store import Store, open_store
from tests.desk import letters
from tests.desk.letters import Facts

HISTORY: Final = History(addresses=1_000_000, each=10)
REPORTS: Final = 6_000
ROOM: Final = 1 << 20

_WANTED_A_SECOND: Final = 200
_REPORTERS: Final = 500
_SPAMMING: Final = 100  # lines that half of the reports are about; the log of more would fill its pipe
_PORT: Final = 2424
_MAILBOX: Final = "abuse@example.net"
_LOOK_SECONDS: Final = 0.05
_PATIENCE_SECONDS: Final = 300.0
_DESK: Final = f"""\
[alerts.mail]
server = "127.0.0.1:25"
from = "{_MAILBOX}"
to = ["{_MAILBOX}"]
[desk]
key_file = "desk-key"
from = "{_MAILBOX}"
authserv_ids = ["{letters.MX}"]
trusted = {json.dumps([f"provider{number}.example" for number in range(_REPORTERS)])}
[desk.intake]
lmtp = "127.0.0.1:{_PORT}"
recipients = ["{_MAILBOX}"]
"""


@dataclass(frozen=True)
class _Facts(Facts):
    """Facts that one of many reports."""

    @property
    def domain(self) -> str:
        """Return whose report it is."""
        return f"provider{self.number % _REPORTERS}.example"

    @property
    def reporter(self) -> str:
        """Return who reports."""
        return f"fbl@{self.domain}"


class Truth(NamedTuple):
    """Of which line, and of which moment, a report has to be."""

    line: int
    moment: datetime


class Figures(NamedTuple):
    """How the reports came in, until when (CLOCK_MONOTONIC), and the daemon's processor time meanwhile."""

    handed: Handed
    end: float
    processor_seconds: float


def measure() -> Iterator[Row]:
    """Yield how many reports a second go the whole way."""
    if (seconds := HISTORY.keep()) is not None:
        yield Row("desk, leases: building the file once", seconds, "s")
    made = dict(_reports(REPORTS, datetime.now(UTC)))
    with site() as where:
        where.configure(where.file_url, ROOM, _DESK)
        where.put_secret("desk-key", Fernet.generate_key().decode())
        shutil.copyfile(HISTORY.path, where.directory / "lines.db")
        daemon = where.up()
        _wait_until_whole(where)
        yield Row("desk: load of the machine before (1 minute)", os.getloadavg()[0], "")
        with closing(open_store(where.url)) as store:
            before = processor_seconds(daemon)
            handed = hand_over(where.gate, _PORT, _MAILBOX, list(made))
            _wait_until_read(store)
            figures = Figures(handed, time.monotonic(), processor_seconds(daemon) - before)
            found = dict(_found(store, len(made)))
        daemon.end()
    kept = {sha256(with_return_path(data, "")).digest(): truth for data, truth in made.items()}
    yield from judge(figures, found, kept)


def judge(
    figures: Figures, found: Mapping[bytes, Sequence[KeptIncident]], truths: Mapping[bytes, Truth]
) -> Iterator[Row]:
    """Give the rows; `found`: the incidents of what is stored. Both maps are by the digests of originals."""
    handed, count = figures.handed, len(truths)
    name = (
        f"desk: ARF by LMTP, beside {HISTORY.addresses:,} leases in force"
        f" and {HISTORY.addresses * HISTORY.each:,} past, SQLite"
    )
    rate = count / (figures.end - handed.begin)
    yield at_least(f"{name}: attributed and stored", rate, "1/s", _WANTED_A_SECOND)
    yield Row(f"{name}: taken in", count / (handed.end - handed.begin), "1/s")
    yield Row(f"{name}: sent again, as too many came at a time", handed.again, "reports")
    used = figures.processor_seconds / count * 1_000
    yield Row(f"{name}: processor time of the daemon, each", used, "ms")
    wrong = sum(_is_wrong(incidents, truths.get(digest)) for digest, incidents in found.items())
    right = sum(_is_right(found.get(digest, ()), truth) for digest, truth in truths.items())
    yield at_most(f"{name}: attributed to a wrong line or moment", wrong, "reports", 0)
    yield at_most(f"{name}: not attributed", count - right, "reports", 0)


def _reports(count: int, now: datetime) -> Iterator[tuple[bytes, Truth]]:
    dice = random.Random(1)
    for number in range(count):
        address, lease, moment = _past(dice) if number % 2 else _recent(dice, now)
        at = moment.replace(microsecond=0)
        ip, date = IPv4Address(nas.FIRST + address), letters.rfc5322(at, dice.choice((0, 540, -480)))
        enclosed = letters.message([dice.choice(letters.SERVERS)(ip, date, None)], number)
        facts = _Facts(ip, None, date, enclosed, number)
        data = letters.delivered(letters.arf(facts, dice), facts.domain)
        yield re.sub(rb"\r?\n", b"\r\n", data), Truth(HISTORY.line(address, lease), at)


def _past(dice: random.Random) -> tuple[int, int, datetime]:
    """Return an address and a lease of it at random, and a moment of that."""
    address, lease = dice.randrange(HISTORY.addresses), dice.randrange(HISTORY.each)
    return address, lease, HISTORY.moment(address, lease, dice)


def _recent(dice: random.Random, now: datetime) -> tuple[int, int, datetime]:
    """Return the address of a line that spams, its lease in force, and a moment of the last three days."""
    return dice.randrange(_SPAMMING), HISTORY.each, now - dice.random() * timedelta(days=3)


def _wait_until_whole(where: Site) -> None:
    """Wait until the gate has all lines, so that its start is not measured."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while not ask(where.name, "GET", "/v1/lines/status")["gate_is_whole"]:
        if time.monotonic() > until:
            raise RuntimeError("the leases are not in the kernel in time")
        time.sleep(_LOOK_SECONDS)


def _wait_until_read(store: Store) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while _unread(store):
        if time.monotonic() > until:
            raise RuntimeError("the reports are not read in time")
        time.sleep(_LOOK_SECONDS)


def _unread(store: Store) -> int:
    with store.reading() as transaction:
        return transaction.count_unread(1)


def _found(store: Store, count: int) -> Iterator[tuple[bytes, tuple[KeptIncident, ...]]]:
    """Yield what is stored of each report, with the digest of its original."""
    with store.reading() as transaction:
        for number in range(1, count + 1):
            kept = transaction.report(number)
            if kept is not None:
                yield kept.digest, transaction.incidents_of(number)


def _is_wrong(incidents: Sequence[KeptIncident], truth: Truth | None) -> bool:
    given = {
        Truth(one.line, one.moment) for one in incidents if one.line is not None and one.moment is not None
    }
    return bool(given - {truth})


def _is_right(incidents: Sequence[KeptIncident], truth: Truth) -> bool:
    found = [(one.found, one.line, one.moment) for one in incidents]
    return found == [(Found.ATTRIBUTED, *truth)]
