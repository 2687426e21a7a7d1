"""What sources say is bounded at the door, and nothing is taken that is not durable."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sekisho.daemon import inbox as inboxes
from sekisho.daemon.inbox import Inbox
from sekisho.lines.events import Boot, Heard
from sekisho.store import Journal, StoreError
from tests.store.values import at

BOOT = Boot("bng1", at(0))
NAMELESS = Boot("\0", at(0))


class Memory(Journal):
    """A journal in memory."""

    def __init__(self) -> None:
        self.batches: list[Sequence[Heard | Boot]] = []
        self.full = False
        self.looks = 0

    def append(self, batch: Sequence[Heard | Boot]) -> None:
        if self.full:
            raise StoreError("the disk is full")
        self.batches.append(batch)

    def waiting(self) -> int:
        self.looks += 1
        return sum(map(len, self.batches))


class Scene:
    """An inbox whose clock and journal are the test's."""

    def __init__(self) -> None:
        self.journal, self.woken, self.seconds = Memory(), 0, 0.0
        self.inbox = Inbox(self.journal, self.wake, lambda: self.seconds)

    def wake(self) -> None:
        self.woken += 1


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_batch_is_durable_before_the_settler_is_woken(scene: Scene) -> None:
    scene.inbox.append([BOOT])
    assert (scene.journal.batches, scene.woken) == ([(BOOT,)], 1)
    scene.journal.full = True
    with pytest.raises(StoreError, match="full"):
        scene.inbox.append([BOOT])
    assert scene.woken == 1


def test_what_has_no_bounds_is_refused_and_counted(scene: Scene) -> None:
    scene.inbox.append([BOOT, NAMELESS])
    scene.inbox.append([NAMELESS])
    assert (scene.journal.batches, scene.inbox.misfits) == ([(BOOT,)], 2)


def test_what_is_not_taken_is_not_counted(scene: Scene) -> None:
    scene.journal.full = True
    with pytest.raises(StoreError):
        scene.inbox.append([BOOT, NAMELESS])
    assert scene.inbox.misfits == 0


def test_with_too_many_waiting_sources_wait_too(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inboxes, "MOST_WAITING", 3)
    scene.inbox.append([BOOT] * 4)
    scene.inbox.append([BOOT])  # within the second nobody looks
    assert scene.journal.looks == 1
    scene.seconds += inboxes.LOOK_SECONDS
    for _ in range(2):
        with pytest.raises(StoreError, match="5 events wait for the store"):
            scene.inbox.append([BOOT])
    scene.journal.batches.clear()
    scene.inbox.append([BOOT])
    assert len(scene.journal.batches) == 1
