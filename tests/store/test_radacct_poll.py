"""Polling FreeRADIUS's table: everything new is told once, whatever is committed late."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Engine,
    MetaData,
    Table,
    Text,
    create_engine,
    delete,
    insert,
    update,
)

from sekisho.lines.events import Kind
from sekisho.lines.radacct import NEEDED, OPTIONAL, Mark
from sekisho.lines.radacct_poll import PAGE, SWEEP, Radacct, RadacctError
from sekisho.lines.radius import Naming
from tests.store.postgres import Postgres

SCHEMA = Path("/etc/freeradius/3.0/mods-config/sql/main/postgresql/schema.sql")
TOKYO = ZoneInfo("Asia/Tokyo")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LONG_AGO = NOON - timedelta(days=183)
NAMING = (Naming.CLASS, Naming.USER_NAME)
TIMES = ("acctstarttime", "acctupdatetime", "acctstoptime")


class Writer:
    """FreeRADIUS's part: writes rows; `now` is what time it is."""

    def __init__(self, engine: Engine, table: Table, zone: ZoneInfo | None) -> None:
        self._engine, self._table, self._zone = engine, table, zone
        self.now = NOON

    def start(self, number: int, *, begin: datetime | None = None, **more: object) -> None:
        """Write a session that has begun."""
        self._write(insert(self._table).values(self._row(number, self.now if begin is None else begin, more)))

    def start_all(self, numbers: Iterable[int]) -> None:
        """Write sessions that have begun, at once."""
        self._write(insert(self._table).values([self._row(number, self.now, {}) for number in numbers]))

    def change(self, number: int, **values: object) -> None:
        """Write a row anew."""
        self._write(
            update(self._table).where(self._table.c.radacctid == number).values(self._as_kept(values))
        )

    def stop(self, number: int, at: datetime) -> None:
        """Write that a session has ended."""
        self.change(number, acctupdatetime=at, acctstoptime=at)

    def forget(self, number: int) -> None:
        """Delete a row."""
        self._write(delete(self._table).where(self._table.c.radacctid == number))

    def _row(self, number: int, at: datetime, more: Mapping[str, object]) -> dict[str, object]:
        row = {
            "radacctid": number,
            "acctsessionid": f"s{number}",
            "acctuniqueid": f"u{number}",
            "username": f"user{number}",
            "nasipaddress": "198.51.100.1",
            "framedipaddress": f"100.64.{number >> 8}.{number & 255}",
            "acctstarttime": at,
            "acctupdatetime": at,
            "acctstoptime": None,
            **more,
        }
        return self._as_kept(row)

    def _write(self, statement: object) -> None:
        with self._engine.begin() as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def _as_kept(self, row: dict[str, object]) -> dict[str, object]:
        return {key: self._moment(value) for key, value in row.items() if key in self._table.c}

    def _moment(self, value: object) -> object:
        if isinstance(value, datetime) and self._zone is not None:
            return value.astimezone(self._zone).replace(tzinfo=None)
        return value


class Reader:
    """Our part: polls, takes everything, and keeps the mark."""

    def __init__(self, radacct: Radacct, writer: Writer) -> None:
        self.radacct, self._writer = radacct, writer
        self.mark = Mark()
        self.unparsable = 0

    def poll(self) -> list[tuple[Kind, str]]:
        """Return what one round tells."""
        told = []
        for batch in self.radacct.poll(self.mark, LONG_AGO):
            told += [(one.kind, one.name) for one in batch.heard]
            self.unparsable += batch.unparsable
            self.mark = batch.mark
        return told


def table_without_zones(engine: Engine) -> Table:
    """A table as MySQL has it."""
    metadata = MetaData()
    texts = [name for name in (*NEEDED[1:], *OPTIONAL) if name not in TIMES]
    table = Table(
        "radacct",
        metadata,
        Column("radacctid", BigInteger, primary_key=True, autoincrement=False),
        *(Column(name, Text) for name in texts),
        *(Column(name, DateTime) for name in TIMES),
    )
    metadata.create_all(engine)
    return table


@pytest.fixture
def writer(url: str) -> Iterator[Writer]:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    if engine.dialect.name == "sqlite":
        yield Writer(engine, table_without_zones(engine), TOKYO)
    else:
        with psycopg.connect(url) as connection:
            connection.execute(SCHEMA.read_bytes())
        yield Writer(engine, Table("radacct", MetaData(), autoload_with=engine), None)
    engine.dispose()


@pytest.fixture
def reader(url: str, writer: Writer) -> Iterator[Reader]:
    zone = TOKYO if url.startswith("sqlite") else None
    radacct = Radacct(url, NAMING, zone, utc=lambda: writer.now)
    yield Reader(radacct, writer)
    radacct.close()


def test_what_is_new_is_told_once(reader: Reader, writer: Writer) -> None:
    assert reader.poll() == []
    writer.start(1)
    assert reader.poll() == [(Kind.INTERIM, "user1")]
    assert reader.poll() == []
    writer.start(2)
    assert reader.poll() == [(Kind.INTERIM, "user2")]
    writer.change(2, **{"class": "0x6f66666963652d3137"})
    assert reader.poll() == [(Kind.INTERIM, "office-17")]
    writer.now += timedelta(minutes=1)
    writer.change(1, acctupdatetime=NOON + timedelta(seconds=50))
    assert reader.poll() == [(Kind.INTERIM, "user1")] * 2
    writer.stop(2, NOON + timedelta(seconds=55))
    assert reader.poll() == [(Kind.INTERIM, "office-17"), (Kind.STOP, "office-17")]
    assert reader.poll() == []


def test_what_it_tells_is_true(reader: Reader, writer: Writer) -> None:
    writer.start(1, delegatedipv6prefix="2001:db8:4000:100::/56")
    ((one, *_), *_) = (batch.heard for batch in reader.radacct.poll(Mark(), LONG_AGO))
    assert (one.at, one.nas, one.name, one.rank) == (NOON, "198.51.100.1", "user1", 1)
    assert [(address.network[:2], address.length) for address in one.addresses] == [
        (bytes([100, 64]), 32),
        (bytes([0x20, 0x01]), 56),
    ]


def test_many_rows_come_in_batches_and_each_once(reader: Reader, writer: Writer) -> None:
    numbers = range(1, 2 * PAGE + 204)
    writer.start_all(numbers)
    told = reader.poll()
    assert sorted(told) == sorted((Kind.INTERIM, f"user{number}") for number in numbers)
    assert reader.poll() == []


def test_what_was_not_taken_comes_again(reader: Reader, writer: Writer) -> None:
    writer.start_all(range(1, PAGE + 3))
    rounds = reader.radacct.poll(reader.mark, LONG_AGO)
    reader.mark = next(rounds).mark
    next(rounds)
    del rounds  # the store is away: the second batch was not taken
    assert reader.poll() == [(Kind.INTERIM, f"user{PAGE + 1}"), (Kind.INTERIM, f"user{PAGE + 2}")]


def test_a_row_that_was_committed_after_later_ones_is_found(reader: Reader, writer: Writer) -> None:
    writer.start(9)
    assert reader.poll() == [(Kind.INTERIM, "user9")]
    writer.start(5, begin=NOON - timedelta(seconds=30))
    assert reader.poll() == [(Kind.INTERIM, "user5")]


def test_what_came_much_later_than_it_happened_is_found_in_time(reader: Reader, writer: Writer) -> None:
    writer.start(1, begin=NOON - timedelta(hours=9))
    writer.start(SWEEP + 50)
    reader.poll()
    writer.stop(1, NOON - timedelta(hours=3))  # FreeRADIUS had it in its spool
    told = [one for _ in range(3) for one in reader.poll()]
    assert (Kind.STOP, "user1") in told


def test_what_ended_long_ago_is_told_once(reader: Reader, writer: Writer) -> None:
    writer.start(1, begin=NOON - timedelta(days=20), acctstoptime=NOON - timedelta(days=10))
    assert reader.poll() == [(Kind.INTERIM, "user1"), (Kind.STOP, "user1")]
    writer.start(2)
    assert reader.poll() == [(Kind.INTERIM, "user2")]
    assert reader.poll() == []


def test_a_nas_whose_clock_is_ahead_hides_nothing(reader: Reader, writer: Writer) -> None:
    writer.start(1, begin=NOON + timedelta(days=365))
    writer.start(2, begin=NOON + timedelta(minutes=5))
    writer.start(3)
    assert set(reader.poll()) == {(Kind.INTERIM, "user2"), (Kind.INTERIM, "user3")}
    assert reader.unparsable > 0
    writer.now += timedelta(minutes=1)
    writer.stop(3, writer.now)
    assert (Kind.STOP, "user3") in reader.poll()


def test_what_ended_before_anybody_keeps_it_is_left_out(reader: Reader, writer: Writer) -> None:
    writer.start(1, begin=LONG_AGO - timedelta(days=2), acctstoptime=LONG_AGO - timedelta(days=1))
    writer.start(2, begin=LONG_AGO - timedelta(days=2))
    assert reader.poll() == [(Kind.INTERIM, "user2")]


def test_a_row_that_says_nothing_does_not_stop_the_others(reader: Reader, writer: Writer) -> None:
    writer.start(1, acctsessionid="")
    writer.start(2, username=None)
    writer.start(3)
    assert reader.poll() == [(Kind.INTERIM, "user3")]
    assert reader.unparsable > 0


def test_rows_that_are_deleted_are_no_matter(reader: Reader, writer: Writer) -> None:
    for number in (1, 2):
        writer.start(number)
    reader.poll()
    writer.forget(2)
    writer.start(3)
    assert reader.poll() == [(Kind.INTERIM, "user3")]


def utc() -> datetime:
    return NOON


def test_there_must_be_the_table(url: str) -> None:
    with pytest.raises(RadacctError, match="there is no table radacct: name FreeRADIUS's database"):
        Radacct(url, NAMING, None, utc=utc)


def test_the_table_must_be_freeradius_s(url: str) -> None:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    metadata = MetaData()
    Table("radacct", metadata, Column("radacctid", BigInteger, primary_key=True))
    metadata.create_all(engine)
    engine.dispose()
    with pytest.raises(RadacctError, match="has no column acctsessionid, username"):
        Radacct(url, NAMING, None, utc=utc)


def test_times_without_a_zone_are_refused_where_nobody_says_which(url: str) -> None:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    table_without_zones(engine)
    engine.dispose()
    with pytest.raises(RadacctError, match=r'keeps times without a zone: .* zone = "Asia/Tokyo"'):
        Radacct(url, NAMING, None, utc=utc)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("radius:hush", "this is no url of a database"),
        ("mysql+pymysql://radius:hush@db.invalid/radius", "there is no pymysql here: install it"),
        ("postgresql://radius:hush@/radius?host=/nowhere", "see that the database runs"),
        ("postgresql:///radius?user=radius&password=hush&host=/nowhere", "see that the database runs"),
        ("sqlite:////nowhere/radius.db", "see that the database runs"),
    ],
)
def test_an_url_that_cannot_be_used_is_told_without_its_password(url: str, said: str) -> None:
    with pytest.raises(RadacctError) as caught:
        Radacct(url, NAMING, None, utc=utc)
    assert said in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_user_who_may_only_read_is_enough(postgres: Postgres) -> None:
    url = postgres.make_database()
    try:
        with psycopg.connect(url) as connection:
            connection.execute(SCHEMA.read_bytes())
            connection.execute("CREATE USER reader")
            connection.execute("GRANT SELECT ON radacct TO reader")
            connection.execute(
                "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime)"
                " VALUES ('a', 'a', 'alice', '198.51.100.1', '2026-11-24 12:00Z')"
            )
        radacct = Radacct(url.replace("//postgres@", "//reader@"), NAMING, None, utc=utc)
        told = [one.name for batch in radacct.poll(Mark(), LONG_AGO) for one in batch.heard]
        radacct.close()
        assert set(told) == {"alice"}
    finally:
        postgres.drop_database(url)
        with psycopg.connect(postgres.url("postgres")) as connection:
            connection.execute("DROP USER reader")


def test_a_database_that_was_away_is_read_on(postgres: Postgres) -> None:
    url = postgres.make_database()
    try:
        with psycopg.connect(url) as connection:
            connection.execute(SCHEMA.read_bytes())
        radacct = Radacct(url, NAMING, None, utc=utc)
        assert [batch.heard for batch in radacct.poll(Mark(), LONG_AGO)] == [()]
        postgres.stop()
        with pytest.raises(RadacctError, match="see that the database runs"):
            list(radacct.poll(Mark(), LONG_AGO))
        postgres.start()
        assert [batch.heard for batch in radacct.poll(Mark(), LONG_AGO)] == [()]
        radacct.close()
    finally:
        postgres.drop_database(url)
