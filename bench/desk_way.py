"""The desk's way in: ARF mail by LMTP to attributed and stored, on SQLite, beside a million leases in force.

Sixteen clients in a process of their own send; door and settler are the daemon's, in this process. Wall time,
so that it is a figure of the machine as it is.
"""

from __future__ import annotations

import random
import smtplib
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet

from bench.rows import Row, at_least
from sekisho.daemon.desk_cases import Desk
from sekisho.daemon.desk_doors import Inbox
from sekisho.daemon.desk_settler import DeskSettler
from sekisho.desk.attribute import SKEW, Found, ours
from sekisho.desk.policy import Policy
from sekisho.lines.events import Lease
from sekisho.lines.roster import Treatment
from sekisho.model import Address, Limit, Mode
from sekisho.receiving import Door, Doorkeeper
from sekisho.sealing import Sealer
from sekisho.store import Store, open_store
from tests.desk import letters
from tests.desk.letters import Facts

LEASES: Final = 1_000_000
REPORTS: Final = 4_000
_CLIENTS: Final = 16
_WANTED_A_SECOND: Final = 200
_CHUNK: Final = 20_000
_POOL: Final = IPv4Network("10.0.0.0/8")
_BEGIN: Final = datetime(2026, 11, 1, tzinfo=UTC)
_MAILBOX: Final = "abuse@example.net"


def measure(leases: int = LEASES, reports: int = REPORTS) -> Iterator[Row]:
    """Yield how many reports a second go the whole way."""
    with (
        tempfile.TemporaryDirectory() as directory,
        closing(open_store(f"sqlite:///{Path(directory) / 'gate.db'}")) as store,
    ):
        _fill(store, leases)
        seconds, attributed = _way(store, _reports(leases, reports))
    if attributed != reports:
        raise RuntimeError(f"{attributed} of {reports} reports are attributed")
    name = f"desk: ARF by LMTP to attributed and stored a second, beside {leases:,} leases in force, SQLite"
    yield at_least(name, reports / seconds, "1/s", _WANTED_A_SECOND)


def _fill(store: Store, leases: int) -> None:
    for first in range(0, leases, _CHUNK):
        some = [
            Lease(Address(_POOL[number].packed, 32), _BEGIN, number.to_bytes(8, "big"), number + 1)
            for number in range(first, min(first + _CHUNK, leases))
        ]
        with store.transaction() as transaction:
            transaction.change_leases((), some)


def _reports(leases: int, count: int) -> list[bytes]:
    dice = random.Random(1)
    found = []
    for number in range(count):
        address = IPv4Address(_POOL[dice.randrange(leases)])
        date = letters.rfc5322(_BEGIN + timedelta(hours=1, seconds=number))
        enclosed = letters.message([letters.postfix(address, date)], number)
        found.append(letters.arf(Facts(address, None, date, enclosed, number), dice))
    return found


def _way(store: Store, reports: Sequence[bytes]) -> tuple[float, int]:
    """Return how many seconds reports take the whole way, and how many come to a line."""
    now = _BEGIN + timedelta(days=1)
    sealer = Sealer(Fernet.generate_key())
    treatment = Treatment(lambda _: "dynamic", {"dynamic": Limit(Mode.ENFORCE, 5, 1_000)})
    desk = Desk(ours([_POOL], []), {"dynamic": Policy()}, treatment, SKEW, 1_000_000)
    settler = DeskSettler(
        store,
        desk=lambda: desk,
        sealer=lambda: sealer,
        settle_lines=lambda: None,
        on_actions=lambda _: None,
        utc=lambda: now,
    )
    inbox = Inbox(store, lambda: sealer, lambda: now, settler.look)
    door = Doorkeeper(
        (Door(("127.0.0.1", 0), is_lmtp=True),),
        inbox.take,
        recipients=lambda: {_MAILBOX},
        clients=tuple,
        most=10_000_000,
    )
    door.start()
    settler.start()
    try:
        begin = time.perf_counter()
        sender = get_context("spawn").Process(target=_send, args=(door.ports[0], reports))
        sender.start()
        sender.join()
        while _unread(store):
            time.sleep(0.05)
        return time.perf_counter() - begin, _attributed(store, len(reports))
    finally:
        door.stop()
        settler.stop()


def _send(port: int, reports: Sequence[bytes]) -> None:
    with ThreadPoolExecutor(_CLIENTS) as pool:
        list(
            pool.map(lambda some: _send_some(port, some), [reports[one::_CLIENTS] for one in range(_CLIENTS)])
        )


def _send_some(port: int, reports: Sequence[bytes]) -> None:
    with smtplib.LMTP("127.0.0.1", port) as client:
        for one in reports:
            while client.sendmail("", [_MAILBOX], one):
                time.sleep(0.1)


def _unread(store: Store) -> int:
    with store.reading() as transaction:
        return transaction.count_unread(1)


def _attributed(store: Store, reports: int) -> int:
    with store.reading() as transaction:
        found = (transaction.incidents_of(number) for number in range(1, reports + 1))
        return sum(one.found is Found.ATTRIBUTED for some in found for one in some)
