"""What can go wrong with a database: whose fault it is is told, nothing is half written, and it goes on."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from sekisho.store import Store, StoreError, engine, open_journal, open_store
from sekisho.store.errors import told
from tests.store.postgres import Postgres, server
from tests.store.values import HOME, OTHER, lease

# Runs in a mount namespace of its own, which takes the file system with it when it ends.
ON_A_SMALL_DISK = """
import os, subprocess, sys
from datetime import UTC, datetime
from pathlib import Path
from sekisho.lines.events import Boot, Lease
from sekisho.model import Address
from sekisho.store import StoreError, open_journal, open_store

disk = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], check=True)
filler = disk / "filler"
filler.write_bytes(bytes(2_000_000))
url = f"sqlite:///{disk}/store.db"
store, journal = open_store(url), open_journal(url)
noon = datetime(2026, 11, 24, 12, tzinfo=UTC)

def write(number):
    address = Address(number.to_bytes(4, "big"), 32)
    added = [Lease(address, noon, n.to_bytes(16, "big"), n) for n in range(500)]
    with store.transaction() as transaction:
        transaction.change_leases([], added)

def until_full(do):
    for number in range(10_000):
        try:
            do(number)
        except StoreError as error:
            print(error)
            return number
    raise SystemExit("never full")

written = until_full(write)
appended = until_full(lambda number: journal.append([Boot(str(number), noon)] * 500))
filler.unlink()
write(written)
journal.append([Boot(str(appended), noon)])
with store.reading() as transaction:
    print("addresses", sum(1 for _ in transaction.all_holdings()) - written)
heard = []
while (pending := journal.pending(1)) is not None:
    journal.strike(pending.numbers)
    heard += pending.batch
print("batches", len({one.nas for one in heard}) - appended)
store.close()
journal.close()
"""
ON_A_DISK_THAT_CANNOT_BE_WRITTEN = """
import subprocess, sys
from sekisho.store import StoreError, open_store

disk = sys.argv[1]
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], check=True)
open_store(f"sqlite:///{disk}/store.db").close()
subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
try:
    open_store(f"sqlite:///{disk}/store.db")
except StoreError as error:
    print(error)
"""


def on_a_disk(script: str, disk: Path) -> list[str]:
    """Run a script that mounts a file system on `disk` for itself alone; return what it prints."""
    disk.mkdir()
    command = ("unshare", "--mount", "--propagation", "private", sys.executable, "-W", "error", "-c", script)
    ended = subprocess.run((*command, disk), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert list(disk.iterdir()) == []
    return ended.stdout.splitlines()


def test_a_full_disk_refuses_whole_transactions_and_the_store_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    store, journal, addresses, batches = on_a_disk(ON_A_SMALL_DISK, tmp_path / "disk")
    for told_of, file in ((store, "store.db"), (journal, "store.db-heard")):
        assert told_of.startswith(f"store sqlite+pysqlite:///{tmp_path / 'disk' / file}: its disk is full: ")
    assert (addresses, batches) == ("addresses 1", "batches 1")


def test_a_disk_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (error,) = on_a_disk(ON_A_DISK_THAT_CANNOT_BE_WRITTEN, tmp_path / "disk")
    assert "Read-only file system" in error


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere/store\.db: No such file or directory: make its directory"):
        open_store(f"sqlite:///{tmp_path}/nowhere/store.db")


def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_text("no database, and longer than the header of one would be. " * 100)
    with pytest.raises(StoreError, match="it is damaged or is no SQLite database"):
        open_store(f"sqlite:///{path}")
    assert path.read_text().startswith("no database")


def test_only_its_owner_can_read_the_file(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        url = f"sqlite:///{tmp_path / 'store.db'}"
        store, journal = open_store(url), open_journal(url)
        with store.transaction() as transaction:
            transaction.change_leases([], [lease(0)])
        journal.append([])
        files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        store.close()
        journal.close()
    finally:
        os.umask(before)
    assert files.keys() >= {"store.db", "store.db-wal", "store.db-heard", "store.db-heard-wal"}
    assert set(files.values()) == {0o600}


@pytest.mark.parametrize(
    ("url", "told_of"),
    [
        ("", "no url of a database"),
        ("/var/lib/sekisho/gate.db", "no url of a database"),
        ("mysql://root:hush@localhost/x", "'mysql' is neither sqlite nor postgresql"),
        ("sqlite://", "no file by its whole path"),
        ("sqlite:///gate.db", "no file by its whole path"),
        ("postgresql://:hush@:port/", "no url of a database"),
        ("nonsense:hush@", "no url of a database"),
    ],
)
def test_an_url_that_cannot_be_is_refused_with_the_way_out(url: str, told_of: str) -> None:
    with pytest.raises(StoreError, match=told_of) as refused:
        open_store(url)
    assert 'write it as in "sqlite:////var/lib/sekisho/gate.db"' in str(refused.value)
    assert "hush" not in str(refused.value)


def test_a_database_that_another_process_keeps_busy_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_PRAGMAS", (*engine._PRAGMAS, "busy_timeout = 1"))
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process keeps it busy"), store.transaction():
            pass
        other.execute("ROLLBACK")
    with store.transaction() as transaction:
        transaction.change_leases([], [lease(0)])
    store.close()


@pytest.fixture
def own_server() -> Iterator[Postgres]:
    """A PostgreSQL that the test may stop."""
    with server() as running:
        yield running


def written(store: Store) -> bool:
    """Write and read; tell whether it could."""
    try:
        with store.transaction() as transaction:
            transaction.change_leases([], [lease(0, address=OTHER)])
        with store.reading() as transaction:
            return transaction.latest([OTHER]) == {OTHER: lease(0, address=OTHER)}
    except StoreError:
        return False


def test_a_postgresql_that_is_gone_and_back(own_server: Postgres) -> None:
    url = own_server.make_database()
    store, journal = open_store(url), open_journal(url)

    def write_while_it_ends() -> None:
        with store.transaction() as transaction:
            transaction.change_leases([], [lease(0)])
            own_server.stop()

    with pytest.raises(StoreError, match=r"no connection|the server is ending"):
        write_while_it_ends()
    for attempt in (store.transaction, store.reading):
        with pytest.raises(StoreError, match=r"no connection \(.*\): see that PostgreSQL runs"), attempt():
            pass
    with pytest.raises(StoreError, match=r"no connection \(.*\): see that PostgreSQL runs"):
        journal.append([])
    with pytest.raises(StoreError, match=r"no connection \(.*\): see that PostgreSQL runs"):
        open_store(url)
    own_server.start()
    with store.reading() as transaction:
        assert transaction.latest([HOME]) == {}
    assert written(store)
    journal.append([])
    store.close()
    journal.close()


@pytest.mark.parametrize(
    ("before", "after", "told_of"),
    [
        ("/test", "/nosuch", r'"nosuch[0-9]+" does not exist\): see'),
        ("postgres@", "nobody:hush@", r'"nobody" does not exist\): see'),
        ("?host=", "?host=/nowhere", r"no connection \(.*nowhere.*\): see"),
    ],
)
def test_a_postgresql_that_cannot_be_used_is_told(
    postgres: Postgres, before: str, after: str, told_of: str
) -> None:
    url = postgres.make_database()
    with pytest.raises(StoreError, match=told_of) as refused:
        open_store(url.replace(before, after))
    assert "hush" not in str(refused.value)
    postgres.drop_database(url)


@pytest.mark.parametrize(
    ("error", "told_of"),
    [
        (psycopg.errors.DiskFull("row (10.0.0.1)"), "its disk is full"),
        (psycopg.errors.InsufficientPrivilege("10.0.0.1"), "the daemon may not write there"),
        (psycopg.errors.ReadOnlySqlTransaction("10.0.0.1"), "the server only reads"),
        (psycopg.errors.UniqueViolation("Key (10.0.0.1) already exists"), "which is our fault"),
    ],
)
def test_no_message_shows_a_row(error: psycopg.Error, told_of: str) -> None:
    with pytest.raises(StoreError, match=told_of) as refused, told("postgresql://db/sekisho"):
        raise error
    assert "10.0.0.1" not in str(refused.value)
    assert refused.value.__cause__ is None
