"""A database that is only read, beside the daemon that writes it, or without one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Engine, create_engine, event

from sekisho.store.engine import read_url
from sekisho.store.errors import StoreError, told
from sekisho.store.migrate import is_newest
from sekisho.store.store import Transaction

_CONNECT_SECONDS: Final = 5


@contextmanager
def reading_only(url: str) -> Iterator[Transaction]:
    """Open one transaction on a database that exists; nothing of it is changed.

    Raises StoreError where there is none or it cannot be read, and for another schema than this program's.
    """
    read = read_url(url)
    where = read.render_as_string(hide_password=True)
    engine = _engine(read)
    try:
        with told(where), engine.begin() as connection:
            if not is_newest(connection):
                way_out = "let a daemon of this version open it first, or run the version that it is of"
                raise StoreError(f"store {where}: its schema is of another sekisho: {way_out}")
            yield Transaction(connection)
    finally:
        engine.dispose()


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        silent = {"connect_timeout": _CONNECT_SECONDS}
        engine = create_engine(url, hide_parameters=True, connect_args=silent)
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    path = Path(url.database or "")
    if not path.is_file():
        raise StoreError(f"store {path}: there is no such file: name the daemon's store by url in [store]")
    engine = create_engine(
        url.set(database=f"file:{path}", query={"mode": "ro", "uri": "true"}), hide_parameters=True
    )
    event.listen(engine, "connect", _prepare)
    return engine


def _prepare(driver: object, _record: object) -> None:
    driver.isolation_level = None  # type: ignore[attr-defined]  # or the driver would begin where it thinks fit
