"""A store that is only read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from sekisho.store import Store, StoreError
from sekisho.store.engine import read_url
from sekisho.store.read_only import reading_only
from sekisho.trial.events import Event, What

EVENT = Event(datetime(2027, 4, 1, tzinfo=UTC), "spring", What.SUSPENDED, "hot", "root", 0)


def test_what_a_daemon_has_written_is_read_beside_it(store: Store, url: str) -> None:
    with store.transaction() as transaction:
        transaction.add_trial_event(EVENT)
    with reading_only(url) as transaction:
        assert transaction.trial_events("spring") == (EVENT,)


def test_nothing_can_be_written(store: Store, url: str) -> None:
    with store.transaction():
        pass
    with pytest.raises(StoreError), reading_only(url) as transaction:
        transaction.add_trial_event(EVENT)
    with store.reading() as transaction:
        assert transaction.trial_events("spring") == ()


def test_another_schema_is_refused(store: Store, url: str) -> None:
    store.close()
    engine = create_engine(read_url(url))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    engine.dispose()
    with pytest.raises(StoreError, match="its schema is of another sekisho"), reading_only(url):
        pass


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no such file"), reading_only(f"sqlite:///{tmp_path}/x.db"):
        pass
    assert list(tmp_path.iterdir()) == []
