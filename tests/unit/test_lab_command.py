"""What `sekisho lab` refuses before it builds anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from sekisho.lab.cli import app


@pytest.mark.parametrize(
    "command", [("run", "--json"), ("trial", "--json"), ("trial", "--html"), ("desk", "--json")]
)
def test_a_place_that_cannot_be_written_is_refused_first(command: tuple[str, str], tmp_path: Path) -> None:
    away = CliRunner().invoke(app, [*command, str(tmp_path / "none" / "file")])
    assert (away.exit_code, "there is no directory" in away.output) == (2, True)
    directory = CliRunner().invoke(app, [*command, str(tmp_path)])
    assert (
        directory.exit_code,
        "directory: name a file" in " ".join(directory.output.replace("│", "").split()),
    ) == (2, True)


def test_a_seed_that_no_configuration_takes_is_refused() -> None:
    for seed in ("-1", str(2**63)):
        assert CliRunner().invoke(app, ["trial", "--seed", seed]).exit_code == 2


def test_too_few_seconds_for_a_trial_are_refused_in_a_sentence() -> None:
    done = CliRunner().invoke(app, ["trial", "--seconds", "10"])
    assert done.exit_code == 2
    assert "sekisho lab: 10 seconds are too few: 6 pairs of blocks" in done.output
