"""Questions about lines over a real socket and a real store: what is answered, and what is recorded."""

from __future__ import annotations

import os
import pwd
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from sekisho.api import client, lines
from sekisho.model import Address, PortPlan
from tests.unit.fake_daemon import FakeOffice, running
from tests.unit.kept_lines import NOW, Desk, at, desk_of, listed, parsed, raw

HOME = Address(ip_address("100.64.0.7").packed, 32)
BLOCKS = PortPlan("dynamic", first=1_024, size=1_008)
SHARED = ip_address("100.64.1.1").packed
CASE = {"purpose": "case", "reference": "case 17"}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with desk_of(tmp_path, monkeypatch) as found:
        yield found


def asked(address: str, seconds: float, **more: Any) -> dict[str, Any]:
    question = {"address": address, "at": at(seconds).isoformat(), **CASE, **more}
    answer = raw("POST", "/v1/lines/holder", json=question)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


def found(address: str, seconds: float, **more: Any) -> tuple[str, str | None, list[str]]:
    answer = asked(address, seconds, **more)
    return answer["answer"], answer["line"], [one["line"] for one in answer["candidates"]]


def refused(status: int, kind: str, path: str, body: Any) -> str:
    """Ask what is refused; return why."""
    answer = raw("POST", path, json=body)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (status, f"urn:sekisho:problem:{kind}")
    assert answer.headers["cache-control"] == "no-store"
    return str(problem["detail"])


def test_the_answer_has_the_written_keys(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0, 600)
    assert asked("100.64.0.7", 60) == {
        "address": "100.64.0.7",
        "port": None,
        "at": "2026-11-24T12:01:00Z",
        "answer": "held",
        "line": "home-7",
        "candidates": [
            {
                "line": "home-7",
                "begin": "2026-11-24T12:00:00Z",
                "end": "2026-11-24T12:10:00Z",
                "ending": "stop",
            }
        ],
        "skew_seconds": 5.0,
    }


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5.001, ("nobody", None, [])),
        (-5, ("ambiguous", None, ["home-7"])),
        (0, ("held", "home-7", ["home-7"])),
        (594.999, ("held", "home-7", ["home-7"])),
        (595, ("ambiguous", None, ["home-7", "home-8"])),
        (604.999, ("ambiguous", None, ["home-7", "home-8"])),
        (605, ("held", "home-8", ["home-8"])),
    ],
)
def test_around_a_boundary_the_candidates_are_named(
    desk: Desk, seconds: float, expected: tuple[str, str | None, list[str]]
) -> None:
    desk.hold("home-7", HOME, 0)
    desk.hold("home-8", HOME, 600)
    assert found("100.64.0.7", seconds) == expected


def test_an_ipv6_address_is_found_by_the_most_specific_prefix(desk: Desk) -> None:
    desk.hold("wide", Address(ip_address("2001:db8:0:100::").packed, 56), 0)
    desk.hold("narrow", Address(ip_address("2001:db8:0:1ff::").packed, 64), 0, 600)
    assert found("2001:db8:0:1ff::25", 60) == ("held", "narrow", ["narrow"])
    assert found("2001:db8:0:1fe::25", 60) == ("held", "wide", ["wide"])
    assert found("2001:db8:0:1ff::25", 900) == ("held", "wide", ["wide"])
    assert found("2001:db8:0:1ff::25", 601) == ("ambiguous", None, ["narrow", "wide"])
    assert found("2001:db8:0:200::25", 60) == ("nobody", None, [])


@pytest.mark.parametrize(
    ("port", "line"),
    [
        (1_023, None),
        (1_024, "share-0"),
        (2_031, "share-0"),
        (2_032, "share-1"),
        (3_039, "share-1"),
        (3_040, None),
    ],
)
def test_a_shared_address_is_found_by_its_port(desk: Desk, port: int, line: str | None) -> None:
    desk.share(SHARED, BLOCKS)
    for number in (0, 1):
        desk.hold(f"share-{number}", Address(SHARED, 32, number), 0)
    assert asked("100.64.1.1", 60, port=port)["line"] == line
    assert desk.recorded()[1] == f"100.64.1.1 port {port} at 2026-11-24T12:01:00+00:00"


def test_a_shared_address_without_a_port_is_nobodys_fault(desk: Desk) -> None:
    desk.share(SHARED, BLOCKS)
    desk.hold("share-0", Address(SHARED, 32, 0), 0)
    assert found("100.64.1.1", 60) == ("port-needed", None, [])


def test_where_the_plan_of_ports_has_just_changed_both_may_be_right(desk: Desk) -> None:
    desk.share(SHARED, BLOCKS)
    desk.hold("old", Address(SHARED, 32, 1), 0)
    with desk.store.transaction() as transaction:
        transaction.set_port_plans({SHARED: PortPlan("dynamic", first=1_024, size=2_016)}, at(600))
    desk.hold("new", Address(SHARED, 32, 0), 600)
    assert found("100.64.1.1", 590, port=2_100) == ("held", "old", ["old"])
    assert found("100.64.1.1", 603, port=2_100)[0] == "ambiguous"
    assert set(found("100.64.1.1", 603, port=2_100)[2]) == {"old", "new"}
    assert found("100.64.1.1", 610, port=2_100) == ("held", "new", ["new"])


def test_before_an_address_was_shared_one_line_had_it_whole(desk: Desk) -> None:
    desk.hold("whole", Address(SHARED, 32), 0)
    with desk.store.transaction() as transaction:
        transaction.set_port_plans({SHARED: BLOCKS}, at(600))
    desk.hold("share-0", Address(SHARED, 32, 0), 600)
    assert found("100.64.1.1", 60, port=1_024) == ("held", "whole", ["whole"])
    assert found("100.64.1.1", 60, port=80) == ("held", "whole", ["whole"])
    assert found("100.64.1.1", 598, port=1_024)[0] == "ambiguous"
    assert found("100.64.1.1", 900, port=1_024) == ("held", "share-0", ["share-0"])
    assert found("100.64.1.1", 900, port=5_000) == ("nobody", None, [])  # whose Stop of the whole was lost
    assert found("100.64.1.1", 60) == ("port-needed", None, [])


def test_what_was_acknowledged_counts_at_once(desk: Desk) -> None:
    desk.hear("home-7", HOME, 0)
    assert found("100.64.0.7", 60) == ("held", "home-7", ["home-7"])
    desk.hear("home-8", HOME, 600)
    assert shown("home-7")["holds"] == []


def test_what_is_no_longer_kept_is_not_called_nobodys(desk: Desk) -> None:
    assert found("100.64.0.7", -timedelta(days=200).total_seconds()) == ("not-kept", None, [])
    desk.hold("home-7", HOME, -timedelta(days=190).total_seconds())
    assert found("100.64.0.7", -timedelta(days=189).total_seconds())[0] == "held"


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


def shown(line: str, **more: Any) -> dict[str, Any]:
    answer = raw("POST", "/v1/lines/show", json={"line": line, **CASE, **more})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    told: dict[str, Any] = answer.json()
    return told


def test_a_line_is_shown_with_what_its_pool_makes_of_it(desk: Desk) -> None:
    desk.hold("home-7", HOME, -600, -60)
    desk.hold("home-7", HOME, 0)
    desk.hold("home-7", Address(ip_address("2001:db8:0:100::").packed, 56), 0)
    assert (
        shown("home-7")
        == {
            "line": "home-7",
            "fixed": False,
            "class_name": "dynamic",
            "class_from": "pool",
            "limit": {"mode": "enforce", "cap": 5, "delay": "1s", "excess": "drop"},
            "limit_from": "class",
            "relief": None,
            "holds": [
                {"address": "100.64.0.7", "ports": None},
                {"address": "2001:db8:0:100::/56", "ports": None},
            ],
            "leases_since": "2026-10-25T14:00:00Z",
            "leases": [
                {
                    "address": "100.64.0.7",
                    "ports": None,
                    "begin": "2026-11-24T11:50:00Z",
                    "end": "2026-11-24T11:59:00Z",
                    "ending": "stop",
                },
                {
                    "address": "2001:db8:0:100::/56",
                    "ports": None,
                    "begin": "2026-11-24T12:00:00Z",
                    "end": None,
                    "ending": None,
                },
                {
                    "address": "100.64.0.7",
                    "ports": None,
                    "begin": "2026-11-24T12:00:00Z",
                    "end": None,
                    "ending": None,
                },
            ],
        }
        or sorted(shown("home-7")) == []
    )
    assert desk.recorded() == ("line show", "home-7", "case", "case 17", "shown")


def test_a_lease_that_another_line_has_ended_is_superseded(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0)
    desk.hold("home-8", HOME, 600)
    (lease,) = shown("home-7")["leases"]
    assert (lease["end"], lease["ending"]) == ("2026-11-24T12:10:00Z", "superseded")
    assert shown("home-7")["holds"] == []
    assert shown("home-7")["class_name"] is None


def test_older_leases_are_shown_to_whoever_asks_for_them(desk: Desk) -> None:
    month = timedelta(days=31).total_seconds()
    desk.hold("home-7", HOME, -month - 600, -month)
    assert shown("home-7")["leases"] == []
    assert len(shown("home-7", since="2026-01-01T00:00:00Z")["leases"]) == 1


def test_the_ports_of_a_share_are_shown(desk: Desk) -> None:
    desk.share(SHARED, PortPlan("dynamic", offset=1, length=15))
    desk.hold("share-3", Address(SHARED, 32, 3), 0)
    assert shown("share-3")["holds"] == [{"address": "100.64.1.1", "ports": ["32771-32771"]}]
    assert shown("share-3")["leases"][0]["ports"] == ["32771-32771"]


def test_a_list_gives_a_line_its_class_before_its_pool(desk: Desk) -> None:
    desk.hold("office-17", HOME, 0)
    listed(desk, "office-17", "fixed")
    told = shown("office-17")
    assert (told["class_name"], told["class_from"], told["fixed"]) == ("fixed", "list", True)
    listed(desk, "office-17", "gone")
    told = shown("office-17")
    assert (told["class_name"], told["class_from"]) == ("dynamic", "pool")


def test_an_unknown_line_is_refused_and_that_is_recorded(desk: Desk) -> None:
    why = refused(404, "unknown-line", "/v1/lines/show", {"line": "nobody", **CASE})
    assert "'nobody'" in why
    assert desk.recorded() == ("line show", "nobody", "case", "case 17", f"refused: {why}")


def test_a_purpose_is_needed_to_see_a_line(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0)
    assert "home-7" not in refused(422, "invalid", "/v1/lines/show", {"line": "home-7"})
    assert desk.recorded()[:2] == ("line show", "home-7")


RELIEF = {"line": "home-7", "until": "2026-12-31", "reason": "runs a server of its own"}


def test_a_relief_ends_with_its_last_day(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0)
    answer = raw("POST", "/v1/lines/relief", json=RELIEF)
    assert answer.headers["cache-control"] == "no-store"
    relief = answer.json()["relief"]
    assert (relief["until"], relief["reason"]) == ("2027-01-01T00:00:00Z", "runs a server of its own")
    told = shown("home-7")
    assert (told["class_name"], told["limit_from"], told["relief"]) == ("dynamic", "relief", relief)
    assert told["limit"] == {"mode": "observe", "cap": 5, "delay": "0s", "excess": "drop"}
    assert [len(lines) for lines in desk.changed] == [1]
    desk.now = at(timedelta(days=38).total_seconds())
    told = shown("home-7")
    assert (told["limit_from"], told["relief"]) == ("class", None)


def test_a_relief_is_recorded_with_its_reason(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0)
    raw("POST", "/v1/lines/relief", json=RELIEF)
    assert desk.recorded() == (
        *("line relief", "home-7", "", "runs a server of its own"),
        "until 2027-01-01T00:00:00+00:00",
    )
    ended = raw("POST", "/v1/lines/relief/end", json={"line": "home-7", "reason": "has moved it"})
    assert ended.json() == {"line": "home-7", "relief": None}
    assert desk.recorded() == ("line relief end", "home-7", "", "has moved it", "ended")
    assert shown("home-7")["limit_from"] == "class"
    assert len(desk.changed) == 2


@pytest.mark.parametrize(
    ("change", "status", "kind", "said"),
    [
        ({"until": "2026-11-23"}, 422, "invalid", "until: 2026-11-24T00:00:00+00:00 is past"),
        ({"until": "2026-11-24T14:00:00Z"}, 422, "invalid", "is past: name a day from today on"),
        ({"until": "2027-11-26"}, 422, "invalid", "is more than a year from now: name an end within a year"),
        ({"until": "2026-12-31T12:00:00"}, 422, "invalid", "has no zone"),
        ({"until": "never"}, 422, "invalid", 'until: "never" is no date'),
        ({"reason": " "}, 422, "invalid", "reason: the text is empty: write some words"),
        ({"line": "nobody"}, 404, "unknown-line", "nothing was ever heard of a line 'nobody'"),
    ],
)
def test_a_refused_relief_changes_nothing_and_is_recorded(
    desk: Desk, change: dict[str, str], status: int, kind: str, said: str
) -> None:
    desk.hold("home-7", HOME, 0)
    why = refused(status, kind, "/v1/lines/relief", {**RELIEF, **change})
    assert said in why
    assert desk.recorded()[0] == "line relief"
    assert desk.recorded()[4] == f"refused: {why}"
    assert desk.changed == []
    with desk.store.reading() as transaction:
        assert transaction.reliefs(NOW) == ()


@pytest.mark.parametrize("until", ["2026-11-24", "2027-11-24", "2026-11-24T14:00:00.001Z"])
def test_the_first_and_the_last_end_of_a_relief(desk: Desk, until: str) -> None:
    desk.hold("home-7", HOME, 0)
    assert raw("POST", "/v1/lines/relief", json={**RELIEF, "until": until}).status_code == 200


def test_a_relief_that_is_not_there_cannot_end(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0)
    why = refused(409, "no-relief", "/v1/lines/relief/end", {"line": "home-7", "reason": "none"})
    assert "the limit of its class holds already" in why
    assert desk.recorded()[4] == f"refused: {why}"


LIST = b"line,class,addresses,fixed\noffice-17,fixed,100.64.0.17 2001:db8:17::/48,yes\n"


def test_a_list_is_imported_and_recorded(desk: Desk) -> None:
    answer = raw(
        "POST", "/v1/lines/import", content=LIST, headers={"Content-Type": "text/csv; charset=utf-8"}
    )
    assert answer.json() == {
        "dry_run": False,
        "lines": 1,
        "lines_set": 1,
        "lines_dropped": 0,
        "leases_begun": 2,
        "leases_ended": 0,
        "warnings": [],
    }
    assert desk.recorded() == ("line import", "a list in csv", "", "", "1 lines, 2 leases written, 0 removed")
    assert shown("office-17")["class_from"] == "list"


def test_a_list_can_be_tried(desk: Desk) -> None:
    answer = raw("POST", "/v1/lines/import?dry_run=true", content=LIST, headers={"Content-Type": "text/csv"})
    assert (answer.json()["dry_run"], answer.json()["leases_begun"]) == (True, 2)
    assert desk.recorded()[4].startswith("tried only: 1 lines")
    with desk.store.reading() as transaction:
        assert list(transaction.listed_lines()) == []


def test_the_list_of_a_file_is_not_replaced(desk: Desk) -> None:
    desk.config = parsed('[lines]\nfile = "lines.csv"\n')
    answer = raw("POST", "/v1/lines/import", content=LIST, headers={"Content-Type": "text/csv"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:sekisho:problem:list-in-file")
    assert desk.recorded()[4] == "refused: [lines] names lines.csv: change that file, and reload"
    tried = raw("POST", "/v1/lines/import?dry_run=true", content=LIST, headers={"Content-Type": "text/csv"})
    assert tried.json()["leases_begun"] == 2


def test_every_error_of_a_list_is_told_and_nothing_of_it_imported(desk: Desk) -> None:
    wrong = LIST + b"office-18,none,100.64.0.18,yes\noffice-19,fixed,192.0.2.1,perhaps\n"
    answer = raw("POST", "/v1/lines/import", content=wrong, headers={"Content-Type": "text/csv"})
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, "urn:sekisho:problem:refused-list")
    assert [one.partition(": ")[0] for one in problem["problems"]] == ["3", "4", "4"]
    assert desk.recorded()[4] == "refused: nothing is imported: 3 errors are in the list"
    with desk.store.reading() as transaction:
        assert list(transaction.listed_lines()) == []


def test_what_is_no_list_is_refused_and_recorded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = raw("POST", "/v1/lines/import", content=LIST, headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["type"]) == (415, "urn:sekisho:problem:list-kind")
    assert desk.recorded() == ("line import", "", "", "", f"refused: {answer.json()['detail']}")
    monkeypatch.setattr(lines, "LARGEST_LIST", 10)
    answer = raw("POST", "/v1/lines/import", content=LIST, headers={"Content-Type": "text/csv"})
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:sekisho:problem:list-too-large")
    assert len(desk.records()) == 2


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
