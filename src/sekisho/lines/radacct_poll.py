"""Asks FreeRADIUS's table of accounting what is new in it.

Each round reads the rows that are new, those written again since the last one (and a little before), and
looks at some thousand others again: what came later than that is found in the course of time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import (
    Column,
    ColumnElement,
    Engine,
    MetaData,
    RowMapping,
    Table,
    create_engine,
    make_url,
    or_,
    select,
    tuple_,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchTableError, SQLAlchemyError

from sekisho.lines.events import Heard
from sekisho.lines.radacct import (
    NEEDED,
    OPTIONAL,
    Mark,
    Row,
    UnparsableRowError,
    heard,
    later,
    read_row,
)
from sekisho.lines.radius import CLOCKS_AHEAD, Naming

PAGE: Final = 500  # rows of one batch
SWEEP: Final = 2_000  # numbers of rows that are looked at again in one round

_CONNECT_SECONDS = 5
_TABLE = "radacct"


class RadacctError(Exception):
    """The table cannot be read: whose fault it is, and the way out."""


class Batch(NamedTuple):
    """What some rows say, how many say nothing that could be kept, how far the table is read with them."""

    heard: tuple[Heard, ...]
    unparsable: int
    mark: Mark


class Radacct:
    """A table of accounting. `zone` is that of times that the table keeps without one; `utc` tells the time.

    Raises RadacctError for an url, a table or a zone that cannot be used.
    """

    def __init__(
        self, url: str, naming: Sequence[Naming], zone: ZoneInfo | None, *, utc: Callable[[], datetime]
    ) -> None:
        self._engine = _engine(url)
        # There may be a password behind the "?" too.
        self.where = f"radacct {self._engine.url.set(query={}).render_as_string(hide_password=True)}"
        self._naming, self._zone, self._utc = naming, zone, utc
        self._recent: dict[int, Row] = {}  # read before, and to be read again
        try:
            with self._told():
                self._table = Table(_TABLE, MetaData(), autoload_with=self._engine, resolve_fks=False)
            self._columns = self._known_columns()
        except RadacctError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the connection."""
        self._engine.dispose()

    def poll(self, mark: Mark, since: datetime) -> Iterator[Batch]:
        """Yield what is new after a mark, in batches; sessions that ended before `since` are left out.

        Take a batch, then keep its mark: what was not taken comes again. Raises RadacctError.
        """
        number, update, stop = (
            self._table.c[name] for name in ("radacctid", "acctupdatetime", "acctstoptime")
        )
        wanted = or_(stop.is_(None), stop >= self._bound(since))
        for rows in self._pages([number], [mark.row], wanted):
            yield (batch := self._batch(rows, mark))
            mark = self._keep(rows, batch)
        if mark.overlap is not None:
            self._forget(mark.overlap)
            until = self._bound(self._utc() + CLOCKS_AHEAD)
            for rows in self._pages(
                [update, number], [self._bound(mark.overlap), 0], wanted, update <= until
            ):
                yield (batch := self._batch(rows, mark))
                mark = self._keep(rows, batch)
        swept = mark.swept + SWEEP
        for rows in self._pages([number], [mark.swept], wanted, number <= swept):
            yield (batch := self._batch(rows, mark))
            mark = self._keep(rows, batch)
        yield Batch((), 0, mark._replace(swept=swept if swept < mark.row else 0))

    def _pages(
        self, order: list[Column[Any]], after: list[Any], *conditions: ColumnElement[bool]
    ) -> Iterator[list[Row | None]]:
        """Yield rows page by page in an order, from after a place in it; None for one that says nothing."""
        columns = [self._table.c[name] for name in self._columns]
        page = select(*columns).where(*conditions).order_by(*order).limit(PAGE)
        is_full = True
        while is_full:
            with self._told(), self._engine.begin() as connection:
                found = connection.execute(page.where(tuple_(*order) > tuple_(*after))).mappings().all()
                rows = [self._read(values) for values in found]
            is_full = len(found) == PAGE
            if found:
                after = [found[-1][column.name] for column in order]
                yield rows

    def _read(self, values: RowMapping) -> Row | None:
        try:
            return read_row({str(key): value for key, value in values.items()}, self._zone)
        except UnparsableRowError:
            return None

    def _batch(self, rows: list[Row | None], mark: Mark) -> Batch:
        """Return what rows say that did not say so before."""
        said: list[Heard] = []
        unparsable, now = 0, self._utc()
        for row in rows:
            if row is None:
                unparsable += 1
                continue
            mark = later(mark, row, now)
            if self._recent.get(row.number) == row:
                continue
            try:
                said += heard(row, self._naming, now)
            except UnparsableRowError:
                unparsable += 1
        return Batch(tuple(said), unparsable, mark)

    def _keep(self, rows: list[Row | None], batch: Batch) -> Mark:
        """Remember rows that were taken, as far as they are to be read again."""
        begin, end = batch.mark.overlap, batch.mark.update
        if begin is not None and end is not None:
            self._recent.update(
                (row.number, row) for row in rows if row and row.update and begin <= row.update <= end
            )
        return batch.mark

    def _forget(self, overlap: datetime) -> None:
        recent = self._recent.items()
        self._recent = {number: row for number, row in recent if row.update and row.update >= overlap}

    def _bound(self, moment: datetime) -> datetime:
        """Return a moment as the table keeps it."""
        return moment if self._zone is None else moment.astimezone(self._zone).replace(tzinfo=None)

    def _known_columns(self) -> list[str]:
        missing = [name for name in NEEDED if name not in self._table.c]
        if missing:
            raise RadacctError(
                f"{self.where}: the table {_TABLE} has no column {', '.join(missing)}: "
                "bring it to the schema of FreeRADIUS 3.2"
            )
        keeps_zone = bool(getattr(self._table.c["acctupdatetime"].type, "timezone", False))
        if keeps_zone:
            self._zone = None
        elif self._zone is None:
            raise RadacctError(
                f"{self.where}: the table {_TABLE} keeps times without a zone: write that of FreeRADIUS's "
                'machine into [radacct], as in zone = "Asia/Tokyo"'
            )
        return [name for name in (*NEEDED, *OPTIONAL) if name in self._table.c]

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except NoSuchTableError:
            raise RadacctError(
                f"{self.where}: there is no table {_TABLE}: name FreeRADIUS's database"
            ) from None
        except SQLAlchemyError as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            raise RadacctError(
                f"{self.where}: {type(cause).__name__}: see that the database runs, its url leads to it, "
                f"and that its user may read {_TABLE}"
            ) from None


def _engine(url: str) -> Engine:
    """Make what gives connections. Raises RadacctError."""
    try:
        read = make_url(url)
        if read.drivername == "postgresql":
            read = read.set(drivername="postgresql+psycopg")
        waits = {} if read.get_backend_name() == "sqlite" else {"connect_timeout": _CONNECT_SECONDS}
        engine = create_engine(
            read, hide_parameters=True, pool_pre_ping=True, pool_size=1, connect_args=waits
        )
    except ArgumentError:  # the text stays untold, for there may be a password in it
        raise RadacctError("radacct: this is no url of a database: mend it in [radacct]") from None
    except ModuleNotFoundError as error:
        way_out = "install it into the Python that runs the daemon, or name another in the url"
        raise RadacctError(f"radacct: there is no {error.name} here: {way_out}") from None
    return engine.execution_options(postgresql_readonly=True)
