"""The interface over a real Unix socket, with an office that has no kernel."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sekisho.api import client
from sekisho.api.client import AnswerError, AwayError, ask, socket_path
from sekisho.daemon.lock import only_daemon
from sekisho.gate import GateError
from tests.unit.fake_daemon import FakeOffice, running


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOffice]:
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    with running(FakeOffice()) as found:
        yield found


def raw(method: str, path: str, **how: object) -> httpx.Response:
    transport = httpx.HTTPTransport(uds=str(socket_path("gate")))
    with httpx.Client(transport=transport, base_url="http://sekisho") as asker:
        return asker.request(method, path, **how)  # type: ignore[arg-type]


@pytest.mark.usefixtures("office")
def test_the_status_has_the_written_keys() -> None:
    status = ask("gate", "GET", "/v1/gate")
    assert list(status) == [
        *("name", "state", "attached", "enforcing", "delay_by", "sessions", "classes", "totals"),
        *("interfaces", "missing_interfaces", "hold", "config", "daemon", "trial"),
    ]
    dynamic = status["classes"]["dynamic"]
    assert (dynamic["mode"], dynamic["cap"], dynamic["delay"]) == ("enforce", 5, "1s")
    assert (dynamic["admitted"], dynamic["refused"], dynamic["held"]) == (12, 8, 0)
    assert status["config"]["loaded_at"] == "2026-04-01T12:00:00Z"


@pytest.mark.usefixtures("office")
def test_the_counters_are_by_class_and_arm() -> None:
    counters = ask("gate", "GET", "/v1/gate/counters")
    assert counters["classes"]["dynamic"]["0"]["attempted"] == 20
    assert counters["totals"]["exempt"] == 1


def test_a_limit_is_set_by_whoever_asks(office: FakeOffice) -> None:
    answer = ask("gate", "POST", "/v1/gate/classes/dynamic/limit", {"cap": 9, "delay": "500ms"})
    assert answer["limit"] == {"mode": "enforce", "cap": 9, "delay": "500ms", "excess": "drop"}
    assert answer["file"]["cap"] == 5
    assert office.asked == [("set dynamic", (os.geteuid(), os.getpid()))]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cap": 0}, "cap: a cap of 0 would close port 25"),
        ({"cap": "9"}, 'cap: "9" is not a whole number: write a number without quotes'),
        ({"delay": "30s"}, "delay: a delay of 30s is so long that honest mail programs give up"),
        ({"delay": "5"}, 'delay: "5" is not a duration: write a number and its unit'),
        ({"mode": "off"}, 'mode: "off" is not one of the choices: write "observe" or "enforce"'),
        ({"caps": 9}, "caps: Extra inputs are not permitted"),
    ],
)
def test_a_value_that_cannot_be_is_a_problem_document(
    office: FakeOffice, change: dict[str, object], said: str
) -> None:
    answer = raw("POST", "/v1/gate/classes/dynamic/limit", json=change)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "urn:sekisho:problem:invalid"
    assert problem["fault"] == "operator"
    assert said in problem["detail"]
    assert office.asked == []


def test_refusals_and_failures_are_problem_documents(office: FakeOffice) -> None:
    unknown = raw("POST", "/v1/gate/classes/none/limit", json={}).json()
    assert (unknown["status"], unknown["type"]) == (404, "urn:sekisho:problem:unknown-class")
    refused = raw("POST", "/v1/gate/reload").json()
    assert (refused["status"], len(refused["problems"])) == (409, 2)
    office.status_failure = "the map of lines is gone"
    failed = raw("GET", "/v1/gate").json()
    assert (failed["status"], failed["fault"], failed["detail"]) == (503, "us", "the map of lines is gone")
    nowhere = raw("GET", "/v2")
    assert (nowhere.status_code, nowhere.json()["type"]) == (404, "urn:sekisho:problem:http")


@pytest.mark.usefixtures("office")
def test_the_client_tells_why_something_was_refused() -> None:
    with pytest.raises(AnswerError, match="there is no class 'none'"):
        ask("gate", "POST", "/v1/gate/classes/none/limit", {})


def test_the_socket_is_for_its_owner_alone_and_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    with running(FakeOffice()):
        assert stat.S_IMODE(socket_path("gate").stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == []


def test_without_a_daemon_the_way_to_start_one_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    with pytest.raises(AwayError, match=r"no daemon runs for gate 'gate' .* start it with `sekisho gate up"):
        ask("gate", "GET", "/v1/gate")


def test_a_socket_that_nobody_answers_is_no_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    socket_path("gate").touch()
    with pytest.raises(AwayError):
        ask("gate", "GET", "/v1/gate")


def test_one_daemon_at_most_runs_for_a_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SOCKETS", tmp_path / "run")
    with only_daemon("gate"), pytest.raises(GateError, match="another daemon runs for gate 'gate'"):
        only_daemon("gate").__enter__()
    with only_daemon("gate"):
        pass
    assert list((tmp_path / "run").iterdir()) == []
    client.wait_for_end("gate")
