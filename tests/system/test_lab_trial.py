"""A compressed trial as an operator runs it: real daemon, real mail programs, its report at the end."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sekisho.lab.trial_layout import MINIMUM_SECONDS
from tests.system.laboratory import end, end_early, inside, left, read_to, start

# In blocks of 2 s what is under way at a switch blurs what arrives, and six pairs leave nothing to spare: on
# a busy machine the interval may have zero in it, so that the direction alone is asked for.
TRIAL = ("trial", "--seconds", f"{MINIMUM_SECONDS:g}", "--seed", "4")


@dataclass
class Whole:
    """A whole trial that goes on beside another; `digest`: under which it was registered."""

    process: subprocess.Popen[str]
    run: str
    namespaces: dict[int, int]
    digest: str
    directory: Path

    @property
    def page(self) -> Path:
        return self.directory / "report.html"

    @property
    def figures(self) -> Path:
        return self.directory / "trial.json"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """The shortest trial, begun with the first test of this file."""
    directory = tmp_path_factory.mktemp("trial")
    written = ("--html", str(directory / "report.html"), "--json", str(directory / "trial.json"))
    with start(*TRIAL, *written) as process:
        run = read_to(process, r"namespaces sekisho-lab-(\w+)-")[1]
        digest = read_to(process, r"registered before its begin, SHA-256 ([0-9a-f]{64})")[1]
        yield Whole(process, run, inside(run), digest, directory)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            end(process)


def test_ctrl_c_in_the_middle_of_a_block_leaves_nothing_behind(whole: Whole) -> None:
    assert end_early(signal.SIGINT, "^the trial$", *TRIAL) == len(whole.namespaces)


def test_the_effect_of_a_registered_trial_is_seen_with_its_interval(whole: Whole) -> None:
    said = end(whole.process)
    assert whole.process.returncode in (0, 1), said
    assert left(whole.run, whole.namespaces) == []
    assert "the limit (cap 2, delay 1s) changes spam by " in said
    assert f"the report as a page: {whole.page}" in said

    found = json.loads(whole.figures.read_text())
    assert all(found["holds"].values()) == (whole.process.returncode == 0)
    registration = found["report"]["registration"]
    assert found["digest"] == registration["digest"] == whole.digest
    assert registration["no_p"] is None
    spam, refused, held = (found["effect"][key] for key in ("spam", "refused", "held"))
    assert spam["on"] < spam["off"]
    assert refused["change"]["by"] > 0  # of six pairs of two seconds the spam's may have any sign
    assert held["change"]["by"] > 0
    assert all(
        one["change"]["low"] <= one["change"]["by"] <= one["change"]["high"] for one in (spam, refused)
    )
    assert found["letters"]["failed"] == 0 < found["letters"]["delivered"]
    assert whole.digest in whole.page.read_text()
