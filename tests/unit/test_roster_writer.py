"""The thread that brings the roster into the gate."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from structlog.testing import capture_logs

from sekisho.daemon import roster_writer
from sekisho.daemon.roster_writer import RosterWriter
from sekisho.gate import FullError, GateError
from sekisho.model import Address, KnownLine, RosterChange

HOME, OTHER = Address(bytes([10, 0, 0, 1]), 32), Address(bytes([10, 0, 0, 2]), 32)
DYNAMIC = KnownLine("dynamic")


class Gate:
    """Notes what it is given, and fails as often as told."""

    def __init__(self, *, failures: int = 0) -> None:
        self.given: list[RosterChange | str] = []
        self.failures = failures
        self.changed = threading.Condition()

    def apply(self, change: RosterChange) -> None:
        self.note(change)

    def reconcile(self) -> None:
        self.note("whole")

    def note(self, what: RosterChange | str) -> None:
        with self.changed:
            self.given.append(what)
            self.changed.notify_all()
            if self.failures:
                self.failures -= 1
                raise GateError("no room")

    def wait(self, reached: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(reached, timeout=30), self.given


@contextmanager
def writing(gate: Gate) -> Iterator[RosterWriter]:
    writer = RosterWriter(gate.apply, gate.reconcile)
    writer.start()
    try:
        yield writer
    finally:
        writer.stop()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster_writer, "RETRY_SECONDS", 0.01)


def test_the_whole_roster_goes_first_and_changes_follow() -> None:
    gate = Gate()
    change = RosterChange({1: DYNAMIC}, {HOME: 1})
    with writing(gate) as writer:
        gate.wait(lambda: gate.given == ["whole"])
        writer.tell(change)
        gate.wait(lambda: gate.given == ["whole", change])
    assert writer.is_whole


def test_what_gathers_meanwhile_is_one_batch_and_the_last_word_counts() -> None:
    started, go_on = threading.Event(), threading.Event()

    class Slow(Gate):
        def reconcile(self) -> None:
            started.set()
            assert go_on.wait(30)
            super().reconcile()

    gate = Slow()
    with writing(gate) as writer:
        assert started.wait(30)
        writer.tell(RosterChange({1: DYNAMIC}, {HOME: 1, OTHER: 1}))
        writer.tell(RosterChange({1: None, 2: DYNAMIC}, {HOME: 2}))
        go_on.set()
        gate.wait(lambda: len(gate.given) == 2)
    assert gate.given == ["whole", RosterChange({1: None, 2: DYNAMIC}, {HOME: 2, OTHER: 1})]


def test_after_a_failure_the_whole_roster_is_written_again() -> None:
    gate = Gate()
    with writing(gate) as writer:
        gate.wait(lambda: gate.given == ["whole"])
        gate.failures = 3
        writer.tell(RosterChange({1: DYNAMIC}, {HOME: 1}))
        gate.wait(lambda: gate.given[2:] == ["whole"] * 3)
        writer.start_over()
        gate.wait(lambda: len(gate.given) == 6)
    assert gate.failures == 0


def test_the_gate_is_whole_when_the_roster_is_written_and_not_before() -> None:
    started, go_on = threading.Event(), threading.Event()

    class Slow(Gate):
        def reconcile(self) -> None:
            started.set()
            assert go_on.wait(30)
            super().reconcile()

    gate = Slow()
    with writing(gate) as writer:
        assert started.wait(30)
        assert not writer.is_whole
        writer.start_over()
        go_on.set()
        gate.wait(lambda: gate.given == ["whole", "whole"])
    assert writer.is_whole


def test_where_a_table_is_full_changes_go_on_and_the_whole_is_tried_ever_more_seldom() -> None:
    class Full(Gate):
        def reconcile(self) -> None:
            self.note("whole")
            raise FullError("raise addresses in [gate]")

    gate = Full()
    change = RosterChange({1: DYNAMIC}, {HOME: 1})
    with capture_logs() as logs, writing(gate) as writer:
        gate.wait(lambda: gate.given.count("whole") == 4)
        assert not writer.is_whole
        writer.tell(change)
        gate.wait(lambda: change in gate.given)
    rests = [entry["again_in_seconds"] for entry in logs]
    assert rests[:4] == [0.01, 0.02, 0.04, 0.08]
    assert {entry["why"] for entry in logs} == {"raise addresses in [gate]"}


def test_a_change_that_finds_no_room_is_written_with_the_whole_when_there_is_some() -> None:
    class Full(Gate):
        def apply(self, change: RosterChange) -> None:
            super().apply(change)
            raise FullError("raise addresses in [gate]")

    gate = Full()
    with writing(gate) as writer:
        gate.wait(lambda: gate.given == ["whole"])
        writer.tell(RosterChange({1: DYNAMIC}, {HOME: 1}))
        gate.wait(lambda: gate.given[2:] == ["whole"])
    assert writer.is_whole


def test_a_fault_of_ours_is_told_and_the_whole_roster_written_again() -> None:
    class Faulty(Gate):
        def apply(self, change: RosterChange) -> None:
            super().apply(change)
            raise ValueError("never thought of")

    gate = Faulty()
    with capture_logs() as logs, writing(gate) as writer:
        gate.wait(lambda: gate.given == ["whole"])
        writer.tell(RosterChange({1: DYNAMIC}, {HOME: 1}))
        gate.wait(lambda: gate.given[2:] == ["whole"])
        assert writer.is_alive
    assert [(entry["log_level"], entry["exc_info"]) for entry in logs] == [("error", True)]
