"""What every theme of the store works with: a connection inside a transaction."""

from __future__ import annotations

from sqlalchemy import Connection

from sekisho.store.many import Many, PostgresMany, SqliteMany


class Door:
    """A transaction on either database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        is_sqlite = connection.dialect.name == "sqlite"
        self._many: Many = SqliteMany(connection) if is_sqlite else PostgresMany(connection)
