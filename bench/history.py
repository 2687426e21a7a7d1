"""Holder look-ups among a hundred million past leases in a SQLite file, which is built once and kept.

address a:  lease 0 │ lease 1 │ … │ lease EACH, in force       each STEP long, with the next line in its turn
"""

from __future__ import annotations

import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Final

import numpy as np

from bench import nas, programs
from bench.rows import Row, at_most
from sekisho.daemon.lookups import find_holder
from sekisho.lines.holder import Certainty
from sekisho.store import Store, open_store

ADDRESSES: Final = 1_000_000
EACH: Final = 100  # past leases of an address
LOOK_UPS: Final = 20_000

_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_STEP: Final = timedelta(days=1.8)  # a hundred of them are half a year
_PAUSE: Final = timedelta(seconds=30)  # before the next has the address
_SKEW: Final = timedelta(seconds=5)
_CLEAR: Final = timedelta(minutes=5)  # of what makes an answer ambiguous, at the desk too
_SPREAD: Final = 2_654_435_761  # odd: numbers without order, none twice
_TURN: Final = 7_919
_CHUNK: Final = 10_000  # addresses
_INDEX: Final = "past_lease_line"
_US: Final = timedelta(microseconds=1)
_PAST: Final = """\
INSERT INTO past_lease (begin, line, "end", ending, address, login)
SELECT begin, line, begin + :step - :pause, 0, key, randomblob(16) FROM (
    SELECT a.key, :start + a.number * :spread % :step + n.number * :step AS begin,
        (a.number + n.number * :turn) % :lines * :spread % (1 << 48) AS line
    FROM a CROSS JOIN n WHERE a.number >= :first AND a.number < :first + :chunk
    ORDER BY a.number, n.number)"""
_LAST: Final = """\
INSERT INTO lease (begin, line, static, address, login)
SELECT :start + number * :spread % :step + :each * :step,
    (number + :each * :turn) % :lines * :spread % (1 << 48), 0, key, randomblob(16)
FROM a ORDER BY number"""
_LINES: Final = """\
INSERT INTO line (number, name, fixed)
SELECT number * :spread % (1 << 48) AS line, printf('line%07d@example.net', number), 0 FROM a ORDER BY line"""


@dataclass(frozen=True, slots=True)
class History:
    """What a file has: of so many addresses so many past leases each, and one in force."""

    addresses: int
    each: int

    @property
    def path(self) -> Path:
        """Return where its file is kept from run to run, as long as the schema is the same."""
        return programs.BUILD / f"{self._name}-{_schema()}.db"

    @property
    def _name(self) -> str:
        return f"history-{self.addresses * self.each}"

    def line(self, address: int, lease: int) -> int:
        """Return the number of the line that has a lease of an address."""
        return (address + lease * _TURN) % self.addresses * _SPREAD % (1 << 48)

    def begin(self, address: int, lease: int) -> datetime:
        """Return when a lease begins."""
        return _START + address * _SPREAD % (_STEP // _US) * _US + lease * _STEP

    def moment(self, address: int, lease: int, draw: random.Random) -> datetime:
        """Return a moment at random of a past lease, well within it."""
        return self.begin(address, lease) + _CLEAR + draw.random() * (_STEP - _PAUSE - 2 * _CLEAR)

    def keep(self) -> float | None:
        """Build the file unless it is kept, in place of those of other schemas; return the seconds it took.

        Under another name first: what was begun and not ended is never measured.
        """
        if self.path.exists():
            return None
        start = time.monotonic()
        programs.BUILD.mkdir(parents=True, exist_ok=True)
        for old in programs.BUILD.glob(f"{self._name}-*"):
            old.unlink()
        begun = self.path.with_suffix(".begun")
        self.build(begun)
        begun.rename(self.path)
        return time.monotonic() - start

    def build(self, path: Path) -> None:
        """Make the file by the store's migrations, then fill it in the order of its keys, the index last."""
        open_store(f"sqlite:///{path}").close()
        with closing(sqlite3.connect(path, isolation_level=None)) as file:
            file.execute("PRAGMA journal_mode = OFF")
            file.execute("PRAGMA synchronous = OFF")
            index = file.execute("SELECT sql FROM sqlite_master WHERE name = ?", (_INDEX,)).fetchone()
            file.execute(f"DROP INDEX {_INDEX}")
            file.execute("BEGIN")
            self._fill(file)
            file.execute(*index)
            file.execute("COMMIT")

    def _fill(self, file: sqlite3.Connection) -> None:
        file.execute("CREATE TEMP TABLE a (number INTEGER PRIMARY KEY, key BLOB)")
        file.execute("CREATE TEMP TABLE n (number INTEGER PRIMARY KEY)")
        file.executemany("INSERT INTO a VALUES (?, ?)", ((n, _key(n)) for n in range(self.addresses)))
        file.executemany("INSERT INTO n VALUES (?)", ((n,) for n in range(self.each)))
        values = {
            "start": (_START - datetime(1970, 1, 1, tzinfo=UTC)) // _US,
            "step": _STEP // _US,
            "pause": _PAUSE // _US,
            "spread": _SPREAD,
            "turn": _TURN,
            "lines": self.addresses,
            "each": self.each,
            "chunk": _CHUNK,
        }
        for first in range(0, self.addresses, _CHUNK):
            file.execute(_PAST, {**values, "first": first})
        file.execute(_LAST, values)
        file.execute(_LINES, values)
        file.execute("INSERT INTO shape VALUES (4, 32)")

    def look_up(self, store: Store, count: int, seed: int) -> list[float]:
        """Return how long look-ups at random took, in ms. Raises RuntimeError where an answer is wrong."""
        times = []
        draw = random.Random(seed)
        for _ in range(count):
            address, lease = draw.randrange(self.addresses), draw.randrange(self.each + 1)
            at = self.moment(address, lease, draw)
            start = time.perf_counter()
            with store.reading() as transaction:
                found = find_holder(transaction, _network(address), None, at, _SKEW)
            times.append((time.perf_counter() - start) * 1000)
            if found is None or found.certainty is not Certainty.HELD:
                raise RuntimeError(f"lease {lease} of address {address} is not found: {found}")
            if found.candidates[0].line != self.line(address, lease):
                raise RuntimeError(f"lease {lease} of address {address} is found with another line")
        return times


def measure() -> Iterator[Row]:
    """Build the file unless it is there, and look up."""
    history = History(ADDRESSES, EACH)
    path = history.path
    if (seconds := history.keep()) is not None:
        yield Row("history: building the file once", seconds, "s")
    yield Row("history: the file", path.stat().st_size / 2**30, "GiB")
    yield Row("history: the machine's memory", _memory_gib(), "GiB")
    store = open_store(f"sqlite:///{path}")
    try:
        _forget(path)
        first = history.look_up(store, LOOK_UPS, seed=1)
        again = history.look_up(store, LOOK_UPS, seed=1)
    finally:
        store.close()
    yield from judge(first, again)


def judge(first: list[float], again: list[float]) -> Iterator[Row]:
    """Give the rows of how long look-ups took, in ms, from the disk and once more."""
    name = f"history, {ADDRESSES * EACH:,} past leases, holder look-up"
    yield Row(f"{name}, nothing in memory at first: median", float(np.percentile(first, 50)), "ms")
    yield at_most(f"{name}, nothing in memory at first: p99", float(np.percentile(first, 99)), "ms", 5)
    yield Row(f"{name}, nothing in memory at first: worst", max(first), "ms")
    yield Row(f"{name}, the same again: median", float(np.percentile(again, 50)), "ms")
    yield Row(f"{name}, the same again: p99", float(np.percentile(again, 99)), "ms")


@cache
def _schema() -> str:
    """Return what tells the schema of the store from others."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "empty.db"
        open_store(f"sqlite:///{path}").close()
        with closing(sqlite3.connect(path)) as file:
            made = file.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
    return blake2b(repr(made).encode(), digest_size=4).hexdigest()


def _forget(path: Path) -> None:
    """Let the kernel forget what it has in memory of a file."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _network(address: int) -> bytes:
    return (nas.FIRST + address).to_bytes(4, "big")


def _key(address: int) -> bytes:
    """Return the key of an address in the store (`sekisho.store.packing`)."""
    return _network(address) + bytes((32,))
