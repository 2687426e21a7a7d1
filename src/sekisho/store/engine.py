"""Connections: what is asked of each database so that a transaction which has ended is durable."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError

from sekisho.store.errors import StoreError

_WAY_OUT = 'write it as in "sqlite:////var/lib/sekisho/gate.db" or "postgresql://sekisho@db.example/sekisho"'
_WRITES: Final = "sekisho_writes"  # the execution option of an engine whose transactions write
_BUSY_MS = 10_000  # longer than any transaction of ours takes
_CACHE_KIB = 32_768
_WAL_PAGES = 8_192  # of 4 KiB until they are copied: the longer, the more changes of one page are one copy
_CONNECT_SECONDS = 5
_UNANSWERED_MS = 10_000  # until a connection to a server that has gone silent is given up
_ASKED_SECONDS = 10  # whether the server is there, on a connection that only listens
_PRAGMAS: Final = (
    f"busy_timeout = {_BUSY_MS}",
    "journal_mode = WAL",
    "synchronous = FULL",  # in WAL mode the default would lose the last transactions with the power
    f"cache_size = -{_CACHE_KIB}",
    f"wal_autocheckpoint = {_WAL_PAGES}",
    "secure_delete = ON",  # what is forgotten shall not be found in the file
)
_SETTINGS: Final = (
    # An operator may have asked for more than this, never for less.
    (
        "SELECT set_config(name, 'local', false) FROM pg_settings"
        " WHERE name = 'synchronous_commit' AND setting = 'off'"
    ),
    f"SELECT set_config('lock_timeout', '{_BUSY_MS}', false)",
    # The planner may know nothing yet of a table, as in the transaction that fills it: what has an index is
    # found through it. What has none is read as a whole all the same.
    "SELECT set_config('enable_seqscan', 'off', false)",
    "SELECT set_config('jit', 'off', false)",  # it is for what costs much, as a table read whole now seems to
)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('sekisho'))")


@dataclass(frozen=True, slots=True)
class Engines:
    """Where connections come from, one pool of them.

    For transactions that read, that write, and for those that write what no other looks at (`plain`).
    """

    reading: Engine
    writing: Engine
    plain: Engine


def read_url(url: str) -> URL:
    """Read an url as the config gives it. Raises StoreError."""
    try:
        read = make_url(url)
    except (ArgumentError, ValueError):  # the text stays untold, for there may be a password in it
        raise StoreError(f"store: this is no url of a database: {_WAY_OUT}") from None
    match read.get_backend_name():
        case "sqlite":
            if not read.database or not Path(read.database).is_absolute():
                raise StoreError(f"store: {url!r} names no file by its whole path: {_WAY_OUT}")
            return read.set(drivername="sqlite+pysqlite")
        case "postgresql":
            return read.set(drivername="postgresql+psycopg")
        case other:
            raise StoreError(f"store: {other!r} is neither sqlite nor postgresql: {_WAY_OUT}")


def make_engines(url: URL) -> Engines:
    """Make a pool of connections. Raises StoreError for a SQLite file that cannot be made."""
    return _sqlite(url) if url.get_backend_name() == "sqlite" else _postgres(url)


def _sqlite(url: URL) -> Engines:
    _make_file(Path(url.database or ""))
    engine = create_engine(url, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Engines(engine, engine.execution_options(**{_WRITES: True}), engine)


def _postgres(url: URL) -> Engines:
    silent = {
        "connect_timeout": _CONNECT_SECONDS,
        "tcp_user_timeout": _UNANSWERED_MS,
        "keepalives_idle": _ASKED_SECONDS,
    }
    engine = create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=silent)
    event.listen(engine, "connect", _prepare_postgres)
    writing = engine.execution_options()
    event.listen(writing, "begin", _lock_postgres)
    one_view = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Engines(one_view, writing, engine)


def _make_file(path: Path) -> None:
    """Make the file so that only its owner can read it; SQLite gives its journals the same rights."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        way_out = "make its directory, and let the daemon's user write there, or name another in [store]"
        raise StoreError(f"store {path}: {error.strerror}: {way_out}") from None


def _prepare_sqlite(driver: Any, _record: object) -> None:
    driver.isolation_level = None  # or the driver would begin transactions where it thinks fit
    for pragma in _PRAGMAS:
        driver.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    """Take the lock to write at once: to take it later can fail however long one waits."""
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_postgres(driver: Any, _record: object) -> None:
    for setting in _SETTINGS:
        driver.execute(setting)
    driver.commit()


def _lock_postgres(connection: Connection) -> None:
    """Let one transaction write at a time, in all processes: each decides by what those before it wrote."""
    connection.execute(_LOCK)
