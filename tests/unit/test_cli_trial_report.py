"""The report of a trial on the command line, of a store that bench has filled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bench import trial_year
from sekisho.cli import app
from sekisho.cli import report as command

DAYS = 14


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("year")
    url = f"sqlite:///{directory}/year.db"
    trial_year.fill(trial_year.config_of(DAYS, url), 2)
    file = directory / "sekisho.toml"
    file.write_text(trial_year.text_of(DAYS, url))
    return file


def told(file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        app, ["trial", "report", "--config", str(file), *arguments], prog_name="sekisho"
    )


def test_a_report_is_printed_and_written(filled: Path, tmp_path: Path) -> None:
    page, written = tmp_path / "r.html", tmp_path / "r.json"
    result = told(filled, "--html", str(page), "--json", str(written))
    assert result.exit_code == 0, result.output
    assert "Report of the trial year" in result.stdout
    assert "No p-value stands in this report: the plan was not registered." in result.stdout
    effect = json.loads(written.read_text())["experiments"][0]["effect"]
    assert effect["low_percent"] < -10 < effect["high_percent"]
    assert "p" not in effect
    assert page.read_text().startswith("<!DOCTYPE html>")


def test_it_speaks_japanese(filled: Path) -> None:
    assert "実証実験「year」の報告" in told(filled, "--lang", "ja").stdout


def test_nothing_is_changed_in_the_store(filled: Path) -> None:
    store = filled.parent / "year.db"
    before = store.read_bytes()
    assert told(filled).exit_code == 0
    assert store.read_bytes() == before


def test_a_store_that_is_not_there_is_told(tmp_path: Path) -> None:
    file = tmp_path / "sekisho.toml"
    file.write_text(trial_year.text_of(DAYS, f"sqlite:///{tmp_path}/none.db"))
    result = told(file)
    assert result.exit_code == 1
    assert "none.db: there is no such file: name the daemon's store by url in [store]" in result.stderr
    assert not (tmp_path / "none.db").exists()


def test_a_browser_that_is_missing_is_named(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = told(filled, "--pdf", str(tmp_path / "r.pdf"))
    assert result.exit_code == 1
    assert "install Debian's package `chromium`" in result.stderr


BROWSER = """\
#!/bin/sh
for one; do case $one in --print-to-pdf=*) echo %PDF > "${one#*=}";; esac; done
"""


def test_a_page_is_printed_by_the_browser(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = tmp_path / "chromium"
    browser.write_text(BROWSER)
    browser.chmod(0o755)
    monkeypatch.setattr(command, "_BROWSER", str(browser))
    result = told(filled, "--pdf", str(tmp_path / "r.pdf"))
    assert result.exit_code == 0, result.output
    assert (tmp_path / "r.pdf").read_text() == "%PDF\n"
    browser.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    result = told(filled, "--pdf", str(tmp_path / "r.pdf"))
    assert result.exit_code == 1
    assert "was not printed" in result.stderr
    assert "broken" in result.stderr
