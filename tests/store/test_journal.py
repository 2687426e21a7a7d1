"""The journal of what was heard."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from sekisho.lines.events import Boot, Heard, Kind
from sekisho.store import Journal, open_journal
from tests.store.values import HOME, PREFIX, at, login_of

BATCH: list[Heard | Boot] = [
    Heard(Kind.START, at(0), "bng1", login_of(1), "alice", 1, (HOME, PREFIX)),
    Boot("bng2", at(1)),
    Heard(Kind.STOP, at(2), "bng1", login_of(1), "alice"),
]

APPENDER = """
import sys
from datetime import UTC, datetime
from itertools import count
from sekisho.lines.events import Boot
from sekisho.store import open_journal

journal = open_journal(sys.argv[1])
for number in count():
    journal.append([Boot(str(number), datetime(2026, 11, 24, tzinfo=UTC))])
    print(number, flush=True)
"""


@pytest.fixture
def journal(url: str) -> Iterator[Journal]:
    opened = open_journal(url)
    yield opened
    opened.close()


def drain(journal: Journal, most: int = 100) -> Iterator[Heard | Boot]:
    while (pending := journal.pending(most)) is not None:
        journal.strike(pending.numbers)
        yield from pending.batch


def test_what_was_heard_is_pending_until_it_is_struck_out(journal: Journal) -> None:
    assert journal.pending(1) is None
    journal.append(BATCH)
    journal.append(BATCH[:1])
    first = journal.pending(1)
    assert first is not None
    assert list(first.batch) == BATCH
    assert journal.pending(1) == first
    journal.strike(first.numbers)
    second = journal.pending(1)
    assert second is not None
    assert list(second.batch) == BATCH[:1]
    journal.strike(second.numbers)
    assert journal.pending(1) is None


def test_batches_are_put_together_up_to_a_number_in_the_order_of_their_coming(journal: Journal) -> None:
    boots: list[Heard | Boot] = [Boot("bng1", at(second)) for second in range(10)]
    for boot in boots:
        journal.append([boot])
    pending = journal.pending(4)
    assert pending is not None
    assert list(pending.batch) == boots[:4]
    journal.append(BATCH)
    assert list(drain(journal, 4)) == [*boots, *BATCH]


def test_a_journal_is_opened_again_with_all_that_is_in_it(url: str) -> None:
    first = open_journal(url)
    first.append(BATCH)
    first.close()
    again = open_journal(url)
    assert list(drain(again)) == BATCH
    again.close()


def test_what_was_acknowledged_is_there_after_the_writer_was_killed(url: str) -> None:
    """Whatever the moment; the power is another matter, for which the database waits on the disk."""
    with subprocess.Popen(
        [sys.executable, "-c", APPENDER, url], stdout=subprocess.PIPE, text=True
    ) as appender:
        assert appender.stdout is not None
        for _ in range(50):
            appender.stdout.readline()
        appender.send_signal(signal.SIGKILL)
        acknowledged = 49 + len(appender.stdout.readlines())
    journal = open_journal(url)
    found = [one.nas for one in drain(journal) if isinstance(one, Boot)]
    journal.close()
    assert found == [str(number) for number in range(len(found))]
    assert len(found) > acknowledged


def test_no_number_is_used_twice_whatever_the_clock_does(url: str) -> None:
    moments = iter((at(0), at(0), at(-3600), at(1)))
    journal = open_journal(url, utc=lambda: next(moments))
    found = []
    for _ in range(4):
        journal.append(BATCH)
        found.append(journal.newest())
        journal.strike([found[-1]])
    journal.close()
    assert found == sorted(set(found))


def test_two_writers_in_one_moment_take_nothing_from_each_other(url: str) -> None:
    writers = [open_journal(url, utc=lambda: at(0), writer=writer) for writer in (0, 1)]
    for second in range(3):
        for number, writer in enumerate(writers):
            writer.append([Boot(f"bng{number}", at(second))])
    assert writers[0].waiting() == writers[1].waiting() == 6
    assert [one.at for one in drain(writers[0])] == [at(second) for second in (0, 0, 1, 1, 2, 2)]
    for writer in writers:
        writer.close()


def test_what_is_left_is_told_up_to_a_number(journal: Journal) -> None:
    assert (journal.newest(), journal.is_left(0), journal.waiting()) == (0, False, 0)
    journal.append(BATCH)
    first = journal.newest()
    journal.append(BATCH[:1])
    assert (journal.is_left(first), journal.waiting()) == (True, 4)
    journal.strike([first])
    assert (journal.is_left(first), journal.is_left(journal.newest()), journal.waiting()) == (False, True, 1)
