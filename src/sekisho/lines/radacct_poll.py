"""Asks FreeRADIUS's table of accounting what is new in it.

Each round reads the rows that are new, those written again since the last one (and a little before), and
looks at some thousand others again: what came later than that is found in the course of time.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import (
    Column,
    ColumnElement,
    Engine,
    MetaData,
    Table,
    Text,
    cast,
    create_engine,
    make_url,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchTableError, SQLAlchemyError

from sekisho.lines.events import Heard
from sekisho.lines.radacct import (
    CLOCKS_AHEAD,
    NEEDED,
    OPTIONAL,
    Mark,
    Row,
    UnparsableRowError,
    heard,
    later,
    read_row,
)
from sekisho.lines.radius import Naming

PAGE: Final = 500  # rows of one batch
SWEEP: Final = 2_000  # numbers of rows that are looked at again in one round
LATEST: Final = timedelta(days=7)  # no packet waits longer in anybody's spool

_CONNECT_SECONDS = 5
_TABLE = "radacct"
_Values = Sequence[Any]
_NOTHING: Final = None, None


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
        self._recent: dict[int, tuple[datetime, int]] = {}  # update and hash of rows that will come again
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
            mark = yield from self._say(rows, mark)
        if mark.overlap is not None:
            self._forget(mark.overlap)
            until = self._bound(self._utc() + CLOCKS_AHEAD)
            for rows in self._pages(
                [update, number], [self._bound(mark.overlap), 0], wanted, update <= until
            ):
                mark = yield from self._say(rows, mark)
        swept = mark.swept + SWEEP
        may_change = or_(stop.is_(None), stop >= self._bound(max(since, self._utc() - LATEST)))
        for rows in self._pages([number], [mark.swept], may_change, number <= swept):
            mark = yield from self._say(rows, mark)
        yield Batch((), 0, mark._replace(swept=swept if swept < mark.row else 0))

    def _pages(
        self, order: list[Column[Any]], after: list[Any], *conditions: ColumnElement[bool]
    ) -> Iterator[Sequence[_Values]]:
        """Yield rows page by page in an order, from after a place in it."""
        page = select(*self._columns.values()).where(*conditions).order_by(*order).limit(PAGE)
        places = [list(self._columns).index(column.name) for column in order]
        is_full = True
        while is_full:
            with self._told(), self._engine.begin() as connection:
                rows = connection.execute(page.where(tuple_(*order) > tuple_(*after))).all()
            is_full = len(rows) == PAGE
            if rows:
                after = [rows[-1][place] for place in places]
                yield rows

    def _say(self, rows: Sequence[_Values], mark: Mark) -> Generator[Batch, None, Mark]:
        """Yield what rows say that did not say so before, and remember them when that is taken."""
        said: list[Heard] = []
        read: list[tuple[Row, int]] = []
        unparsable, now = 0, self._utc()
        for values in rows:
            hashed = hash(values)
            if self._recent.get(values[0], _NOTHING)[1] == hashed:
                continue
            try:
                row = read_row(dict(zip(self._columns, values, strict=True)), self._zone)
                mark = later(mark, row, now)
                said += heard(row, self._naming, now)
            except UnparsableRowError:
                unparsable += 1
            else:
                read.append((row, hashed))
        if read or unparsable:
            yield Batch(tuple(said), unparsable, mark)
        begin, end = mark.overlap, mark.update
        if begin is not None and end is not None:
            for row, hashed in read:
                if row.update is not None and begin <= row.update <= end:
                    self._recent[row.number] = row.update, hashed
        return mark

    def _forget(self, overlap: datetime) -> None:
        self._recent = {number: kept for number, kept in self._recent.items() if kept[0] >= overlap}

    def _bound(self, moment: datetime) -> datetime:
        """Return a moment as the table keeps it."""
        return moment if self._zone is None else moment.astimezone(self._zone).replace(tzinfo=None)

    def _known_columns(self) -> dict[str, ColumnElement[Any]]:
        """Return what is selected, by name, the number first; addresses as text, which is read faster."""
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
        return {
            name: cast(column, Text).label(name) if isinstance(column.type, INET) else column
            for name in (*NEEDED, *OPTIONAL)
            if (column := self._table.c.get(name)) is not None
        }

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
