"""Hears at once what another daemon wrote about a trial into the same PostgreSQL.

One SQLite file is one daemon's, so there nobody else writes, and nothing is heard.
https://www.postgresql.org/docs/current/sql-notify.html: told when the transaction is committed, to whoever
listens then.
"""

from __future__ import annotations

import select
from typing import Any, Final

from sqlalchemy import Connection, Engine, func
from sqlalchemy import select as sql_select

CHANNEL: Final = "sekisho_trial"


def tell(connection: Connection, trial: str) -> None:
    """Let whoever listens hear of a trial, when the transaction is committed."""
    if connection.dialect.name == "postgresql":
        connection.execute(sql_select(func.pg_notify(CHANNEL, trial)))


class News:
    """What comes from a store; `driver` is a connection that listens, None where nobody else writes."""

    def __init__(self, driver: Any | None) -> None:
        self._driver = driver

    def wait(self, wake: int) -> bool:
        """Wait until there is news, or until the file descriptor `wake` can be read; tell whether there is.

        Raises psycopg.Error where the connection has ended.
        """
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        if self._driver is not None:
            poll.register(self._driver.fileno(), select.POLLIN)
        while True:
            ready = {number for number, _ in poll.poll()}
            if wake in ready:
                return False
            if self._has_news():
                return True

    def close(self) -> None:
        """Listen no more."""
        if self._driver is not None:
            self._driver.close()

    def _has_news(self) -> bool:
        """Take all that has come in."""
        libpq = None if self._driver is None else self._driver.pgconn
        if libpq is None:
            return False
        libpq.consume_input()
        has_news = False
        while libpq.notifies() is not None:
            has_news = True
        return has_news


def listen(engine: Engine) -> News:
    """Begin to listen, on a connection of its own. Raises SQLAlchemyError, psycopg.Error."""
    if engine.dialect.name != "postgresql":
        return News(None)
    pooled = engine.raw_connection()
    driver: Any = pooled.driver_connection
    pooled.detach()  # or the pool would hand it to others, who would hear
    try:
        driver.autocommit = True
        driver.execute(f"LISTEN {CHANNEL}")
    except BaseException:
        driver.close()
        raise
    return News(driver)
