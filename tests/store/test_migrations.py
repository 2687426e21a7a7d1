"""The schema: from nothing to the newest, as the tables are declared, and never from a newer one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command, op
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text

from sekisho.store import StoreError, open_store
from sekisho.store.engine import read_url
from sekisho.store.schema import metadata
from tests.store.values import HOME, lease


@pytest.fixture
def engine(empty_url: str) -> Iterator[Engine]:
    """The same database by another way."""
    made = create_engine(read_url(empty_url))
    yield made
    made.dispose()


def test_migrations_make_what_is_declared(empty_url: str, engine: Engine) -> None:
    open_store(empty_url).close()
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        tables = set(inspect(connection).get_table_names())
    assert tables == {*metadata.tables, "alembic_version"}


def test_a_store_is_opened_again_with_all_that_is_in_it(empty_url: str) -> None:
    store = open_store(empty_url)
    with store.transaction() as transaction:
        transaction.change_leases([], [lease(0)])
    store.close()
    again = open_store(empty_url)
    with again.reading() as transaction:
        assert transaction.latest([HOME]) == {HOME: lease(0)}
    again.close()


def test_a_newer_schema_is_refused_and_left_alone(empty_url: str, engine: Engine) -> None:
    open_store(empty_url).close()
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"\(9999\) is of a newer sekisho: run that one"):
        open_store(empty_url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


def test_a_migration_that_fails_leaves_nothing(
    empty_url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(op, "create_index", fail)
        with pytest.raises(ZeroDivisionError):
            open_store(empty_url)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == []
    open_store(empty_url).close()


def test_what_guardrails_knew_of_one_gate_is_what_each_begins_with(empty_url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "sekisho.store:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "0010")
        connection.execute(text("INSERT INTO trial_watch VALUES ('spring', 'known')"))
    store = open_store(empty_url)
    with store.reading() as transaction:
        assert transaction.watches("spring", "east") == ("known",)
    store.close()


def test_sqlite_keeps_leases_in_the_order_of_their_keys(tmp_path: Path) -> None:
    """A row number beside each of a hundred million rows would be half as much again."""
    open_store(f"sqlite:///{tmp_path / 'store.db'}").close()
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        made = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
    for table in ("lease", "past_lease"):
        assert made[table].rstrip().endswith("WITHOUT ROWID")
