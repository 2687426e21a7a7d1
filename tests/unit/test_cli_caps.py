"""How many lines each cap would have met, on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sekisho.cli import app
from sekisho.model import ClassPeaks, Peaks
from sekisho.store import open_store
from tests.store.empty import lay_empty_store
from tests.unit.keeping import TEXT

HOUR = timedelta(hours=1)
BUSY = ClassPeaks((300, 90, 20, 10, 7, *[5] * 5, *[4] * 6, 6, 6, *[9] * 6), 12)
"""All bins have ten lines and more."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration, and its store with nothing in it."""
    url = lay_empty_store(tmp_path / "lines.db")
    path = tmp_path / "sekisho.toml"
    path.write_text(f'{TEXT}\n[store]\nurl = "{url}"\n')
    return path


@pytest.fixture
def put(file: Path) -> Callable[[int, ClassPeaks, timedelta], datetime]:
    """Keep an hour of the class dynamic that began so many hours ago."""

    def put(ago: int, counted: ClassPeaks, span: timedelta = HOUR) -> datetime:
        begin = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - ago * HOUR
        store = open_store(f"sqlite:///{file.parent}/lines.db")
        with store.transaction() as transaction:
            transaction.put_peaks("gate", Peaks(begin, begin + span, {("dynamic", 0): counted}))
        store.close()
        return begin

    return put


def told(file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["gate", "caps", "--config", str(file), *arguments])


def test_the_busiest_whole_hour_is_told(file: Path, put: Callable[..., datetime]) -> None:
    begin = put(4, BUSY)
    put(3, ClassPeaks((20,)))
    put(2, ClassPeaks((9_000,)), 2 * HOUR)
    answer = json.loads(told(file, "--json").stdout)
    (dynamic,) = answer["classes"]
    assert (dynamic["class"], datetime.fromisoformat(dynamic["hour"])) == ("dynamic", begin)
    assert dynamic["caps"]["5"] == {"at_least": 115, "at_most": 115}
    assert dynamic["caps"]["1"] == {"at_least": 242, "at_most": 242}
    assert "242" in told(file).stdout


def test_few_lines_are_not_told(file: Path, put: Callable[..., datetime]) -> None:
    put(1, ClassPeaks((300, 90, 0, 0, 0, 3)))
    (dynamic,) = json.loads(told(file, "--json").stdout)["classes"]
    assert dynamic["caps"]["5"] == {"at_least": 0, "at_most": None}
    assert ">= 0" in told(file).stdout


def test_days_bound_how_far_it_looks_back(file: Path, put: Callable[..., datetime]) -> None:
    put(30, BUSY)
    assert told(file, "--days", "1").exit_code == 1
    assert "no whole hour with sessions is known of the last 1 days" in told(file, "--days", "1").stderr
    assert "242" in told(file, "--days", "2").stdout


def test_a_store_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "sekisho.toml"
    path.write_text(f'{TEXT}\n[store]\nurl = "sqlite:///{tmp_path}/none.db"\n')
    result = told(path)
    assert result.exit_code == 1
    assert "there is no such file" in result.stderr
