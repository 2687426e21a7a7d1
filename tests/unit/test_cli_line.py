"""Commands about lines and the audit log as an operator types them, with a real store behind the daemon."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sekisho.api import client
from sekisho.cli import app
from sekisho.desk.case_values import Event, Evidence, What
from sekisho.desk.cases import decide, open_case
from sekisho.desk.policy import Policy
from sekisho.lines.records import Relief
from sekisho.model import Address, PortPlan
from tests.unit.fake_daemon import FakeOffice, running
from tests.unit.kept_lines import HOME, SHARED, Desk, listed

AT = ("--at", "2026-11-24T12:01:00Z")
CASE = ("--purpose", "case", "--reference", "case 17")


def sekisho(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), prog_name="sekisho")


def told(*arguments: str) -> str:
    result = sekisho(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.output


def refused(*arguments: str) -> str:
    result = sekisho(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("sekisho: ")
    return result.stderr


def test_the_holder_is_told(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0, 600)
    assert told("line", "holder", "100.64.0.7", *AT, *CASE) == (
        "100.64.0.7 at 2026-11-24 12:01:00 UTC: held by home-7\n"
        "  home-7: from 2026-11-24 12:00:00 UTC to 2026-11-24 12:10:00 UTC (stop)\n"
    )
    assert desk.recorded()[2:] == ("case", "case 17", "held")


def test_candidates_are_told(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0)
    desk.hold("home-8", HOME, 600)
    assert told("line", "holder", "100.64.0.7", "--at", "2026-11-24T21:09:58.5+09:00", *CASE) == (
        "100.64.0.7 at 2026-11-24 12:09:58.5 UTC: ambiguous, since clocks may differ by 5 s\n"
        "  home-7: from 2026-11-24 12:00:00 UTC to 2026-11-24 12:10:00 UTC (superseded)\n"
        "  home-8: from 2026-11-24 12:10:00 UTC to now, and goes on\n"
    )


def test_that_nobody_held_it_is_an_answer(desk: Desk) -> None:
    asked = ("line", "holder", "100.64.0.7")
    assert told(*asked, *AT, *CASE) == "100.64.0.7 at 2026-11-24 12:01:00 UTC: held by nobody\n"
    desk.share(SHARED, PortPlan("dynamic", first=1_024, size=1_008))
    assert told("line", "holder", "100.64.1.1", *AT, *CASE).endswith(
        "lines share this address: give the source port with --port\n"
    )
    assert told("line", "holder", "100.64.1.1", "--port", "1024", *AT, *CASE) == (
        "100.64.1.1 port 1024 at 2026-11-24 12:01:00 UTC: held by nobody\n"
    )
    assert told(*asked, "--at", "2025-11-24T12:00:00Z", *CASE).endswith(
        "not known: leases of then are no longer kept\n"
    )


def test_an_answer_is_printed_as_json(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0)
    answer = json.loads(told("line", "holder", "100.64.0.7", *AT, *CASE, "--json"))
    assert (answer["answer"], answer["line"]) == ("held", "home-7")
    answer = json.loads(told("line", "show", "home-7", *CASE, "--json"))
    assert answer["class_name"] == "dynamic"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("line", "holder", "100.64.0.7", *AT),
            "purpose: this is needed: say why you look: one of case, report",
        ),
        (
            ("line", "holder", "100.64.0.7", *AT, "--purpose", "fun"),
            'purpose: "fun" is not one of the choices',
        ),
        (("line", "holder", "100.64.0.7", *CASE), "at: this is needed: write date, time and zone"),
        (("line", "holder", "100.64.0.7", "--at", "2026-11-24 12:01:00", *CASE), "has no zone"),
        (("line", "holder", "home", *AT, *CASE), 'address: "home" is not one address'),
        (
            ("line", "holder", "100.64.0.7", "--port", "smtp", *AT, *CASE),
            'port: "smtp" is not a whole number',
        ),
        (("line", "show", "home-7"), "purpose: this is needed"),
        (("line", "show", "home-7", *CASE), "nothing was ever heard of a line 'home-7'"),
        (("line", "relief", "home-7", "--reason", "own server"), "until: this is needed: write the last day"),
        (("line", "relief", "home-7", "--until", "2026-12-31"), "reason: this is needed"),
        (("line", "relief", "home-7", "--end"), "reason: this is needed"),
        (("audit", "log", "--since", "yesterday"), 'since: "yesterday" is no moment'),
    ],
)
def test_what_is_refused_has_come_to_the_daemon_and_is_recorded(
    desk: Desk, arguments: tuple[str, ...], said: str
) -> None:
    assert said in refused(*arguments)
    assert len(desk.records()) == 1
    assert desk.recorded()[4].startswith("refused: ")


def test_a_line_is_shown(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0)
    desk.share(SHARED, PortPlan("dynamic", first=1_024, size=1_008))
    desk.hold("home-7", Address(SHARED, 32, 1), 60, 120)
    assert told("line", "show", "home-7", *CASE) == (
        "line home-7: not fixed\n"
        "  class: dynamic, by its pool\n"
        "  limit: enforce, cap 5, delay 1s, excess drop, by its class\n"
        "  its cap: not met in the last day, as far as the gate remembers\n"
        "  holds: 100.64.0.7\n"
        "  leases since 2026-10-25 14:00:00 UTC:\n"
        "    100.64.0.7: from 2026-11-24 12:00:00 UTC to now, and goes on\n"
        "    100.64.1.1 ports 2032-3039: from 2026-11-24 12:01:00 UTC to 2026-11-24 12:02:00 UTC (stop)\n"
    )


def test_when_a_line_met_its_cap_is_shown(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0)
    desk.met_cap = desk.now - timedelta(minutes=10, microseconds=1)
    assert "  its cap: met last at 2026-11-24 13:49:59 UTC\n" in told("line", "show", "home-7", *CASE)


def test_a_line_without_an_address_is_shown(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0, 60)
    assert told("line", "show", "home-7", *CASE, "--since", "2026-11-24T13:00:00Z") == (
        "line home-7: not fixed\n"
        "  class: none, since it holds no address of a pool and no list names it\n"
        "  its cap: not met in the last day, as far as the gate remembers\n"
        "  holds: nothing\n"
        "  leases since 2026-11-24 13:00:00 UTC: none\n"
    )


def test_a_line_that_a_case_has_closed_is_shown_with_the_case(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0)
    with desk.store.transaction() as transaction:
        number = transaction.number_lines(["home-7"])["home-7"]
        case = transaction.add_case(open_case(0, number, "dynamic", desk.now), None)
        suspend = Event(What.SUSPEND, "sato", "spam")
        decision = decide(case, suspend, desk.now, Policy())
        transaction.put_decision(case, suspend, decision, desk.now, evidence=Evidence(), due=None)
    assert told("line", "show", "home-7", *CASE).splitlines()[2] == (
        "  limit: enforce, cap 0, delay 0s, excess reset, by case 1, port-25-suspension "
        "since 2026-11-24 14:00:00 UTC until 2026-12-24 14:00:00 UTC"
    )
    shown = json.loads(told("line", "show", "home-7", *CASE, "--json"))
    assert (shown["limit_from"], [one["case"] for one in shown["measures"]]) == ("case", [1])


def test_a_relief_is_given_shown_and_ended(desk: Desk) -> None:
    desk.hold("office-17", HOME, 0)
    listed(desk, "office-17", "dynamic")
    given = told("line", "relief", "office-17", "--until", "2026-12-31", "--reason", "own server")
    by = desk.records()[-1].entry.user
    relief = (
        f"released from its limit until 2027-01-01 00:00:00 UTC, "
        f"by {by} since 2026-11-24 14:00:00 UTC: own server"
    )
    assert given == f"office-17: {relief}\n"
    shown = told("line", "show", "office-17", *CASE).splitlines()
    assert shown[0] == "line office-17: fixed"
    assert shown[1] == "  class: dynamic, by its list"
    assert shown[2] == f"  limit: observe, cap 5, delay 0s, excess drop, {relief}"
    assert told("line", "relief", "office-17", "--end", "--reason", "moved") == (
        "office-17: the limit of its class holds again\n"
    )
    assert "by its class" in told("line", "show", "office-17", *CASE)
    assert len(desk.changed) == 2


def test_a_relief_cannot_begin_and_end_at_once() -> None:
    result = sekisho("line", "relief", "home-7", "--end", "--until", "2026-12-31", "--reason", "x")
    assert result.exit_code == 2


LIST = "line,class,addresses,fixed\noffice-17,fixed,100.64.0.17 2001:db8:17::/48,yes\n"


def test_a_list_is_tried_and_imported(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "lines.csv"
    file.write_text(LIST)
    changes = "1 lines: 1 new or of another class, 0 no longer listed; 2 leases begin, 0 end"
    assert told("line", "import", str(file), "--dry-run") == f"{changes}; nothing is imported yet\n"
    assert told("line", "import", str(file)) == f"{changes}\n"
    other = tmp_path / "lines"
    other.write_text('[[line]]\nname = "office-18"\nclass = "fixed"\naddresses = ["100.64.0.18"]\n')
    assert json.loads(told("line", "import", str(other), "--format", "toml", "--json"))["lines"] == 1
    assert sekisho("line", "import", str(other)).exit_code == 2
    assert [record.entry.action for record in desk.records()] == ["line import"] * 3


def test_a_list_names_the_lines_about_which_something_is_open(desk: Desk, tmp_path: Path) -> None:
    file, other = tmp_path / "lines.csv", tmp_path / "other.csv"
    file.write_text("line,class,addresses,contact\nhome-7,dynamic,100.64.0.7,a@example.net\nL-42,dynamic,,\n")
    other.write_text("line,class,addresses,contact\nhome-7,dynamic,100.64.0.7,b@example.net\n")
    told("line", "import", str(file))
    with desk.store.transaction() as transaction:
        numbers = transaction.number_lines(["home-7", "L-42"])
        case = transaction.add_case(open_case(0, numbers["home-7"], "dynamic", desk.now), None)
        suspend = Event(What.SUSPEND, "sato", "spam")
        decision = decide(case, suspend, desk.now, Policy())
        transaction.put_decision(case, suspend, decision, desk.now, evidence=Evidence(), due=None)
        end = desk.now + timedelta(days=30)
        transaction.add_relief(Relief(numbers["L-42"], desk.now, end, "root", "an own server"))
    rows = (
        ("line  ", "by the list           ", "open at the desk                      ", "what comes of it"),
        (
            "L-42  ",
            "it is off the list    ",
            "relief until 2026-12-24 14:00:00 UTC  ",
            "all is lifted, nobody told",
        ),
        (
            "home-7",
            "its contact is another",
            "case 1 (suspended, port-25-suspension)",
            "desk confirm 1, or restore",
        ),
    )
    names = ["at the desk:", *(f"  {'  '.join(row)}" for row in rows)]
    assert told("line", "import", str(other), "--dry-run").splitlines()[1:] == names
    *named, tried = [one.entry for one in desk.records()[1:]]
    assert [(one.action, one.subject) for one in named] == [
        ("line import", "L-42"),
        ("line import", "home-7"),
    ]
    assert tried.outcome.endswith("2 at the desk")
    assert json.loads(told("line", "import", str(other), "--json"))["at_desk"][0] == {
        "line": "L-42",
        "gone": True,
        "why": "it is off the list",
        "case": None,
        "state": None,
        "measures": [],
        "relief_until": end.isoformat().replace("+00:00", "Z"),
        "letters": 0,
    }


def test_the_errors_of_a_list_are_told_with_their_places(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "lines.csv"
    file.write_text(LIST + "office-18,none,100.64.0.18,yes\noffice-19,fixed,192.0.2.1,yes\n")
    result = sekisho("line", "import", str(file))
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert lines[0].startswith(f'{file}:3: error: class: there is no class "none"')
    assert lines[1].startswith(f'{file}:4: error: addresses: "192.0.2.1')
    assert lines[2:] == [f"sekisho: {file}: nothing is imported: 2 errors are in the list"]
    assert desk.recorded()[4] == "refused: nothing is imported: 2 errors are in the list"


@pytest.mark.usefixtures("desk")
def test_a_warning_about_a_list_is_told(tmp_path: Path) -> None:
    file = tmp_path / "lines.csv"
    file.write_text("line,class,addresses\n")
    result = sekisho("line", "import", str(file))
    assert result.exit_code == 0
    assert result.stderr.startswith(f"{file}:1: warning: the list names no line")


@pytest.mark.usefixtures("desk")
def test_a_list_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert refused("line", "import", str(tmp_path / "none.csv")) == (
        f"sekisho: {tmp_path / 'none.csv'} cannot be read: No such file or directory\n"
    )


def test_the_log_is_verified_and_its_head_found_later(desk: Desk) -> None:
    told("line", "holder", "100.64.0.7", *AT, *CASE)
    lines = told("audit", "verify").splitlines()
    assert lines[0] == "audit log: 1 records, each as it was written"
    head = lines[1].removeprefix("head: ")
    assert head == desk.records()[0].hash.hex()
    told("line", "holder", "100.64.0.7", *AT, *CASE)
    assert told("audit", "verify", "--head", head).startswith(
        "audit log: 2 records, each as it was written\n"
    )
    assert json.loads(told("audit", "verify", "--head", head, "--json"))["head_found"] is True


def test_a_log_that_was_changed_or_cut_off_ends_with_1(desk: Desk) -> None:
    for _ in range(3):
        told("line", "holder", "100.64.0.7", *AT, *CASE)
    head = desk.records()[-1].hash.hex()
    with closing(sqlite3.connect(desk.database)) as elsewhere, elsewhere:
        elsewhere.execute("DELETE FROM audit WHERE number = 3")
    cut = sekisho("audit", "verify", "--head", head)
    assert cut.exit_code == 1
    assert "none has the head that was noted" in cut.output
    with closing(sqlite3.connect(desk.database)) as elsewhere, elsewhere:
        elsewhere.execute("UPDATE audit SET subject = 'another' WHERE number = 2")
    changed = sekisho("audit", "verify")
    assert changed.exit_code == 1
    assert changed.output.startswith("audit log: broken at record 2: ")
    assert "head of what is sound: " in changed.output


def test_what_was_forgotten_is_told_and_whatever_else_is_missing_is_found(desk: Desk) -> None:
    told("line", "holder", "100.64.0.7", *AT, *CASE)
    desk.now += timedelta(minutes=1)
    told("line", "holder", "100.64.0.7", *AT, *CASE)
    with desk.store.transaction() as transaction:
        transaction.forget_records(desk.now, desk.now)
    assert told("audit", "verify").startswith(
        "audit log: 3 records, each as it was written; records 1-1 forgotten on 2026-11-24\nhead: "
    )
    with closing(sqlite3.connect(desk.database)) as elsewhere, elsewhere:
        elsewhere.execute("DELETE FROM audit WHERE number = 2")
    assert sekisho("audit", "verify").output.startswith("audit log: broken at record 3: ")


def test_what_is_no_head_is_refused(desk: Desk) -> None:
    assert refused("audit", "verify", "--head", "xyz") == (
        'sekisho: head: "xyz" is no head of an audit log: '
        "give the 64 digits (0-9, a-f) that `sekisho audit verify` printed\n"
    )
    for head in ("", "a b&head=1#", "\udcff", "0" * 5_000):
        assert refused("audit", "verify", "--head", head).startswith("sekisho: head: ")
    assert desk.records() == []


@pytest.mark.parametrize("port", ["-1", "0", "65536", "1e3", "1" * 5_000, "\udcff"])
def test_a_port_that_cannot_be_is_refused_and_recorded(desk: Desk, port: str) -> None:
    answer = sekisho("line", "holder", "100.64.0.7", *AT, *CASE, "--port", port)
    assert (answer.exit_code, isinstance(answer.exception, SystemExit)) == (1, True)
    assert answer.stderr.startswith("sekisho: port: ") or "parsing the body" in answer.stderr
    assert desk.recorded()[0] == "line holder"
    assert desk.recorded()[4].startswith("refused: ")


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+09:00", "2026", "\udcff"]
)
def test_a_moment_that_cannot_be_is_refused_everywhere(desk: Desk, moment: str) -> None:
    desk.hold("home-7", HOME, 0)
    for key, command in (
        ("at", ("line", "holder", "100.64.0.7", "--at", moment, *CASE)),
        ("since", ("line", "show", "home-7", "--since", moment, *CASE)),
        ("until", ("line", "relief", "home-7", "--until", moment, "--reason", "x")),
        ("since", ("audit", "log", "--since", moment)),
    ):
        told = refused(*command)
        assert told.startswith(f"sekisho: {key}: ") or "paths are written down" in told, told
        assert desk.recorded()[4].startswith("refused: ")
    assert len(desk.records()) == 4


@pytest.mark.parametrize("name", ["\udcff", "x" * 5_000, ""])
def test_a_name_that_cannot_be_is_refused_and_recorded(desk: Desk, name: str) -> None:
    for command in (
        ("line", "show", name, *CASE),
        ("line", "relief", name, "--until", "2026-12-31", "--reason", "x"),
        ("line", "holder", name, *AT, *CASE),
        ("line", "show", "home-7", "--purpose", "case", "--reference", name),
        ("line", "show", "home-7", "--purpose", name),
    ):
        assert refused(*command).startswith("sekisho: ")
        assert desk.recorded()[4].startswith("refused: ")
    assert len(desk.records()) == 5


def test_the_log_is_printed_a_record_a_line(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sekisho.daemon.lines_office.MOST_RECORDS", 2)
    for _ in range(3):
        told("line", "holder", "100.64.0.7", *AT, *CASE)
    lines = told("audit", "log").splitlines()
    assert len(lines) == 4  # with the reading of the first page
    user, uid = desk.records()[0].entry.user, desk.records()[0].entry.uid
    assert lines[0] == (
        f"1 | 2026-11-24 14:00:00 UTC | {user} ({uid}) | line holder | "
        "100.64.0.7 at 2026-11-24T12:01:00+00:00 | case (case 17) | nobody"
    )
    assert lines[3].endswith(" | audit log | records after 0 | - | 2 records")


def test_the_log_is_printed_since_a_moment_as_json(desk: Desk) -> None:
    told("line", "holder", "100.64.0.7", *AT, *CASE)
    desk.now += timedelta(hours=1)
    refused("line", "show", "home-7", *CASE)
    printed = told("audit", "log", "--since", "2026-11-24T15:00:00Z", "--json").splitlines()
    assert [json.loads(line)["action"] for line in printed] == ["line show"]


def test_the_status_of_the_gate_tells_of_lines(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0)
    status = told("gate", "status")
    assert "lines: 1 known, 1 addresses held, 0 with relief\n" in status
    assert "  radius: 7 taken\n" in status
    assert "intake" not in status
    desk.is_whole = False
    assert "0 with relief; not all of it is in the gate yet\n" in told("gate", "status")
    with closing(sqlite3.connect(desk.database)) as elsewhere:
        elsewhere.execute("ALTER TABLE line RENAME TO hidden")
    assert "alarm: store sqlite" in told("gate", "status")


def test_without_a_store_the_way_to_one_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    with running(FakeOffice()):
        assert "add [store] to the configuration" in refused("line", "show", "home-7", *CASE)
        assert "add [store] to the configuration" in refused("audit", "verify")
        assert "lines:" not in told("gate", "status")


def test_without_a_daemon_the_way_to_start_one_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    file = tmp_path / "lines.csv"
    file.write_text(LIST)
    for command in (("line", "show", "home-7", *CASE), ("audit", "log"), ("line", "import", str(file))):
        assert refused(*command).startswith("sekisho: no daemon runs for gate 'gate'")
