"""The whole daemon that starts with a million leases in force in its store: an empty gate, and a restart.

The store is filled through its own functions, without the logins that the leases came of: a start reads none.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench import nas
from bench.rows import Row, at_most
from bench.site import Site, memory_mib, site
from sekisho.api.client import ask
from sekisho.gate import abi, bpf
from sekisho.lines.events import LOGIN_KEY_BYTES, Lease
from sekisho.model import Address
from sekisho.store import Store, open_store
from tests.system.scene import Daemon

LINES: Final = 1_000_000  # with an address each
MOVED_EACH: Final = 200  # of so many addresses one is with another line after the restart
SWITCHES: Final = 100
ROOM: Final = 1 << 20

_LINE_BYTES: Final = 8
_BATCH: Final = 20_000
_LOOK_SECONDS: Final = 0.05
_PATIENCE_SECONDS: Final = 300.0
_BEFORE: Final = datetime(2026, 1, 1, tzinfo=UTC)


class Start(NamedTuple):
    """Seconds from the start of a daemon until it was up, and until the kernel had all leases; its memory."""

    up: float
    whole: float
    memory_mib: float


def measure() -> Iterator[Row]:
    """Fill a store, start the daemon, end it, let some leases change hands, and start it again."""
    with site() as where:
        where.configure(where.file_url, ROOM)
        store = open_store(where.url)
        try:
            lines = fill(store)
            daemon, empty = _started(where, lines)
            switches = [_switch_ms(where, number) for number in range(SWITCHES)]
            daemon.end()
            move(store, lines)
        finally:
            store.close()
        daemon, again = _started(where, lines)
        daemon.end()
    yield from judge(empty, again, switches)


def judge(empty: Start, again: Start, switches_ms: list[float]) -> Iterator[Row]:
    """Give the rows of a start with an empty kernel, of one that finds its leases there, and of switches."""
    name = f"start with {LINES:,} leases"
    for start, kernel in (empty, "into an empty gate"), (again, "after a restart"):
        yield Row(f"{name}, {kernel}: up, with pools limited", start.up, "s")
        yield at_most(f"{name}, {kernel}: all of them in the kernel", start.whole, "s", 15)
    memory = max(empty.memory_mib, again.memory_mib)
    yield at_most(f"{name}: memory of the daemon, at most", memory, "MiB", 1024)
    yield Row(f"{name}: a class switch, asked and answered: median", median(switches_ms), "ms")
    yield Row(f"{name}: a class switch, asked and answered: worst of {SWITCHES}", max(switches_ms), "ms")


def fill(store: Store, count: int = LINES) -> NDArray[np.uint64]:
    """Give each line an address; return the lines' numbers in the order of the addresses."""
    numbers = np.zeros(count, np.uint64)
    for first in range(0, count, _BATCH):
        batch = range(first, min(first + _BATCH, count))
        names = [nas.name_of(line) for line in batch]
        with store.transaction() as transaction:
            given = transaction.number_lines(names)
            numbers[batch.start : batch.stop] = [given[name] for name in names]
            transaction.change_leases((), _leases(batch, numbers, _BEFORE))
    return numbers


def move(store: Store, lines: NDArray[np.uint64]) -> None:
    """Let some addresses change hands."""
    moved = _moved(lines)
    lines[moved] = lines[moved.start + 1 :: moved.step]
    with store.transaction() as transaction:
        transaction.change_leases((), _leases(moved, lines, _BEFORE + timedelta(days=1)))


def _leases(addresses: Iterable[int], lines: NDArray[np.uint64], begin: datetime) -> list[Lease]:
    return [
        Lease(_address(address), begin, secrets.token_bytes(LOGIN_KEY_BYTES), int(lines[address]))
        for address in addresses
    ]


def _moved(lines: NDArray[np.uint64]) -> range:
    return range(0, len(lines), MOVED_EACH)


def _address(number: int) -> Address:
    return Address((nas.FIRST + number).to_bytes(4, "big"), 32)


def _started(where: Site, lines: NDArray[np.uint64]) -> tuple[Daemon, Start]:
    """Start the daemon and wait for the kernel. Raises RuntimeError where that has not what the store has."""
    start = time.monotonic()
    daemon = where.start()
    daemon.wait_for("READY=1")
    up = time.monotonic() - start
    _wait(where, lines, start + _PATIENCE_SECONDS)
    whole = time.monotonic() - start
    if wrong := np.count_nonzero(where.holders(len(lines)) != lines | np.uint64(abi.LINE_KNOWN)):
        raise RuntimeError(f"of {len(lines):,} addresses {wrong:,} are not in the kernel as in the store")
    return daemon, Start(up, whole, memory_mib(daemon))


def _wait(where: Site, lines: NDArray[np.uint64], until: float) -> None:
    """Wait until those addresses which move have their lines: written among all others, in no order."""
    fd = bpf.get_pinned(f"/sys/fs/bpf/sekisho/{where.name}/addresses")
    try:
        for address in _moved(lines):
            key, line = abi.pack_address_key(*_address(address)), abi.pack_line(int(lines[address]))
            while _line(fd, key) != line:
                if time.monotonic() > until:
                    raise RuntimeError(f"address {address:,} is not in the kernel in time")
                time.sleep(_LOOK_SECONDS)
    finally:
        os.close(fd)


def _line(fd: int, key: bytes) -> bytes | None:
    try:
        return bpf.lookup(fd, key, _LINE_BYTES)
    except KeyError:
        return None


def _switch_ms(where: Site, number: int) -> float:
    start = time.perf_counter()
    ask(where.name, "POST", "/v1/gate/classes/dynamic/limit", {"cap": 5 + number % 2})
    return (time.perf_counter() - start) * 1000
