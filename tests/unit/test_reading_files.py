"""The files that a configuration names are read with it, and what is wrong with them is told beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.daemon.radacct_rounds import open_radacct
from sekisho.daemon.reading import read_whole
from sekisho.lines.radacct_poll import RadacctError
from tests.unit.configuring import BASE

CONFIG = BASE + '[radacct]\nurl_file = "url"\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "sekisho.toml"
    file.write_text(CONFIG)
    return file


def test_the_file_with_the_url_of_a_database_is_read(config: Path) -> None:
    secret = config.parent / "url"
    secret.write_text("sqlite:////nowhere/radius.db\n")
    secret.chmod(0o600)
    checked = read_whole(config)
    assert checked.problems == ()
    assert checked.config is not None
    assert checked.config.radacct is not None
    with pytest.raises(RadacctError, match="see that the database runs"):
        open_radacct(checked.config.radacct, config.parent)


def test_a_file_that_everybody_may_read_is_refused(config: Path) -> None:
    secret = config.parent / "url"
    secret.write_text("postgresql://radius:hush@db.example/radius")
    secret.chmod(0o644)
    checked = read_whole(config)
    assert checked.config is None
    (problem,) = checked.problems
    assert (problem.line, problem.key) == (12, "radacct.url_file")
    assert "is open to everyone" in problem.what
    assert "hush" not in problem.sentence("")


def test_a_file_that_is_not_there_is_told(config: Path) -> None:
    (problem,) = read_whole(config).problems
    assert problem.key == "radacct.url_file"
    assert "cannot be read" in problem.what
