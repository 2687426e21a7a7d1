"""A case at the desk as an operator sees it: real reports by mail, and what becomes of the line."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sekisho.lab.desk_layout import LIMITING, NEIGHBOUR, OWN_LIMIT, RECIPIENTS, SPAMMER
from tests.system.laboratory import end, end_early, inside, left, read_to, start


@dataclass
class Whole:
    """A whole case that goes on beside another run."""

    process: subprocess.Popen[str]
    run: str
    namespaces: dict[int, int]
    figures: Path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """A whole case, begun with the first test of this file."""
    figures = tmp_path_factory.mktemp("desk") / "desk.json"
    with start("desk", "--json", str(figures)) as process:
        run = read_to(process, r"namespaces sekisho-lab-(\w+)-")[1]
        read_to(process, "attach the gate")
        yield Whole(process, run, inside(run), figures)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            end(process)


def test_ctrl_c_in_the_middle_of_a_case_leaves_nothing_behind(whole: Whole) -> None:
    assert end_early(signal.SIGINT, r"case \d+: by the leases", "desk") == len(whole.namespaces)


def test_a_reported_line_is_limited_suspended_and_restored_and_no_other(whole: Whole) -> None:
    said = end(whole.process)
    assert whole.process.returncode == 0, said
    assert left(whole.run, whole.namespaces) == []

    found = json.loads(whole.figures.read_text())
    assert found["accused"] == {
        "line": SPAMMER.line,
        "states": [
            *("stop-request-sent", "individually-limited", "suspension-proposed", "suspended", "restored")
        ],
        "verified": found["accused"]["verified"],
        "others": [
            {"line": NEIGHBOUR, "state": "collecting", "proved": 0, "claimed": LIMITING, "measures": 0}
        ],
        "queued": 0,
        "others_told": 0,
        "others_limited": False,
    }
    assert "lift port-25-suspension" in found["accused"]["verified"]
    assert sum(one["what"] == "report" for one in found["record"]) == len(RECIPIENTS)

    before, asked, limited, suspended, restored = found["stages"]
    assert 0 < limited["messages_per_minute"] < before["messages_per_minute"] / 4
    assert limited["sessions_at_most"] == OWN_LIMIT.cap < restored["sessions_at_most"]
    assert suspended["messages_per_minute"] == suspended["sessions_at_most"] == 0 < suspended["refused"]
    assert min(asked["messages_per_minute"], restored["messages_per_minute"]) > limited["messages_per_minute"]
    assert all(one["neighbour"]["delivered"] > 0 == one["neighbour"]["failed"] for one in found["stages"])
    assert found["letters"]["failed"] == 0
    assert len(found["notices"]) == 4
    order = [found["times"][what]["since_first_report"] for what in ("stop-request", "limit", "suspension")]
    assert order == sorted(order)
