"""What the audit log has of each look-up, answered or refused, and that nothing is told without it."""

from __future__ import annotations

import os
import pwd
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.unit.kept_lines import CASE, HOME, NOW, Desk, asked, at, desk_of, raw, refused


def test_a_look_up_is_recorded_with_who_and_why_and_without_what_was_found(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0)
    asked("100.64.0.7", 60)
    assert desk.recorded() == (
        "line holder",
        "100.64.0.7 at 2026-11-24T12:01:00+00:00",
        "case",
        "case 17",
        "held",
    )
    entry = desk.records()[-1].entry
    assert (entry.at, entry.uid) == (NOW, os.geteuid())
    assert entry.user.startswith(pwd.getpwuid(os.geteuid()).pw_name)


def test_no_header_changes_who_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    with desk_of(tmp_path, monkeypatch) as desk:
        question = {"address": "100.64.0.7", "at": at(60).isoformat(), **CASE}
        headers = {"X-Forwarded-For": "4711", "X-Forwarded-Proto": "https", "Forwarded": "for=4711"}
        assert raw("POST", "/v1/lines/holder", json=question, headers=headers).status_code == 200
        assert desk.records()[-1].entry.uid == os.geteuid()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"purpose": None}, "purpose: "),
        ({"purpose": "curiosity"}, 'purpose: "curiosity" is not one of the choices: write "case", "report"'),
        ({"at": "2026-11-24T12:01:00"}, 'at: "2026-11-24T12:01:00" has no zone'),
        ({"at": "2026-11-24T16:00:00Z"}, "at: 2026-11-24T16:00:00+00:00 is still to come: ask for"),
        ({"address": "100.64.0.0/16"}, 'address: "100.64.0.0/16" is not one address'),
        ({"port": "25"}, 'port: "25" is not a whole number'),
        ({"port": 0}, "port: 0 is out of bounds: give at least 1"),
        ({"port": 65_536}, "port: 65536 is out of bounds: give at most 65,535"),
        ({"reference": "two\nlines"}, "reference: the text has characters that cannot be printed"),
        ({"why": "curiosity"}, "why: Extra inputs are not permitted"),
    ],
)
def test_a_refused_look_up_is_recorded_with_the_reason(desk: Desk, change: dict[str, Any], said: str) -> None:
    question = {"address": "100.64.0.7", "at": at(60).isoformat(), "purpose": "case", **change}
    why = refused(422, "invalid", "/v1/lines/holder", question)
    assert why.startswith(said)
    action, subject, purpose, _, outcome = desk.recorded()
    assert (action, purpose) == ("line holder", str(question["purpose"] or ""))
    assert subject.startswith(question["address"])
    assert outcome == f"refused: {why}"


@pytest.mark.parametrize("key", ["purpose", "at", "address"])
def test_what_is_missing_is_told_with_the_way_out(desk: Desk, key: str) -> None:
    question = {"address": "100.64.0.7", "at": at(60).isoformat(), **CASE}
    del question[key]
    why = refused(422, "invalid", "/v1/lines/holder", question)
    assert why.startswith(f"{key}: this is needed: ")
    assert desk.recorded()[4] == f"refused: {why}"


@pytest.mark.parametrize("content", [b"", b"{", b'["100.64.0.7"]', b'{"address": "\\ud800"}', b"\xff"])
def test_what_is_no_question_is_recorded_too(desk: Desk, content: bytes) -> None:
    answer = raw("POST", "/v1/lines/show", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert desk.recorded()[0] == "line show"


def test_long_and_unprintable_tries_do_not_swell_the_log(desk: Desk) -> None:
    refused(422, "invalid", "/v1/lines/show", {"line": "x\n" * 10_000, "purpose": "\0"})
    _, subject, purpose, _, outcome = desk.recorded()
    assert (subject[:3], len(subject), purpose) == (
        "x\N{REPLACEMENT CHARACTER}x",
        500,
        "\N{REPLACEMENT CHARACTER}",
    )
    assert len(outcome) <= 500


def test_without_its_record_nothing_is_told(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0)
    with closing(sqlite3.connect(desk.database)) as elsewhere:
        elsewhere.execute("ALTER TABLE audit RENAME TO hidden")
    question = {"address": "100.64.0.7", "at": at(60).isoformat(), **CASE}
    for path, body in (
        ("/v1/lines/holder", question),
        ("/v1/lines/holder", {**question, "purpose": "curiosity"}),
        ("/v1/lines/show", {"line": "home-7", **CASE}),
    ):
        answer = raw("POST", path, json=body)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:sekisho:problem:store")
        assert answer.json()["fault"] == "us"
        assert "home-7" not in answer.text
    relief = {"line": "home-7", "until": "2026-12-31", "reason": "own server"}
    assert raw("POST", "/v1/lines/relief", json=relief).status_code == 503
    with desk.store.reading() as transaction:
        assert transaction.reliefs(NOW) == ()
    assert desk.changed == []


def test_a_look_up_that_is_refused_since_the_store_is_busy_is_recorded(desk: Desk) -> None:
    desk.busy = "the store is busy: ask again shortly"
    question = {"address": "100.64.0.7", "at": at(60).isoformat(), **CASE}
    assert raw("POST", "/v1/lines/holder", json=question).status_code == 503
    assert desk.recorded()[0] == "line holder"
    assert desk.recorded()[4] == "refused: the store is busy: ask again shortly"
    assert raw("POST", "/v1/lines/show", json={"line": "home-7", **CASE}).status_code == 503
    assert desk.recorded()[:2] == ("line show", "home-7")
    assert len(desk.records()) == 2


def test_a_look_up_that_fails_by_our_fault_is_recorded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("sekisho.daemon.lines_office.find_holder", fail)
    question = {"address": "100.64.0.7", "at": at(60).isoformat(), **CASE}
    assert raw("POST", "/v1/lines/holder", json=question).status_code == 500
    assert desk.recorded()[4] == "failed by our fault: ZeroDivisionError"
