"""Whoever looks a line up waits for what was heard before, and not for what goes on coming."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from sekisho.daemon import settler
from sekisho.daemon.bell import Bell
from sekisho.daemon.settler import Settler
from sekisho.lines.events import Boot, Heard
from sekisho.store import Journal, StoreError
from sekisho.store.journal import Pending
from tests.store.values import at


class FullJournal(Journal):
    """A journal in memory that has another batch whenever one is struck out."""

    def __init__(self) -> None:
        self.last = 0
        self.rows: deque[tuple[int, Boot]] = deque()
        self.fills = True
        for _ in range(3):
            self.append(())

    def aside(self) -> int:
        return 0

    def append(self, batch: Sequence[Heard | Boot]) -> None:  # noqa: ARG002 - each is as good as another
        self.last += 1
        self.rows.append((self.last, Boot(str(self.last), at(0))))

    def newest(self) -> int:
        return self.rows[-1][0] if self.rows else 0

    def is_left(self, last: int) -> bool:
        return bool(self.rows) and self.rows[0][0] <= last

    def pending(self, most: int) -> Pending | None:  # noqa: ARG002 - one at a time
        if not self.rows:
            return None
        number, boot = self.rows[0]
        return Pending((boot,), (number,))

    def strike(self, numbers: Sequence[int]) -> None:
        assert self.rows.popleft()[0] == numbers[0]
        if self.fills:
            self.append(())


@pytest.fixture
def bell() -> Iterator[Bell]:
    made = Bell()
    yield made
    made.close()


@contextmanager
def settling(journal: FullJournal, taken: list[str], bell: Bell) -> Iterator[Settler]:
    """Settle in a thread, as a daemon does."""

    def take(batch: Sequence[Heard | Boot]) -> None:
        taken.extend(one.nas for one in batch)
        time.sleep(0.005)  # as long as a database may take

    one = Settler(journal, take, bell)
    one.start()
    try:
        yield one
    finally:
        journal.fills = False
        one.stop()


@pytest.mark.parametrize("alone", [True, False])
def test_a_journal_that_never_empties_keeps_nobody_waiting(
    alone: bool, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settler, "PATIENCE_SECONDS", 60.0)  # until an error: for what hangs
    journal, taken = FullJournal(), list[str]()
    if alone:
        Settler(journal, lambda batch: taken.extend(one.nas for one in batch), bell).settle()
        assert taken == ["1", "2", "3"]
        return
    with settling(journal, taken, bell) as busy:
        for _ in range(5):
            last = journal.last
            busy.settle()
            assert str(last) in taken


def test_a_batch_that_is_being_written_while_nothing_is_pending_is_not_taken_for_settled(
    bell: Bell,
) -> None:
    journal, taken = FullJournal(), list[str]()
    journal.fills = False
    one = Settler(journal, lambda batch: taken.extend(each.nas for each in batch), bell)
    one.settle()
    pending = journal.pending

    def pending_and_then_one_more(most: int) -> Pending | None:
        found = pending(most)
        journal.append(())
        return found

    monkeypatched, journal.pending = journal.pending, pending_and_then_one_more  # type: ignore[method-assign]
    one._settle_some()
    journal.pending = monkeypatched  # type: ignore[method-assign]
    one.settle()
    assert taken == ["1", "2", "3", "4"]


def test_patience_ends_where_somebody_else_settles_and_gets_nowhere(
    bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settler, "PATIENCE_SECONDS", 0.2)
    stuck, entered = threading.Event(), threading.Event()

    def take(_: Sequence[Heard | Boot]) -> None:
        entered.set()
        assert stuck.wait(30)

    journal = FullJournal()
    journal.fills = False
    one = Settler(journal, take, bell)
    one.start()
    try:
        assert entered.wait(30)
        with pytest.raises(StoreError, match="ask again shortly"):
            one.settle()
    finally:
        stuck.set()
        one.stop()
