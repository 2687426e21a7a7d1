"""The journal: what sources said and nobody has settled yet, durable in the order of its coming.

To write down what was heard costs one row at the end of a small file; to bring every lease that follows to
where it belongs costs a dozen pages all over a large one. So a source has its answer after the first, and
the second is done in larger batches, as soon as there is time. What was settled and not yet struck out when
the power failed is settled again, which changes nothing.

Two processes write into it, the daemon and the one that hears RADIUS. The number of a batch is the moment at
which it came, and no two are alike: one process has the even ones, the other the odd.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
)

from sekisho.lines.events import Boot, Heard
from sekisho.store.engine import make_engines, read_url
from sekisho.store.errors import told
from sekisho.store.heard_packing import pack_batch, unpack_batch
from sekisho.store.moments import to_us

_FILE_SUFFIX = "-heard"  # of SQLite's file, beside the store's: so that neither waits for the other's lock
_ROWS = 64  # batches at a time
_WRITERS = 2

_metadata = MetaData()
_heard = Table(
    "heard",
    _metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("events", Integer, nullable=False),
    Column("packed", LargeBinary, nullable=False),
)
_aside = Table(  # what cannot be settled, until somebody looks: of the form of `heard_packing`
    "heard_aside",
    _metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", BigInteger, nullable=False),  # when it was set aside
    Column("packed", LargeBinary, nullable=False),
)
_ASIDE = select(func.count()).select_from(_aside)
_NEWEST = select(func.max(_heard.c.number))
_IS_LEFT = select(exists().where(_heard.c.number <= bindparam("last")))
_WAITING = select(func.coalesce(func.sum(_heard.c.events), 0))
_APPEND = insert(_heard)
_OLDEST = select(_heard.c.number, _heard.c.packed).order_by(_heard.c.number).limit(_ROWS)


class Pending(NamedTuple):
    """What is to be settled next, the oldest first; `numbers` are for `Journal.strike`.

    `broken`: batches that cannot be read.
    """

    batch: tuple[Heard | Boot, ...]
    numbers: tuple[int, ...]
    broken: tuple[bytes, ...] = ()


class Journal:
    """An open journal. Any thread may use it. Everything raises StoreError, and nothing was done then.

    `utc` tells the time; `writer`, 0 or 1, is of each process another.
    """

    def __init__(self, engine: Engine, where: str, utc: Callable[[], datetime], writer: int) -> None:
        self._engine, self._where, self._utc, self._writer = engine, where, utc, writer
        self._turn = threading.Lock()
        self._moment = self.newest() // _WRITERS  # µs, of the batch before

    def append(self, batch: Sequence[Heard | Boot]) -> None:
        """Write a batch; it is durable when this returns."""
        packed = pack_batch(batch)
        with self._turn, told(self._where):
            # For good: of a batch that fails nobody knows whether it is there.
            self._moment = max(self._moment + 1, to_us(self._utc()))
            number = self._moment * _WRITERS + self._writer
            with self._engine.begin() as connection:
                connection.execute(_APPEND, {"number": number, "events": len(batch), "packed": packed})

    def newest(self) -> int:
        """Return the number of the newest batch that waits to be settled; 0 where none does."""
        with told(self._where), self._engine.connect() as connection:
            return connection.execute(_NEWEST).scalar_one() or 0

    def is_left(self, last: int) -> bool:
        """Tell whether any batch up to a number waits to be settled."""
        with told(self._where), self._engine.connect() as connection:
            return bool(connection.execute(_IS_LEFT, {"last": last}).scalar_one())

    def waiting(self) -> int:
        """Return how many events wait to be settled."""
        with told(self._where), self._engine.connect() as connection:
            return int(connection.execute(_WAITING).scalar_one())  # PostgreSQL's sum is a Decimal

    def pending(self, most: int) -> Pending | None:
        """Return batches until they are `most` events or more; None where all is settled."""
        batch: list[Heard | Boot] = []
        numbers: list[int] = []
        broken: list[bytes] = []
        with told(self._where), self._engine.connect() as connection:
            rows = connection.execute(_OLDEST).all()
        for number, packed in rows:
            if len(batch) >= most:
                break
            try:
                batch += tuple(unpack_batch(packed))
            except (ValueError, IndexError, OverflowError, struct.error):
                broken.append(packed)
            numbers.append(number)
        return Pending(tuple(batch), tuple(numbers), tuple(broken)) if numbers else None

    def strike(self, numbers: Sequence[int]) -> None:
        """Strike out what is settled."""
        with self._turn, told(self._where), self._engine.begin() as connection:
            connection.execute(delete(_heard).where(_heard.c.number.in_(numbers)))

    def set_aside(self, numbers: Sequence[int], packed: Sequence[bytes]) -> None:
        """Strike out what is settled, and keep apart what of it cannot be, as `pack_batch` gives it."""
        at = to_us(self._utc())
        with self._turn, told(self._where), self._engine.begin() as connection:
            connection.execute(insert(_aside), [{"at": at, "packed": one} for one in packed])
            connection.execute(delete(_heard).where(_heard.c.number.in_(numbers)))

    def aside(self) -> int:
        """Return how much was set aside and nobody has looked at."""
        with told(self._where), self._engine.connect() as connection:
            return connection.execute(_ASIDE).scalar_one()

    def forget_aside(self, before: datetime) -> int:
        """Forget what was set aside before a moment; return how much it was."""
        old = delete(_aside).where(_aside.c.at < to_us(before))
        with self._turn, told(self._where), self._engine.begin() as connection:
            return connection.execute(old).rowcount

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()


def open_journal(
    url: str, utc: Callable[[], datetime] = lambda: datetime.now(UTC), *, writer: int = 0
) -> Journal:
    """Open the journal of a store, whose url this is, as one of its writers. Raises StoreError."""
    read = read_url(url)
    if read.get_backend_name() == "sqlite":
        read = read.set(database=f"{read.database}{_FILE_SUFFIX}")
    where = read.render_as_string(hide_password=True)
    engine = make_engines(read).plain
    try:
        with told(where):
            _metadata.create_all(engine)
        return Journal(engine, where, utc, writer)
    except BaseException:
        engine.dispose()
        raise
