"""Every test of the store runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sekisho.store import Store, open_store
from tests.store.empty import lay_empty_store
from tests.store.postgres import Postgres, server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server that runs as long as the tests."""
    with server("fsync=off") as running:  # no test fails the power; a database dropped waits for all the disk
        yield running


@pytest.fixture(scope="session")
def postgres_store(postgres: Postgres) -> str:
    """The url of a PostgreSQL store with nothing in it, to be copied."""
    url = postgres.make_database()
    open_store(url).close()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The url of a database of either kind without a table in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.db'}"
    else:
        yield from _database(request)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The url of a store of either kind with nothing in it."""
    if request.param == "sqlite":
        yield lay_empty_store(tmp_path / "store.db")
    else:
        yield from _database(request, like=request.getfixturevalue("postgres_store"))


def _database(request: pytest.FixtureRequest, like: str | None = None) -> Iterator[str]:
    """Lend a database of the PostgreSQL server, which does not start where nobody asks for it."""
    running: Postgres = request.getfixturevalue("postgres")
    made = running.make_database(like)
    yield made
    running.drop_database(made)


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest, postgres_store: str) -> Iterator[str]:
    """The url of a PostgreSQL store with nothing in it."""
    yield from _database(request, like=postgres_store)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An open store with nothing in it."""
    opened = open_store(url)
    yield opened
    opened.close()
