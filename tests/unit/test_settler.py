"""An event that cannot be settled stops no other."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from sekisho.daemon import settler as settling
from sekisho.daemon.bell import Bell
from sekisho.daemon.settler import Settler
from sekisho.lines.events import Boot, Heard
from sekisho.store import Journal, StoreError, UnfitError, open_journal
from tests.store.values import at

BOOTS = tuple(Boot(str(number), at(number)) for number in range(20))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/gate.db"


@pytest.fixture
def journal(url: str) -> Iterator[Journal]:
    opened = open_journal(url)
    yield opened
    opened.close()


@pytest.fixture
def bell() -> Iterator[Bell]:
    made = Bell()
    yield made
    made.close()


class Taker:
    """Takes boots, except of the poisoned NASes."""

    def __init__(self, error: Exception, *poisoned: str) -> None:
        self.error, self.poisoned = error, poisoned
        self.taken: list[Heard | Boot] = []

    def __call__(self, batch: Sequence[Heard | Boot]) -> None:
        if any(one.nas in self.poisoned for one in batch):
            raise self.error
        self.taken += batch


@pytest.mark.parametrize("error", [struct.error("count"), UnfitError("too large"), KeyError("x")])
def test_what_cannot_be_settled_is_set_aside_alone(
    journal: Journal, bell: Bell, url: str, error: Exception
) -> None:
    take = Taker(error, "7", "13")
    settler = Settler(journal, take, bell)
    journal.append(BOOTS)
    settler.settle()
    assert take.taken == [boot for boot in BOOTS if boot.nas not in ("7", "13")]
    assert settler.set_aside == 2
    assert (journal.waiting(), journal.pending(1)) == (0, None)
    again = open_journal(url)
    assert Settler(again, take, bell).set_aside == 2
    again.close()


def test_a_store_that_fails_sets_nothing_aside(journal: Journal, bell: Bell) -> None:
    settler = Settler(journal, Taker(StoreError("full"), "7"), bell)
    journal.append(BOOTS)
    with pytest.raises(StoreError, match="full"):
        settler.settle()
    assert settler.set_aside == 0
    assert journal.pending(1) is not None


def test_a_batch_that_cannot_be_read_is_set_aside(
    journal: Journal, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Taker(KeyError("x"))
    settler = Settler(journal, take, bell)
    with monkeypatch.context() as patch:
        patch.setattr("sekisho.store.journal.pack_batch", lambda _: b"\1\0short")
        journal.append(BOOTS)
    journal.append(BOOTS)
    settler.settle()
    assert take.taken == list(BOOTS)
    assert settler.set_aside == 1


class PassingTrouble:
    """Takes nothing for some calls."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.taken: list[Heard | Boot] = []

    def __call__(self, batch: Sequence[Heard | Boot]) -> None:
        self.calls -= 1
        if self.calls >= 0:
            raise OSError(24, "Too many open files")
        self.taken += batch


def test_trouble_that_passes_sets_nothing_aside(
    journal: Journal, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "LOOK_SECONDS", 0)
    take = PassingTrouble(2 * len(BOOTS) - 1)  # as many calls as a batch has halves, and halves of halves
    settler = Settler(journal, take, bell)
    journal.append(BOOTS)
    settler.settle()
    assert take.taken == list(BOOTS)
    assert settler.set_aside == 0


def test_where_nothing_can_ever_be_settled_all_of_it_is_set_aside(
    journal: Journal, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "LOOK_SECONDS", 0)
    settler = Settler(journal, Taker(KeyError("x"), *(boot.nas for boot in BOOTS)), bell)
    journal.append(BOOTS)
    settler.settle()
    assert settler.set_aside == len(BOOTS)
