"""The spamming lines' sessions, one program each."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import cast

import pytest

from sekisho.lab import processes, programs
from sekisho.lab.topology import LabError, topology
from sekisho.lab.traffic import Bots, Spamming

BOT = programs.BOTS[0]


class Ended:
    """A program that has ended."""

    def poll(self) -> int:
        return 1


def ended(started: float) -> Spamming:
    return Spamming(BOT, 0, started, cast("subprocess.Popen[bytes]", Ended()))


@pytest.fixture
def bots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bots:
    """Bots all of whose programs have ended when they are looked at."""
    monkeypatch.setattr(processes, "start", lambda *_: Ended())
    return Bots(topology("abc", programs.LINE_NAMES), tmp_path / "bots.log")


def test_a_session_that_has_ended_is_replaced_by_the_next(bots: Bots) -> None:
    bots.running = [ended(0.0)]
    bots.tick(2.0)
    (one,) = bots.running
    assert (one.turn, one.started) == (1, 2.0)


def test_sessions_that_all_end_at_once_are_a_fault_that_is_named(bots: Bots) -> None:
    bots.log.write_text("smtp-source: fatal: connect: No route to host\n")
    bots.running = [ended(0.0)] * 100
    with pytest.raises(LabError, match=r"ends at once on the spamming lines: .* No route to host"):
        bots.tick(0.1)


def test_a_session_that_may_be_refused_at_once_begins_again_after_a_while(bots: Bots) -> None:
    bots.apart = 1.0
    bots.running = [ended(0.0)] * 100
    for now in (0.1, 0.9):
        bots.tick(now)
        assert {one.started for one in bots.running} == {0.0}
    bots.tick(1.0)
    assert {(one.turn, one.started) for one in bots.running} == {(1, 1.0)}


def test_a_short_session_now_and_then_is_none(bots: Bots) -> None:
    bots.running = [ended(0.0), ended(0.0)]
    for tick in range(1_000):
        bots.running = [ended(tick - 0.5), ended(tick - 1.5)]
        bots.tick(float(tick))
