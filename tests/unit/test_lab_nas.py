"""The laboratory's NAS, with a radclient and a gate of straw."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import cast

import pytest

from sekisho.lab import processes, topology
from sekisho.lab.accounting import Status
from sekisho.lab.nas import INTERIM_SECONDS, Nas
from sekisho.lab.tables import Tables
from sekisho.lab.topology import Addresses, LabError

NET = topology.topology("ab12", ("home", "bot"))
UNANSWERED = "(0) No reply from server for ID 110 socket 3"


@dataclass
class Straw:
    """The gate's tables: what is told is there some looks later."""

    looks: int = 5
    held: dict[Addresses, int] = field(default_factory=dict)
    seen: Iterator[int] = field(default_factory=count)

    def holder(self, held: Addresses) -> int | None:
        return self.held.get(held) if next(self.seen) >= self.looks else None

    def is_free(self, held: Addresses) -> bool:
        return held in self.held and next(self.seen) >= self.looks


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What radclient was given; it answers each request."""
    texts: list[str] = []

    def start(_namespace: str, _argv: Sequence[str], log: Path, text: str) -> subprocess.Popen[bytes]:
        texts.append(text)
        names = [row.split('"')[1] for row in text.splitlines() if row.startswith("User-Name")]
        sent = [f'Sent Accounting-Request Id {n} \n\tUser-Name = "{name}"' for n, name in enumerate(names)]
        answers = [f"Received Accounting-Response Id {n} " for n in range(len(names))]
        processes.stdout_of(log).write_text("\n".join([*sent, *answers, ""]))
        log.touch()
        return subprocess.Popen("true")

    monkeypatch.setattr(processes, "start", start)
    return texts


def nas(directory: Path, gate: Straw) -> Nas:
    return Nas(NET, directory, cast(Tables, gate), lambda: None)


def test_lines_come_up_when_the_gate_knows_what_they_hold(told: list[str], tmp_path: Path) -> None:
    gate = Straw(held={line.logins[0]: number for number, line in enumerate(NET.lines)})
    access = nas(tmp_path, gate)
    access.come_up(("home", "bot"))
    assert next(gate.seen) > gate.looks
    assert told[0].count("Acct-Status-Type = Start") == 2
    assert len(access.delays) == 2
    assert all(delay >= 0 for delay in access.delays)
    access.go_down(("home",))
    assert "Acct-Status-Type = Stop" in told[1]
    assert NET.line("home").logins[0].ipv4 in told[1]
    found = access.figures(known=2, twofold=())
    assert (found.starts, found.stops, found.lease_changes) == (2, 1, 6)


def test_a_line_that_becomes_another_ends_the_run(told: list[str], tmp_path: Path) -> None:
    gate = Straw(looks=0, held={NET.line("home").logins[0]: 1, NET.line("home").logins[1]: 2})
    access = nas(tmp_path, gate)
    access.come_up(("home",))
    access.go_down(("home",))
    with pytest.raises(LabError, match="takes home for another line"):
        access.come_up(("home",))
    assert NET.line("home").logins[1].prefix in told[-1]


def test_interim_updates_are_sent_when_they_are_due(told: list[str], tmp_path: Path) -> None:
    gate = Straw(held={line.logins[0]: number for number, line in enumerate(NET.lines)})
    access = nas(tmp_path, gate)
    access.come_up(("home", "bot"))
    access.go_down(("home",))
    due = access.due["bot"]
    access.tick(due - 0.1)
    assert access.answers[Status.INTERIM] == 0
    access.tick(due)
    access.tick(due + INTERIM_SECONDS - 0.1)
    assert access.answers[Status.INTERIM] == 1
    assert 'User-Name = "bot"' in told[-1]


def test_accounting_that_is_not_acknowledged_ends_the_run_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def start(_namespace: str, _argv: Sequence[str], log: Path, _text: str) -> subprocess.Popen[bytes]:
        processes.stdout_of(log).write_text(f"Sent …\n{UNANSWERED}\n")
        log.touch()
        process = subprocess.Popen("false")
        process.wait()
        return process

    monkeypatch.setattr(processes, "start", start)
    with pytest.raises(LabError, match=r"does not acknowledge accounting: .*No reply from server for ID 110"):
        nas(tmp_path, Straw()).come_up(("home",))
