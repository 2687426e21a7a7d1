"""What can go wrong with the database: who is at fault, and the way out.

The messages of drivers are not passed on where they could show a row, and so an address.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError


class StoreError(Exception):
    """The store cannot do what it is asked: who, which value, and the way out."""


class UnfitError(StoreError):
    """The store works, but what it was to write can never be written, as a value that is too large."""


_FULL = (
    "its disk is full",
    "make room; the store goes on by itself, and sources send again what was not taken",
)
_RIGHTS = (
    "the daemon may not write there",
    "give the daemon's user the right to, or name another url in [store]",
)
_BUSY = "another process keeps it busy", "end what holds it; only one sekishod may use it"
_BROKEN = (
    "it is damaged or is no SQLite database",
    "bring it back from a copy, or name another file in [store]",
)
_DISK = "its disk does not read or write", "look at the kernel's log; the disk may be failing"
_ENDING = "the server is ending or starting", "nothing is to do: the store goes on when it is there again"

_SQLITE: Final = {  # by primary result code: https://www.sqlite.org/rescode.html
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _RIGHTS,
    sqlite3.SQLITE_PERM: _RIGHTS,
    sqlite3.SQLITE_AUTH: _RIGHTS,
    sqlite3.SQLITE_CANTOPEN: (
        "it cannot be opened",
        "make its directory, and let the daemon's user write there",
    ),
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_CORRUPT: _BROKEN,
    sqlite3.SQLITE_NOTADB: _BROKEN,
    sqlite3.SQLITE_IOERR: _DISK,
}
_POSTGRES: Final = {  # by SQLSTATE or its class: PostgreSQL's appendix A
    "53100": _FULL,
    "42501": _RIGHTS,
    "25006": ("the server only reads", "name the primary server in the url of [store]"),
    "55P03": _BUSY,
    "57": _ENDING,
    "53": ("the server has no more memory or connections", "give it more"),
    "XX": ("the server says it is damaged", "look at its log"),
}


@contextmanager
def told(where: str) -> Iterator[None]:
    """Turn errors of SQLAlchemy and of the drivers into StoreError; `where`: the url without a password."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, psycopg.Error) as error:
        kind = UnfitError if _is_unfit(_cause(error)) else StoreError
        raise kind(_sentence(where, error)) from None


def _sentence(where: str, error: Exception) -> str:
    cause = _cause(error)
    known = _of_sqlite(cause) if isinstance(cause, sqlite3.Error) else _of_postgres(cause)
    if known is not None:
        return f"store {where}: {': '.join(known)}"
    kind = type(cause).__name__
    return f"store {where}: {kind} ({_primary(cause)}), which is our fault: please report it"


def _cause(error: Exception) -> BaseException | None:
    return error.orig if isinstance(error, DBAPIError) else error


def _is_unfit(cause: BaseException | None) -> bool:
    """Tell whether it is the values' fault: classes 22, 23 and 54 of PostgreSQL, and SQLite's like."""
    if isinstance(cause, psycopg.Error):
        is_value = isinstance(cause, (psycopg.DataError, psycopg.IntegrityError))
        return is_value or (cause.sqlstate or "")[:2] == "54"
    return isinstance(cause, (sqlite3.DataError, sqlite3.IntegrityError))


def _of_sqlite(error: sqlite3.Error) -> tuple[str, str] | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else _SQLITE.get(code & 0xFF)  # the extended code's lowest byte


def _of_postgres(error: BaseException | None) -> tuple[str, str] | None:
    if not isinstance(error, psycopg.Error):
        return None
    if error.sqlstate is None and isinstance(error, psycopg.OperationalError):
        why = " ".join(
            str(error).split()
        )  # libpq's, of the connection alone: it names server, user, database
        return f"no connection ({why})", "see that PostgreSQL runs and that the url in [store] leads to it"
    if error.sqlstate is None:
        return None
    return _POSTGRES.get(error.sqlstate) or _POSTGRES.get(error.sqlstate[:2])


def _primary(cause: BaseException | None) -> str:
    """Return the part of a message that names columns and no values."""
    if isinstance(cause, psycopg.Error):
        return cause.diag.message_primary or "no message"
    return str(cause)
