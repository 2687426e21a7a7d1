"""The report of a trial over the daemon's socket: what the command tells, made beside the gate's work."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from bench import trial_year
from sekisho.api import client
from sekisho.api.asker import Peer
from sekisho.api.client import AnswerError, ask
from sekisho.api.problems import RefusalError
from sekisho.cli import app
from sekisho.daemon import report_process, server
from sekisho.daemon.actors import actor_name
from sekisho.daemon.report_process import ReportProcess
from sekisho.measure.line_hours import statistic
from sekisho.reporting.recorded import Recording
from sekisho.reporting.request import Request
from tests.system.waiting import until
from tests.unit.fake_daemon import FakeOffice, running
from tests.unit.keeping import TEXT
from tests.unit.test_api import raw
from tests.unit.trial_site import Site, file_in

DAYS = 14
ME = actor_name(Peer(os.getuid(), os.getpid()))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A daemon whose store bench has filled with a trial that is over."""
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    url = f"sqlite:///{tmp_path}/store.db"
    trial_year.fill(trial_year.config_of(DAYS, url), 2)
    made = Site(file_in(tmp_path), datetime.now(UTC)).build(trial_year.text_of(DAYS, url))
    with running(FakeOffice(), trial=made.office):
        yield made
    made.close()


def told_by_command(site: Site, to: Path) -> dict[str, Any]:
    file = to.with_suffix(".toml")
    file.write_text(trial_year.text_of(DAYS, site.store.url))
    result = CliRunner().invoke(app, ["trial", "report", "--config", str(file), "--json", str(to)])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(to.read_text())
    return found


def test_the_interface_tells_what_the_command_tells(site: Site, tmp_path: Path) -> None:
    answer = ask("gate", "GET", "/v1/trial/report")
    with site.store.reading() as transaction:
        shown = transaction.released(statistic("dynamic"), datetime(2000, 1, 1, tzinfo=UTC), site.now)
    assert shown
    assert {one.by for one in shown} == {ME}
    command = told_by_command(site, tmp_path / "r.json")
    assert datetime.fromisoformat(answer.pop("made_at")) == site.now
    del command["made_at"]
    assert answer == command
    assert any(one["count"] for one in answer["published"]["cells"])


@pytest.mark.usefixtures("site")
def test_it_is_a_page_in_a_language_too() -> None:
    page = raw("GET", "/v1/trial/report.html?lang=ja", timeout=60)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.text.startswith("<!DOCTYPE html>")
    assert "実証実験「year」の報告" in page.text
    assert raw("GET", "/v1/trial/report.html?lang=fr").status_code == 422
    described = ask("gate", "GET", "/openapi.json")["paths"]
    for path, media_type in (("report", "application/json"), ("report.html", "text/html")):
        assert list(described[f"/v1/trial/{path}"]["get"]["responses"]["200"]["content"]) == [media_type]


def test_without_a_trial_or_a_store_there_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    with running(FakeOffice()), pytest.raises(AnswerError, match=r"has no \[trial\]"):
        ask("gate", "GET", "/v1/trial/report")
    url = f"sqlite:///{tmp_path}/none.db"
    made = Site(file_in(tmp_path), datetime.now(UTC)).build(trial_year.text_of(DAYS, url))
    with running(FakeOffice(), trial=made.office), pytest.raises(AnswerError) as caught:
        ask("gate", "GET", "/v1/trial/report")
    assert caught.value.kind == "store"
    assert "none.db: there is no such file" in str(caught.value)
    made.build(TEXT)
    with running(FakeOffice(), trial=made.office), pytest.raises(AnswerError, match=r"has no \[trial\]"):
        ask("gate", "GET", "/v1/trial/report.html")
    made.close()


@pytest.fixture
def request_of(tmp_path: Path) -> Request:
    url = f"sqlite:///{tmp_path}/none.db"
    return Request(trial_year.config_of(DAYS, url), Recording(url, datetime.now(UTC), ME), None)


def waiting(tmp_path: Path) -> tuple[list[str], Path]:
    """Return a program that writes its number into a file and waits, instead of a report; and that file."""
    told = tmp_path / "pid"
    os.mkfifo(told)
    text = f"import os, time; open({str(told)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    return [sys.executable, "-c", text], told


def test_a_report_gives_way_to_the_gate() -> None:
    """Before it has loaded what makes one, and so while it waits for its request."""
    with subprocess.Popen([sys.executable, "-P", "-m", "sekisho.reporting"], stdin=subprocess.PIPE) as made:
        proc = Path(f"/proc/{made.pid}")
        until(lambda: (proc / "oom_score_adj").read_text().strip() == "1000")
        assert "numpy" not in (proc / "maps").read_text()
        assert os.getpriority(os.PRIO_PROCESS, made.pid) == 19
        assert resource.prlimit(made.pid, resource.RLIMIT_DATA) == (2 << 30, 2 << 30)
        made.kill()


def asked_in_vain() -> None:
    with suppress(AnswerError):
        ask("gate", "GET", "/v1/trial/report")


def test_one_report_is_made_at_a_time_and_everything_else_is_answered_meanwhile(
    site: Site, tmp_path: Path
) -> None:
    program, told = waiting(tmp_path)
    site.office._reports = ReportProcess(program)
    thread = threading.Thread(target=asked_in_vain)
    thread.start()
    pid = int(told.read_text())
    try:
        with pytest.raises(AnswerError, match="one is made at a time") as caught:
            ask("gate", "GET", "/v1/trial/report")
        assert ask("gate", "GET", "/v1/gate")["sessions"] == 3
        assert ask("gate", "GET", "/v1/trial/status")["name"] == "year"
    finally:
        os.kill(pid, 9)
        thread.join()
    assert caught.value.kind == "busy"
    site.office._reports._program = report_process._PROGRAM
    assert ask("gate", "GET", "/v1/trial/report")["name"] == "year"


def test_no_report_outlives_the_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    monkeypatch.setattr(server, "_GRACE_SECONDS", 1)
    program, told = waiting(tmp_path)
    made = Site(file_in(tmp_path), datetime.now(UTC)).build(
        trial_year.text_of(DAYS, f"sqlite:///{tmp_path}/none.db")
    )
    made.office._reports = ReportProcess(program)
    with running(FakeOffice(), trial=made.office):
        thread = threading.Thread(target=asked_in_vain)
        thread.start()
        pid = int(told.read_text())
    thread.join()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    made.close()


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ([sys.executable, "-c", "raise SystemExit(1)"], "our fault (status 1): see the log"),
        ([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], "our fault (status -9)"),
        (["/nowhere/python"], "cannot be started: No such file or directory"),
        ([sys.executable, "-c", "import time; time.sleep(600)"], "not made within 0 s"),
    ],
)
def test_a_process_that_fails_is_told(
    request_of: Request, program: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "within" in said:
        monkeypatch.setattr(report_process, "LONGEST_SECONDS", 0.2)
    with capture_logs() as logs, pytest.raises(RefusalError) as caught:
        asyncio.run(ReportProcess(program).report(request_of))
    assert (caught.value.status, caught.value.kind) == (503, "report")
    assert said in caught.value.detail
    assert [one["event"] for one in logs] == ["no report"]
