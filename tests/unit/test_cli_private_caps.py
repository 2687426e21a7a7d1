"""Lines by their most sessions at once, with noise, on the command line."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sekisho.cli import app
from sekisho.config import parse
from sekisho.measure.bins import BINS, SESSIONS_AT_ONCE
from sekisho.model import ClassPeaks, Peaks
from sekisho.reporting.private import last_hour
from sekisho.store import open_store
from tests.store.empty import lay_empty_store
from tests.unit.keeping import TEXT

HOUR = timedelta(hours=1)
LINES = ClassPeaks((30_000, 900, *[0] * 18, 2))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration, and a store that has the hour of all gates that was over last."""
    url = lay_empty_store(tmp_path / "lines.db")
    hour = (datetime.now(UTC).hour + 12) % 24  # far from now
    path = tmp_path / "sekisho.toml"
    path.write_text(f'{TEXT}\n[store]\nurl = "{url}"\n[private]\nbudget = 1.5\nhour = {hour}\n')
    begin = last_hour(hour, datetime.now(UTC))
    store = open_store(url)
    with store.transaction() as transaction:
        transaction.put_peaks("gate", Peaks(begin, begin + HOUR, {("dynamic", 0): LINES}))
    store.close()
    return path


def told(file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["gate", "caps", "--config", str(file), *arguments])


def test_counts_are_told_with_their_epsilon_and_what_is_spent_and_the_same_again(file: Path) -> None:
    result = told(file, "--private", "1", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["epsilon"], found["delta"], found["spent"], found["budget"]) == (1.0, 0, 1.0, 1.5)
    lines = {one["class"]: one["lines"] for one in found["classes"]}
    assert lines.keys() == {"dynamic", "fixed"}
    assert tuple(lines["fixed"]) == BINS[SESSIONS_AT_ONCE]
    assert abs(lines["dynamic"]["1"] - 30_000) < 200  # 60 scales of the noise
    assert json.loads(told(file, "--private", "1", "--json").stdout) == found
    words = " ".join(told(file, "--private", "0.2").stdout.split())
    assert "epsilon 1, delta 0; 19 of 20 counts are at most 6 from the true one." in words
    assert "Of the budget of 1.5 an epsilon of 1 is spent." in words


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--private", "2"), "an epsilon of 2 is more than is left of the budget: 0 of 1.5 is spent"),
        (("--private", "nan"), "take one from 0.01 to 10"),
        (("--private", "1", "--days", "3"), "leave --days out"),
    ],
)
def test_what_cannot_be_is_told(file: Path, arguments: tuple[str, ...], said: str) -> None:
    result = told(file, *arguments)
    assert result.exit_code == 1
    assert said in result.stderr


def test_without_a_budget_there_is_no_release(file: Path) -> None:
    file.write_text(file.read_text().partition("[private]")[0])
    result = told(file, "--private", "1")
    assert (result.exit_code, "has no [private]: write `budget` and `hour`" in result.stderr) == (1, True)


def test_without_opendp_it_is_said_what_to_install(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opendp", None)
    for name in ("sekisho.measure.private", "sekisho.reporting.private", "opendp.prelude"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    result = told(file, "--private", "1")
    assert result.exit_code == 1
    assert "--private needs OpenDP: install it by `pip install 'sekisho[private]'`" in result.stderr


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("budget = 0\nhour = 12", "0 is no budget of epsilon"),
        ("budget = nan\nhour = 12", "nan is no budget of epsilon"),
        ("budget = true\nhour = 12", "true is no budget of epsilon"),
        ("budget = 101\nhour = 12", "above 0 and up to 100"),
        ("budget = 4\nhour = 24", "24"),
        ("budget = 4", "this key is needed"),
        ("budget = 4\nhour = 12\ndelta = 1", "this key is unknown"),
    ],
)
def test_a_budget_that_cannot_be_is_refused(keys: str, said: str) -> None:
    found = parse(f"{TEXT}\n[private]\n{keys}\n".encode())
    assert found.config is None
    assert said in " ".join(map(str, found.problems))
