"""The audit log as it is read and verified."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.kept_lines import NOW, Desk, asked, raw


def audit_log(**query: Any) -> dict[str, Any]:
    answer = raw("GET", "/v1/audit", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


def test_the_audit_log_is_read_page_by_page_and_that_is_recorded(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sekisho.daemon.lines_office.MOST_RECORDS", 2)
    for seconds in (60, 120, 180):
        asked("100.64.0.7", seconds)
    first = audit_log()
    assert ([one["number"] for one in first["records"]], first["more"]) == ([1, 2], True)
    assert list(first["records"][0]) == [
        *("number", "at", "uid", "user", "action", "subject", "purpose", "reference", "outcome", "hash")
    ]
    rest = audit_log(after=2)
    assert [one["subject"] for one in rest["records"]] == [
        "100.64.0.7 at 2026-11-24T12:03:00+00:00",
        "records after 0",
    ]
    assert rest["more"] is False
    assert desk.recorded() == ("audit log", "records after 2", "", "", "2 records")


def test_the_audit_log_is_read_since_a_moment(desk: Desk) -> None:
    asked("100.64.0.7", 60)
    desk.now = NOW + timedelta(hours=1)
    asked("100.64.0.7", 120)
    since = audit_log(since="2026-11-25T00:00:00+09:00")
    assert [one["number"] for one in since["records"]] == [2]
    assert raw("GET", "/v1/audit", params={"since": "2026-11-25T00:00:00"}).status_code == 422
    assert "has no zone" in desk.recorded()[4]


def test_a_sound_log_is_called_sound_and_its_head_is_found_later(desk: Desk) -> None:
    assert raw("GET", "/v1/audit/verification").json() == {
        "sound": True,
        "records": 0,
        "first_broken": None,
        "head": None,
        "head_found": None,
        "forgotten": 0,
        "forgotten_at": None,
    }
    asked("100.64.0.7", 60)
    noted = raw("GET", "/v1/audit/verification").json()
    assert (noted["sound"], noted["records"]) == (True, 1)
    asked("100.64.0.7", 120)
    later = raw("GET", "/v1/audit/verification", params={"head": noted["head"]}).json()
    assert (later["sound"], later["records"], later["head_found"]) == (True, 2, True)
    assert later["head"] == desk.records()[-1].hash.hex()


def test_a_changed_record_is_found(desk: Desk) -> None:
    for seconds in (60, 120, 180):
        asked("100.64.0.7", seconds)
    head = raw("GET", "/v1/audit/verification").json()["head"]
    with closing(sqlite3.connect(desk.database)) as elsewhere, elsewhere:
        elsewhere.execute("UPDATE audit SET purpose = 'fault' WHERE number = 2")
    found = raw("GET", "/v1/audit/verification").json()
    assert (found["sound"], found["first_broken"]) == (False, 2)
    with closing(sqlite3.connect(desk.database)) as elsewhere, elsewhere:
        elsewhere.execute("UPDATE audit SET purpose = 'case' WHERE number = 2")
        elsewhere.execute("DELETE FROM audit WHERE number = 3")
    assert raw("GET", "/v1/audit/verification").json()["sound"] is True
    cut = raw("GET", "/v1/audit/verification", params={"head": head}).json()
    assert (cut["sound"], cut["head_found"]) == (False, False)


def test_what_cannot_be_a_head_is_refused(desk: Desk) -> None:
    assert raw("GET", "/v1/audit/verification", params={"head": "00"}).status_code == 422
    assert desk.records() == []
