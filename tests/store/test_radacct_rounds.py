"""Rounds over FreeRADIUS's table in the daemon: the mark is kept, whatever is away meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from sekisho.daemon.radacct_rounds import RadacctRounds
from sekisho.lines.events import Heard
from sekisho.lines.radacct_poll import Batch, Radacct
from sekisho.lines.radius import Naming
from sekisho.store import Store, StoreError
from tests.system.waiting import until

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
TABLE = """\
CREATE TABLE radacct (
    radacctid INTEGER PRIMARY KEY, acctsessionid TEXT, username TEXT, nasipaddress TEXT,
    acctstarttime DATETIME, acctupdatetime DATETIME, acctstoptime DATETIME, framedipaddress TEXT
)
"""


class Site:
    """A table that sessions are written into, a store, and what was taken."""

    def __init__(self, file: Path, store: Store) -> None:
        self._file, self._store = file, store
        self.taken: list[str] = []
        self.is_away = False
        self.refused = 0

    def make(self) -> None:
        """Make the table."""
        with closing(sqlite3.connect(self._file)) as connection:
            connection.execute(TABLE)

    def begin(self, *numbers: int) -> None:
        """Write sessions that have begun."""
        with closing(sqlite3.connect(self._file)) as connection, connection:
            connection.executemany(
                "INSERT INTO radacct VALUES (?, ?, ?, '198.51.100.1', ?, ?, NULL, '100.64.0.1')",
                [(n, f"s{n}", f"user{n}", *["2026-11-24 12:00:00"] * 2) for n in numbers],
            )

    @contextmanager
    def running(self) -> Iterator[RadacctRounds]:
        """The daemon is there meanwhile."""
        rounds = RadacctRounds(
            lambda: Radacct(f"sqlite:///{self._file}", [Naming.USER_NAME], ZoneInfo("UTC"), utc=lambda: NOON),
            self._store,
            every_seconds=0.01,
            take=self._take,
            since=lambda: NOON - timedelta(days=1),
        )
        rounds.start()
        try:
            yield rounds
        finally:
            rounds.stop()

    def _take(self, batch: Sequence[Heard]) -> None:
        if self.is_away:
            self.refused += 1
            raise StoreError("the store is away")
        self.taken += [one.name for one in batch]


@pytest.fixture
def site(tmp_path: Path, store: Store) -> Site:
    return Site(tmp_path / "radius.db", store)


def test_a_daemon_that_starts_anew_goes_on_where_it_was(site: Site) -> None:
    site.make()
    site.begin(1, 2)
    with site.running():
        until(lambda: site.taken == ["user1", "user2"])
    site.taken.clear()
    site.begin(9)
    with site.running():
        until(lambda: "user9" in site.taken)
    assert site.taken[0] == "user9"  # those within the overlap come after it


def test_a_table_that_is_not_there_yet(site: Site) -> None:
    with capture_logs() as logs, site.running() as rounds:
        until(lambda: len(logs) > 0)
        site.make()
        site.begin(1)
        until(lambda: site.taken == ["user1"])
        assert rounds.is_alive
    assert [entry["event"] for entry in logs] == [
        "radacct cannot be read; trying again",
        "what had failed works again",
    ]


def test_what_the_store_did_not_take_comes_again(site: Site) -> None:
    site.make()
    site.begin(1)
    site.is_away = True
    with site.running() as rounds:
        until(lambda: site.refused > 1)
        assert site.taken == []
        site.is_away = False
        until(lambda: site.taken == ["user1"])
    assert rounds.counts["taken"] == 1


def test_a_fault_of_ours_is_told_and_does_not_end_the_rounds(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.make()
    site.begin(1)
    faults = [ValueError("never thought of")]
    poll = Radacct.poll

    def faulty(*arguments: Any) -> Iterator[Batch]:
        if faults:
            raise faults.pop()
        return poll(*arguments)

    monkeypatch.setattr(Radacct, "poll", faulty)
    with capture_logs() as logs, site.running() as rounds:
        until(lambda: site.taken == ["user1"])
        assert rounds.is_alive
    assert "our fault" in logs[0]["event"]
