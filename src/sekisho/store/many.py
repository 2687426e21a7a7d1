"""One statement for many keys or rows: what each database is fast at.

SQLite lives in this process, and is fastest with prepared statements on the driver itself: one a row to
write, one for some hundred keys to read. To have SQLAlchemy run a statement costs more than the statement.
PostgreSQL is a round trip away, so that one statement takes arrays of everything. Both are written once, in
Core, and compiled once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import (
    ClauseElement,
    Column,
    CompoundSelect,
    Connection,
    Delete,
    Insert,
    Integer,
    Select,
    String,
    Table,
    Update,
    any_,
    bindparam,
    column,
    delete,
    func,
    insert,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.selectable import TableValuedAlias

from sekisho.store.schema import KEY

_Insert = TypeVar("_Insert", postgresql.Insert, sqlite.Insert)
Row = tuple[Any, ...]
_MOST_KEYS = 256  # of one statement on SQLite: twice as fast as one by one, and no faster with more
_FENCE: Final = literal_column(
    "0", Integer
)  # an offset that keeps PostgreSQL from joining another way than key by key
_ALL = "all_"  # before a column's name: the parameter with its values of all rows
Columns = tuple[Column[Any], ...]
Made = Select[Any] | CompoundSelect[Any] | Insert | ReturningInsert[Any] | Update
"""A statement that a module makes once, with a parameter for all that differs from time to time."""


@dataclass(frozen=True, eq=False)
class Query:
    """The rows whose `column` is a key, asked for many keys; of each at most `most`, in their order."""

    column: Column[Any]
    rows: Select[Any]
    most: int | None = None


class Many(Protocol):
    """The door for many; what fails is an error of SQLAlchemy or of the driver."""

    def find(self, query: Query, keys: Iterable[Any], **values: Any) -> Iterator[Row]:
        """Yield the rows of every key; `values` are the query's other parameters."""

    def put(self, table: Table, rows: Sequence[Row], same: frozenset[str] = frozenset()) -> None:
        """Write rows, columns in the table's order, in place of those with their keys. No key comes twice.

        A column that numbers the rows by itself is left out. `same`: columns that are as they were in rows
        that are there; SQLite would write their indices all the same.
        """

    def remove(self, table: Table, keys: Sequence[Row]) -> None:
        """Delete the rows with these keys, as far as there are any."""

    def rows(self, statement: Made, **values: Any) -> list[Row]:
        """Run a statement that was made once, with values for its parameters; return its rows."""

    def change(self, statement: Made, **values: Any) -> int:
        """Run a statement that was made once, with values for its parameters; return how many rows it met."""


class SqliteMany:
    """On the driver's connection, a row at a time."""

    def __init__(self, connection: Connection) -> None:
        self._driver: Any = connection.connection.driver_connection

    def find(self, query: Query, keys: Iterable[Any], **values: Any) -> Iterator[Row]:
        """Yield the rows of every key."""
        execute = self._driver.cursor().execute
        wanted = list(keys)
        at_once = _MOST_KEYS if query.most is None else 1
        for begin in range(0, len(wanted), at_once):
            some = wanted[begin : begin + at_once]
            size = 1 << (len(some) - 1).bit_length()  # so that there are few statements to prepare
            some += some[-1:] * (size - len(some))
            sql, names, constants = _sqlite_query(query, size)
            yield from execute(sql, {**constants, **values, **dict(zip(names, some, strict=True))}).fetchall()

    def put(self, table: Table, rows: Sequence[Row], same: frozenset[str] = frozenset()) -> None:
        """Write rows."""
        self._driver.executemany(_sqlite_put(table, same), rows)

    def remove(self, table: Table, keys: Sequence[Row]) -> None:
        """Delete rows."""
        self._driver.executemany(_sqlite_remove(table), keys)

    def rows(self, statement: Made, **values: Any) -> list[Row]:
        """Return the rows of a statement."""
        found: list[Row] = self._run(statement, values).fetchall()
        return found

    def change(self, statement: Made, **values: Any) -> int:
        """Return how many rows a statement met."""
        met: int = self._run(statement, values).rowcount
        return met

    def _run(self, statement: Made, values: Mapping[str, Any]) -> Any:
        sql, constants = _sqlite_made(statement)
        return self._driver.execute(sql, {**constants, **values})


class PostgresMany:
    """One statement with arrays, which the server takes apart."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, query: Query, keys: Iterable[Any], **values: Any) -> Iterator[Row]:
        """Yield the rows of every key."""
        wanted = list(keys)
        if wanted:
            for row in self._connection.execute(_postgres_query(query), {"keys": wanted, **values}):
                yield tuple(row)

    def put(self, table: Table, rows: Sequence[Row], same: frozenset[str] = frozenset()) -> None:
        """Write rows."""
        self._execute(_postgres_put(table, same), _written(table), rows)

    def remove(self, table: Table, keys: Sequence[Row]) -> None:
        """Delete rows."""
        self._execute(_postgres_remove(table), _keys(table), keys)

    def rows(self, statement: Made, **values: Any) -> list[Row]:
        """Return the rows of a statement."""
        return [tuple(row) for row in self._connection.execute(statement, values)]

    def change(self, statement: Made, **values: Any) -> int:
        """Return how many rows a statement met."""
        return self._connection.execute(statement, values).rowcount

    def _execute(self, statement: Any, columns: Columns, rows: Sequence[Row]) -> None:
        if rows:
            arrays = (list(values) for values in zip(*rows, strict=True))
            self._connection.execute(
                statement, {_ALL + one.name: array for one, array in zip(columns, arrays, strict=True)}
            )


def adding(table: Table) -> ReturningInsert[Any]:
    """Make the statement that adds a row with the next number, which it returns; a parameter a column."""
    number = table.autoincrement_column
    if number is None:
        raise ValueError(f"the rows of {table.name} are not numbered")
    return insert(table).values({one: bindparam(one.name) for one in _written(table)}).returning(number)


@cache
def _sqlite_query(query: Query, size: int) -> tuple[str, Sequence[str], Mapping[str, Any]]:
    """Return the statement for so many keys, the names of their parameters, and those that are constant."""
    names = [f"key_{number}" for number in range(size)]
    keys = [bindparam(name, type_=query.column.type) for name in names]
    asked = query.rows.where(query.column == keys[0] if size == 1 else query.column.in_(keys))
    compiled = asked.limit(query.most).compile(dialect=sqlite.dialect(paramstyle="named"))
    return str(compiled), names, compiled.params


@cache
def _sqlite_made(statement: Made) -> tuple[str, Mapping[str, Any]]:
    """Return a statement's text, and the parameters that are constant."""
    compiled = statement.compile(dialect=sqlite.dialect(paramstyle="named"))
    return str(compiled), compiled.params


@cache
def _sqlite_put(table: Table, same: frozenset[str]) -> str:
    statement = sqlite.insert(table).values({one.name: bindparam(one.name) for one in _written(table)})
    return _sqlite_text(_or_update(statement, table, same))


@cache
def _sqlite_remove(table: Table) -> str:
    return _sqlite_text(delete(table).where(*(key == bindparam(f"of_{key.name}") for key in _keys(table))))


def _sqlite_text(statement: ClauseElement) -> str:
    return str(statement.compile(dialect=sqlite.dialect(paramstyle="qmark")))


@cache
def _postgres_query(query: Query) -> Select[Any]:
    keys = func.unnest(bindparam("keys", type_=ARRAY(query.column.type)))
    wanted = keys.table_valued(column("key", query.column.type)).render_derived(name="wanted")
    of_one = query.rows.where(query.column == wanted.c.key).limit(query.most)
    found = of_one.offset(_FENCE).lateral("found")
    return select(found).select_from(wanted.join(found, true()))


@cache
def _postgres_put(table: Table, same: frozenset[str]) -> Insert:
    given = _unnested(_written(table))
    statement = postgresql.insert(table).from_select(given.c.keys(), select(*given.c))
    return _or_update(statement, table, same)


@cache
def _postgres_remove(table: Table) -> Delete:
    gone = _unnested(_keys(table))
    place = literal_column(f"{table.name}.ctid", String)
    of_one = select(place.label("place")).where(*(key == gone.c[key.name] for key in _keys(table)))
    found = of_one.offset(_FENCE).lateral("found")
    places = select(found.c.place).select_from(gone.join(found, true()))
    return delete(table).where(place == any_(func.array(places.scalar_subquery())))


def _unnested(columns: Columns) -> TableValuedAlias:
    arrays = (bindparam(_ALL + one.name, type_=ARRAY(one.type)) for one in columns)
    names = (column(one.name, one.type) for one in columns)
    return func.unnest(*arrays).table_valued(*names).render_derived(name="given")


def _or_update(statement: _Insert, table: Table, same: frozenset[str]) -> _Insert:
    keys = _keys(table)
    others = {
        one.name: statement.excluded[one.name]
        for one in _written(table)
        if one not in keys and one.name not in same
    }
    if not others:
        return statement.on_conflict_do_nothing(index_elements=keys)
    return statement.on_conflict_do_update(index_elements=keys, set_=others)


def _written(table: Table) -> Columns:
    return tuple(one for one in table.c if one is not table.autoincrement_column)


def _keys(table: Table) -> Columns:
    names: Sequence[str] = table.info.get(KEY, table.primary_key.columns.keys())
    return tuple(table.c[name] for name in names)
