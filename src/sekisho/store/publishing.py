"""What was published, and when by whom: kept for ever, so that every later question is judged by it.

It knows which cells are few: whoever may read it may see all counts anyway. Nothing of it is changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    insert,
    select,
)

from sekisho.measure.cells import Dimension, Identity, Ledger, Published, Secret, Shape, identity, places
from sekisho.measure.windows import Size, Window
from sekisho.store.door import Door
from sekisho.store.moments import from_us, to_us
from sekisho.store.schema import metadata

released_table = Table(
    "released_table",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("begin", BigInteger, nullable=False),
    Column("end", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("statistic", "size", "shape", "digest", "by")),
    UniqueConstraint("statistic", "begin", "size", "shape", name="released_table_key"),
)

released_cell = Table(
    "released_cell",
    metadata,
    Column("begin", BigInteger, nullable=False),
    Column("end", BigInteger, nullable=False),
    Column("value", BigInteger),  # None: it was suppressed
    Column("secret", SmallInteger),  # why, number in `cells.Secret`; None: it was shown
    *(Column(name, Text, nullable=False) for name in ("statistic", "size", "place")),
    PrimaryKeyConstraint("statistic", "begin", "size", "place", name="released_cell_pkey"),
    sqlite_with_rowid=False,
)

_TABLE: Final = released_table.c
_CELL: Final = released_cell.c


class ReleasedTable(NamedTuple):
    """A table that was published; `digest`: SHA-256 of what was shown of it."""

    published: Published
    digest: str
    at: datetime
    by: str


class Publishing(Door):
    """What was published, in a transaction."""

    def ledger(self, statistic: str, begin: datetime, end: datetime) -> Ledger:
        """Return what was published of a statistic that touches a span: all that new tables of it concern."""
        after, before = to_us(begin), to_us(end)
        cells = select(released_cell).where(
            _CELL.statistic == statistic, _CELL.begin < before, _CELL.end > after
        )
        return Ledger(
            {
                Identity(
                    statistic,
                    Window(from_us(row.begin), from_us(row.end), Size(row.size)),
                    frozenset((name, value) for name, value in json.loads(row.place)),
                ): row.value if row.secret is None else Secret(row.secret)
                for row in self._connection.execute(cells)
            },
            frozenset(one.published for one in self.released(statistic, begin, end)),
        )

    def released(self, statistic: str, begin: datetime, end: datetime) -> list[ReleasedTable]:
        """Return the tables of a statistic that touch a span, in the order in which they were published."""
        found = (
            select(released_table)
            .where(_TABLE.statistic == statistic, _TABLE.begin < to_us(end), _TABLE.end > to_us(begin))
            .order_by(_TABLE.number)
        )
        return [
            ReleasedTable(
                Published(
                    statistic,
                    Window(from_us(row.begin), from_us(row.end), Size(row.size)),
                    _read_shape(row.shape),
                ),
                row.digest,
                from_us(row.at),
                row.by,
            )
            for row in self._connection.execute(found)
        ]

    def remember(self, before: Ledger, after: Ledger, at: datetime, by: str) -> None:
        """Write what a ledger has more than before; StoreError where the same was published meanwhile."""
        tables = sorted(after.shapes - before.shapes, key=lambda one: (one.window, _write_shape(one.shape)))
        if not tables:
            return
        self._connection.execute(insert(released_table), [_write_table(one, after, at, by) for one in tables])
        new = after.cells.keys() - before.cells.keys()
        self._connection.execute(insert(released_cell), [_write_cell(one, after.cells[one]) for one in new])


def digest_of(published: Published, ledger: Ledger) -> str:
    """Return the SHA-256 of what is shown of a table: its cells in their order, suppressed ones as null."""
    states = [ledger.cells[identity(*published, at)] for at in places(published.shape)]
    shown = [None if isinstance(one, Secret) else one for one in states]
    window = [to_us(published.window.begin), to_us(published.window.end), published.window.size]
    text = json.dumps([published.statistic, window, _plain(published.shape), shown], separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def _write_table(one: Published, ledger: Ledger, at: datetime, by: str) -> dict[str, object]:
    return {
        "begin": to_us(one.window.begin),
        "end": to_us(one.window.end),
        "at": to_us(at),
        "statistic": one.statistic,
        "size": one.window.size,
        "shape": _write_shape(one.shape),
        "digest": digest_of(one, ledger),
        "by": by,
    }


def _write_cell(one: Identity, state: int | Secret) -> dict[str, object]:
    is_secret = isinstance(state, Secret)
    return {
        "begin": to_us(one.window.begin),
        "end": to_us(one.window.end),
        "value": None if is_secret else state,
        "secret": int(state) if is_secret else None,
        "statistic": one.statistic,
        "size": one.window.size,
        "place": json.dumps(sorted(one.values), separators=(",", ":")),
    }


def _plain(shape: Shape) -> list[tuple[str, tuple[str, ...], bool]]:
    return [(one.name, one.values, one.apart) for one in shape]


def _write_shape(shape: Shape) -> str:
    return json.dumps(_plain(shape), separators=(",", ":"))


def _read_shape(text: str) -> Shape:
    read: Iterable[tuple[str, list[str], bool]] = json.loads(text)
    return tuple(Dimension(name, tuple(values), apart) for name, values, apart in read)
