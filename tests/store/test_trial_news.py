"""What one daemon does with a trial is heard by others of the same store; what each gate obeys is kept."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from sekisho.store import Store, StoreError, open_store
from sekisho.trial.events import Event, What
from sekisho.trial.obeying import Obeying
from tests.system.waiting import until

NOW = datetime(2027, 4, 20, 3, tzinfo=UTC)


@contextmanager
def heard_by(store: Store) -> Iterator[list[bool]]:
    """Listen in a thread; what is yielded grows with each time there was news, and ends with a False."""
    told: list[bool] = []
    wake, listens = os.eventfd(0), threading.Event()

    def listen() -> None:
        with store.listening() as news:
            listens.set()
            told.append(news.wait(wake))
            while told[-1]:
                told.append(news.wait(wake))

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        assert listens.wait(60)
        yield told
    finally:
        os.eventfd_write(wake, 1)
        thread.join()
        os.close(wake)


def write(store: Store, what: What) -> None:
    with store.transaction() as transaction:
        transaction.add_trial_event(Event(NOW, "spring", what, "why", "noc", 0))


def test_another_daemons_suspension_is_heard_when_it_is_durable(postgres_url: str) -> None:
    here, there = open_store(postgres_url), open_store(postgres_url)
    with heard_by(here) as told:
        write(there, What.CLOCK_JUMPED)
        with there.transaction() as transaction:
            transaction.add_trial_event(Event(NOW, "spring", What.SUSPENDED, "why", "noc", 0))
            assert told == [], "neither of what suspends nothing nor of what is not durable"
        until(lambda: told == [True])
        write(there, What.RESUMED)
        until(lambda: told == [True, True])
    assert told == [True, True, False]
    here.close()
    there.close()


def test_nobody_else_writes_into_a_file_so_nothing_is_heard(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    with heard_by(store) as told:
        write(store, What.SUSPENDED)
    assert told == [False]
    store.close()


def test_a_listener_learns_that_its_server_has_ended(postgres_url: str) -> None:
    store, wake = open_store(postgres_url), os.eventfd(0)

    def listen() -> None:
        with store.listening() as news:
            with psycopg.connect(postgres_url, autocommit=True) as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'"
                )
            news.wait(wake)

    with pytest.raises(StoreError, match="no connection"):
        listen()
    os.close(wake)
    store.close()


def test_what_a_gate_obeys_is_kept_for_each_gate_of_each_trial(store: Store) -> None:
    follows, obeys = Obeying("tokyo-1", None, NOW), Obeying("osaka-1", NOW, NOW)
    later = Obeying("tokyo-1", NOW, NOW + timedelta(minutes=1))
    with store.transaction() as transaction:
        transaction.put_obeying("spring", follows)
        transaction.put_obeying("spring", obeys)
        transaction.put_obeying("summer", follows)
        transaction.put_obeying("spring", later)
    with store.reading() as transaction:
        assert transaction.obeying("spring") == (obeys, later)
        assert transaction.obeying("summer") == (follows,)
        assert transaction.obeying("autumn") == ()
