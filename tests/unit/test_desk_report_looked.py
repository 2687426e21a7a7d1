"""A report looked at by a person: what it says, whom it may mean, its original; each look is recorded."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from sekisho.cli.show_desk_reports import printable
from sekisho.lines.events import Lease
from tests.desk import letters
from tests.desk.world import World, world
from tests.unit.desk_office import Office, office_open, refused, sekisho, told
from tests.unit.desk_site import about, facts_of, is_like
from tests.unit.kept_lines import raw

ASKED = ("--purpose", "report", "--reference", "ticket 7")


@pytest.fixture(scope="module")
def provider() -> World:
    return world(3)


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: World) -> Iterator[Office]:
    with office_open(tmp_path, monkeypatch, provider) as made:
        yield made


def another(office: Office) -> Lease:
    """Return a lease of another line, of the same hours."""
    some = (one for one in office.site.provider.leases if is_like(one, office.lease))
    return next(one for one in some if one.line != office.lease.line)


def disagreeing(office: Office) -> bytes:
    """Return a report whose field names one line, and whose hop another."""
    facts = facts_of(office.lease, 0)
    hop = letters.postfix(ip_address(another(office).address.network), facts.date)
    return letters.arf(replace(facts, message=letters.message([hop], 0)), random.Random(0))


def recorded(office: Office) -> list[tuple[str, str, str, str, str]]:
    with office.site.store.reading() as transaction:
        entries = [one.entry for one in transaction.records() if one.entry.action.startswith("desk")]
    return [(one.action, one.subject, one.purpose, one.reference, one.outcome) for one in entries]


def test_an_ambiguous_report_is_told_with_all_whom_it_may_mean(office: Office) -> None:
    office.take(disagreeing(office))
    shown = told("report", "1", *ASKED)
    assert "ambiguous, the report's field and the Received chain name different senders" in shown
    assert "abuse, structured, as of" in shown
    look = json.loads(told("report", "1", *ASKED, "--json"))
    (incident,) = look["incidents"]
    both = (office.lease, another(office))
    assert incident["addresses"] == [str(ip_address(one.address.network)) for one in both]
    held = [(one["answer"], one["line"]) for one in incident["holders"]]
    assert held == [("held", f"L-{one.line:04}") for one in both]
    assert look["report"]["incidents"][0]["place"] == 0
    looks = [one for one in recorded(office) if one[0] == "desk report"]
    assert looks == [("desk report", "report 1", "report", "ticket 7", "shown")] * 2


def test_nobody_keeps_what_names_a_line_on_the_way(office: Office) -> None:
    office.take(about(office.lease, 0))
    asked: list[tuple[str, str, object]] = [("GET", "/v1/desk/cases/1", None)]
    asked += [("POST", f"/v1/desk/reports/1/{one}", {"purpose": "case"}) for one in ("look", "original")]
    for method, path, body in asked:
        answer = raw(method, path, json=body)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")


def test_who_looks_says_why(office: Office) -> None:
    office.take(about(office.lease, 0))
    assert "purpose" in refused("report", "1")
    assert "purpose" in refused("report", "1", "--original")
    assert "no report 9" in refused("report", "9", *ASKED)
    assert [(action, outcome.partition(":")[0]) for action, *_, outcome in recorded(office)] == [
        ("desk report", "refused"),
        ("desk original", "refused"),
        ("desk report", "refused"),
    ]


def test_a_report_that_is_settled_can_be_looked_at_and_its_case_names_it(office: Office) -> None:
    office.take(*(about(office.lease, number) for number in (0, 1, 2)))
    assert "reports 1-3\n" in told("case", "1")
    assert json.loads(told("case", "1", "--json"))["reports"] == [1, 2, 3]
    assert "incident 1: attributed, counted sound, case 1" in told("report", "2", *ASKED)


def test_what_is_not_understood_is_told_with_the_reason(office: Office) -> None:
    office.take(b"Subject: hello\r\n\r\nspam from you\r\n")
    assert "it cannot be read: unknown-format: " in told("report", "1", *ASKED)


def test_an_original_is_handed_out_as_it_came(office: Office, tmp_path: Path) -> None:
    original = about(office.lease, 0)
    office.take(original)
    assert sekisho("report", "1", *ASKED, "--original").stdout_bytes == original
    shown = json.loads(told("report", "1", *ASKED, "--original", "--json"))
    assert base64.b64decode(shown["original_base64"]) == original
    file = tmp_path / "report.eml"
    assert f"written: {file}" in told("report", "1", *ASKED, "--output", str(file))
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (original, 0o600)
    assert "cannot be written" in refused("report", "1", *ASKED, "--output", str(file))
    outcomes = {one[-1] for one in recorded(office)}
    assert outcomes == {"its original is shown"}


def test_what_a_terminal_obeys_is_not_shown_on_one() -> None:
    hostile = "Subject: \x1b]0;evil\x07\x1b[2J\r\na\x08b\u202ec\td\xff\n".encode("latin-1", "ignore")
    assert printable(hostile) == "Subject: �]0;evil��[2J\na�bc\td�\n"
    assert printable("x\u202ey".encode()) == "x�y\n"


def test_many_are_taken_out_of_the_queue_at_once_or_none(office: Office) -> None:
    office.take(*(b"Subject: %d\r\n\r\nspam\r\n" % number for number in range(4)))
    assert "report 1 " in told("queue", "--why", "unknown-format")
    assert told("queue", "--why", "no such words") == "the queue is empty\n"
    assert told("queue", "--after", "3").startswith("report 4 ")
    why = ("--reason", "spam to abuse@")
    assert "report 9 is not in the queue" in refused("queue", "--seen", "1", "--seen", "9", *why)
    assert told("queue", "--seen", "1", "--seen", "2", *why) == "2 reports are taken out of the queue\n"
    assert "name reports, or a moment" in refused("queue", "--seen", "3", "--before", "2026-11-01", *why)
    assert told("queue", "--before", "2026-11-01", *why) == "0 reports are taken out of the queue\n"
    assert json.loads(told("queue", "--before", "2036-11-01", *why, "--json")) == {"seen": 2}
    assert told("queue") == "the queue is empty\n"
    outcomes = [(one[1], one[-1].partition(":")[0]) for one in recorded(office)]
    assert outcomes == [
        ("reports 1, 9", "refused"),
        ("reports 1, 2", "seen"),
        ("", "refused"),
        ("reports that came before 2026-11-01T00:00:00+00:00", "0 seen"),
        ("reports that came before 2036-11-01T00:00:00+00:00", "2 seen"),
    ]


def test_an_original_that_no_key_opens_is_refused_with_the_way_out(office: Office) -> None:
    office.take(about(office.lease, 0))
    office.site.key = Fernet.generate_key()
    assert "no key opens the original" in refused("report", "1", *ASKED, "--original")
    assert "it cannot be read: no key opens" in told("report", "1", *ASKED)


def test_leases_that_are_forgotten_are_told_as_such(office: Office) -> None:
    nobodys = ip_address("198.19.200.1")
    facts = replace(facts_of(office.lease, 0), named=nobodys, message=letters.message([], 0))
    office.take(letters.arf(facts, random.Random(0)))
    assert "nobody" in told("report", "1", *ASKED)
    office.site.kept = timedelta(minutes=30)
    (held,) = json.loads(told("report", "1", *ASKED, "--json"))["incidents"][0]["holders"]
    assert held["answer"] == "not-kept"
