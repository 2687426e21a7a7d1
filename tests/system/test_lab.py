"""The laboratory as an operator runs it: a whole run, and runs that are ended early beside it."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sekisho.lab.phases import MINIMUM_SECONDS
from sekisho.lab.programs import LINE_NAMES, RECONNECTING
from sekisho.lab.result import WANTED_SECONDS_TO_GATE
from tests.system.laboratory import END_SECONDS, LAB, end, end_early, inside, left, read_to, start

RUN = ("run", "--seconds", f"{MINIMUM_SECONDS:g}")


@dataclass
class Whole:
    """A whole run that goes on beside the other tests."""

    process: subprocess.Popen[str]
    run: str
    namespaces: dict[int, int]
    json_file: Path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """The smallest laboratory, begun with the first test of this file."""
    json_file = tmp_path_factory.mktemp("lab") / "lab.json"
    with start(*RUN, "--json", str(json_file)) as process:
        run = read_to(process, r"namespaces sekisho-lab-(\w+)-")[1]
        read_to(process, "attach the gate")
        yield Whole(process, run, inside(run), json_file)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            end(process)


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGTERM, "start the receivers"),
        (signal.SIGINT, "attach the gate"),
        (signal.SIGTERM, "bring the lines up"),
        (signal.SIGINT, r"^ +5 of"),
        (signal.SIGINT, "^enforce"),
    ],
    ids=[
        "SIGTERM while it starts",
        "Ctrl-C while the gate is attached",
        "SIGTERM while lines come up",
        "Ctrl-C under traffic",
        "Ctrl-C while lines reconnect",
    ],
)
def test_an_early_end_leaves_nothing_behind(whole: Whole, number: signal.Signals, moment: str) -> None:
    assert end_early(number, moment, *RUN) == len(whole.namespaces)


def test_too_few_seconds_are_refused_in_a_sentence() -> None:
    done = subprocess.run((*LAB, *RUN[:-1], "10"), capture_output=True, text=True, timeout=END_SECONDS)
    assert done.returncode == 2
    assert f"use --seconds {MINIMUM_SECONDS:g} or more" in done.stderr


def test_spam_slows_to_a_crawl_while_honest_mail_goes_through(whole: Whole) -> None:
    said = end(whole.process)
    assert whole.process.returncode in (0, 1), said
    found = json.loads(whole.json_file.read_text())
    phases: dict[str, dict[str, Any]] = {phase["name"]: phase for phase in found["phases"]}
    observe, enforce = (phases[name] for name in ("observe", "enforce"))

    assert observe["spam"]["messages_per_minute"] > 0
    assert enforce["spam"]["share_of_observe"] <= 0.05
    assert enforce["spam"]["sessions_per_minute"] < observe["spam"]["sessions_per_minute"]

    assert found["letters"]["failed"] == 0
    assert all(phase["honest"]["failed"] == 0 < phase["honest"]["delivered"] for phase in phases.values())
    assert observe["honest"]["delivery_seconds"]["p50"] < 5 <= enforce["honest"]["delivery_seconds"]["p50"]
    own = next(sender for sender in enforce["honest"]["senders"] if sender["exempt"])
    assert own["delivery_seconds"]["p50"] < enforce["honest"]["delivery_seconds"]["p50"]

    assert observe["gate"]["held"] == observe["gate"]["refused"] == 0 < observe["gate"]["admitted"]
    assert enforce["gate"]["held"] > 0 < enforce["gate"]["refused"]
    assert_lines_came_and_went(found["lines"], caps=[phase["limit"]["cap"] for phase in found["phases"]])
    is_late = found["lines"]["seconds_to_gate"]["worst"] > WANTED_SECONDS_TO_GATE  # as beside other work
    assert whole.process.returncode == is_late, said
    assert left(whole.run, whole.namespaces) == []


def assert_lines_came_and_went(found: dict[str, Any], caps: list[int]) -> None:
    """All lines known by accounting, three of them twice again, and one count for IPv4 and IPv6."""
    assert found["known"] == len(LINE_NAMES)
    assert found["starts"] == found["stops"] == len(LINE_NAMES) + 2 * len(RECONNECTING)
    assert found["lease_changes"] == 4 * found["starts"]
    assert 0 < found["seconds_to_gate"]["median"] <= found["seconds_to_gate"]["worst"]

    observe, enforce, raised = found["twofold"]
    assert observe["ipv4_messages"] > 0 < observe["ipv6_messages"]
    assert observe["sessions_at_most"] > caps[0]
    assert enforce["sessions_at_most"] == caps[1]
    assert caps[1] < raised["sessions_at_most"] <= caps[2]
