"""The interface of a daemon that keeps lines, and of one that does not."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sekisho.api import client
from tests.unit.fake_daemon import FakeOffice, running
from tests.unit.kept_lines import HOME, RELIEF, Desk, raw, refused


def test_the_status_names_nobody(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0)
    raw("POST", "/v1/lines/relief", json=RELIEF)
    assert raw("GET", "/v1/lines/status").json() == {
        "store": "ok",
        "lines": 1,
        "addresses_held": 1,
        "reliefs": 1,
        "gate_is_whole": True,
        "counts": {"radius": {"taken": 7, "unsent": 0}, "intake": {"outside": 0}},
    }
    assert len(desk.records()) == 1


def test_the_status_says_why_the_store_is_away(desk: Desk) -> None:
    with closing(sqlite3.connect(desk.database)) as elsewhere:
        elsewhere.execute("ALTER TABLE line RENAME TO hidden")
    status = raw("GET", "/v1/lines/status").json()
    assert status["store"].startswith("store sqlite")
    assert (status["lines"], status["counts"]["radius"]["taken"]) == (None, 7)


def test_kea_is_heard_where_the_configuration_says_so(desk: Desk) -> None:
    refused(409, "no-kea", "/v1/leases/events", [])
    refused(422, "invalid", "/v1/leases/events", {"event": "lease4_release"})
    refused(422, "invalid", "/v1/leases/events", [{"event": "lease4_release", "at": "now", "variables": {}}])
    call = {"event": "lease4_renew", "at": "2026-11-24T12:00:00Z", "variables": {}}
    refused(422, "invalid", "/v1/leases/events", [call] * 1_001)
    assert desk.records() == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/lines/holder"),
        ("POST", "/v1/lines/show"),
        ("POST", "/v1/lines/relief"),
        ("POST", "/v1/lines/relief/end"),
        ("POST", "/v1/lines/import"),
        ("GET", "/v1/lines/status"),
        ("POST", "/v1/leases/events"),
        ("GET", "/v1/audit"),
        ("GET", "/v1/audit/verification"),
    ],
)
def test_a_daemon_without_a_store_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    with running(FakeOffice()):
        answer = raw(method, path)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:sekisho:problem:no-store")
    assert "add [store] to the configuration" in answer.json()["detail"]


@pytest.mark.usefixtures("desk")
def test_the_schema_for_machines_has_the_questions() -> None:
    schema = raw("GET", "/openapi.json").json()
    question = schema["components"]["schemas"]["HolderQuestion"]
    assert sorted(question["required"]) == ["address", "at", "purpose"]
    assert schema["components"]["schemas"]["Purpose"]["enum"] == [
        *("case", "report", "customer-request", "fault", "lawful-order")
    ]
