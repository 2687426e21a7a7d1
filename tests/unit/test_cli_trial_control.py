"""The trial as an operator commands it, with a real store and interface behind, and no kernel."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from math import inf
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from sekisho.api import client
from sekisho.api.asker import Peer
from sekisho.api.client import socket_path
from sekisho.cli import app
from sekisho.daemon.guardrail_keeper import Looked
from sekisho.outbox import mail
from sekisho.plan import LimitChange
from sekisho.trial.guardrails import What as Watched
from sekisho.trial.watching import Point, Seen
from tests.unit.fake_daemon import FakeOffice, running
from tests.unit.keeping import TEXT
from tests.unit.test_trial_doc import DOC
from tests.unit.trial_site import PHASE, TRIAL, Site, site_on

ZONED = TEXT + TRIAL.replace('"UTC"', '"Asia/Tokyo"')


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Noon of the day of the first phase, in Tokyo."""
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    with site_on(tmp_path, 3.125) as made, capture_logs():
        made.start(ZONED)
        with running(FakeOffice(), trial=made.office):
            yield made


def sekisho(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["trial", *arguments], prog_name="sekisho")


def told(*arguments: str) -> str:
    result = sekisho(*arguments)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return result.stdout


def refused(*arguments: str) -> str:
    result = sekisho(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    return result.stderr


def in_json(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(told(*arguments, "--json"))
    return found


def test_the_status_is_told_in_the_trials_zone(site: Site) -> None:
    assert site.in_kernel == PHASE
    assert told("status") == (
        "trial spring: running, 2026-04-02 00:00:00+09:00 to 2026-05-01 00:00:00+09:00 (Asia/Tokyo)\n"
        "not registered: what comes of it is no experiment; `sekisho trial register` freezes the plan\n"
        "dynamic: enforce, cap 3, delay 2s, excess drop; phase 1 until 2026-04-04 00:00:00+09:00\n"
        "fixed: enforce, cap 20, delay 4s, excess drop; phase 1 until 2026-04-04 00:00:00+09:00\n"
        "next change: 2026-04-04 00:00:00+09:00\n"
    )


def test_the_status_names_units_and_whose_lot_a_block_is(site: Site) -> None:
    drawn = (
        '[trial.switchback]\nfrom = 2026-04-10\nto = 2026-04-20\nseed = 1\nblock = "6h"\nunits = "classes"\n'
    )
    site.scene.text += drawn
    site.keeper.reload(None)
    site.pass_to(site.now + timedelta(days=8))
    said = told("status")
    assert "each draws lots of its own: dynamic, fixed\n" in said
    assert re.search(
        r"^fixed: .*; (on|off) of pair \d+, lot of fixed, until 2026-04-11 18:00:00", said, re.MULTILINE
    )


def test_it_is_suspended_and_resumed_with_reasons(site: Site) -> None:
    assert told("suspend", "--reason", "the router is hot") == (
        "trial spring: suspended; all of its classes are observed\n"
    )
    site.pass_to(site.now + timedelta(hours=1))
    status = told("status").splitlines()
    assert status[0].startswith("trial spring: suspended, ")
    assert status[1] == "suspended since 2026-04-03 12:00:00+09:00 by root (0): the router is hot"
    assert status[3] == (
        "dynamic: observe, cap 5, delay 1s, excess drop; by the plan: phase 1 until 2026-04-04 00:00:00+09:00"
    )
    assert "it is suspended already, since 2026-04-03T03:00:00Z" in refused("suspend", "--reason", "again")
    assert told("resume", "--reason", "it is cool") == "trial spring: running; the gate follows its plan\n"
    assert "trial 'spring' is not suspended: there is nothing to do" in refused("resume", "--reason", "again")
    assert site.in_kernel == PHASE
    late, *log = told("log").splitlines()
    assert "| followed-late | sekishod | until the daemon started" in late
    assert log == [
        "2026-04-03 12:00:00+09:00 | suspended | root (0) | the router is hot",
        "2026-04-03 13:00:00+09:00 | resumed | root (0) | it is cool",
    ]


@pytest.mark.parametrize("act", ["suspend", "resume"])
@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 201])
def test_a_reason_is_needed_and_fits_one_line(site: Site, act: str, reason: str) -> None:
    assert sekisho(act).exit_code == 2
    assert "reason: " in refused(act, "--reason", reason)
    assert site.in_kernel == PHASE


def test_what_is_not_durable_is_said_with_what_follows(site: Site) -> None:
    site.store.is_away = True
    result = sekisho("suspend", "--reason", "the router is hot")
    assert result.exit_code == 0
    assert result.stdout == "trial spring: suspended; all of its classes are observed\n"
    assert "not durable yet (store: its disk is full: make room): it is written when the store is back" in (
        result.stderr
    )
    status = told("status")
    assert "(not in the store yet, and lost if the daemon ends before it is)" in status
    assert "registered: not known while the store is away" in status
    assert "the store is away: store: its disk is full" in status
    assert "store is away" in refused("log") or "its disk is full" in refused("log")


def test_it_is_registered_and_a_plan_that_differs_is_told(site: Site) -> None:
    said = told("register")
    digest = in_json("status")["digest"]
    assert said == (
        f"trial spring: registered as version 1\ndigest: {digest}\n"
        "late: the trial had begun; what came before this registration is no experiment\n"
    )
    assert f"registered: version 1, 2026-04-03 12:00:00+09:00, late, digest {digest}\n" in told("status")
    assert "this is registered already, as version 1" in refused("register")
    site.scene.text = site.scene.text.replace("cap = 3", "cap = 2")
    site.keeper.reload(None)
    other = in_json("status")["digest"]
    assert f"the plan in force differs from what is registered; its digest is {other}\n" in told("status")


def test_a_limit_set_while_suspended_is_told(site: Site) -> None:
    told("suspend", "--reason", "the router is hot")
    site.keeper.set_limit("dynamic", LimitChange(cap=9), Peer(0, 1))
    assert "dynamic: observe, cap 9, delay 1s, excess drop; set by `gate set`; by the plan: phase 1" in told(
        "status"
    )


def documented(section: str) -> set[str]:
    """The keys of a table of docs/trial.md."""
    text = DOC.split(f"### {section}\n")[1].split("\n#")[0]
    found = set()
    for row in text.splitlines():
        if row.startswith("| `"):
            first, *others = (name.strip(" `") for name in row.split("|")[1].split(","))
            around = first.rpartition(".")[0]
            found |= {first} | {around + one if one.startswith(".") else one for one in others}
    return found


def test_complaints_are_counted_and_shown_with_guardrails(site: Site) -> None:
    assert told("complaint", "--count", "2", "--reason", "calls") == (
        "trial spring: 2 complaints on 2026-04-03\n"
    )
    assert told("complaint", "--count", "3", "--on", "2026-04-02", "--reason", "a letter") == (
        "trial spring: 3 complaints on 2026-04-02\n"
    )
    assert "2026-04-04 is to come: it is 2026-04-03 in Asia/Tokyo" in refused(
        "complaint", "--count", "1", "--on", "2026-04-04", "--reason", "x"
    )
    for wrong, words in (("soon", "is no date"), ("2026-02-30", "is no day there is")):
        assert words in refused("complaint", "--count", "1", "--on", wrong, "--reason", "x")
    seen = (
        Seen(Watched.GATE_ERRORS, 0.0, 0.0),
        Seen(Watched.DELAY_P99, inf, 200.0),
        Seen(Watched.LEASES, None, 900.0, "the plan's maintenance"),
    )
    site.office._looked = lambda: Looked("spring", site.now, seen)
    with site.store.transaction() as transaction:
        transaction.raise_paths("spring", [(site.now.date(), Point(Watched.GATE_ERRORS, 2.0, 0.0, site.now))])
        transaction.put_letters("gate", [mail("one", "noc@example.net", "a", "b", site.now)])
        transaction.letter_failed("one", 1, site.now, "the mail server is away")
        transaction.put_letters("gate", [mail("two", "noc@example.net", "a", "b", site.now)])
        transaction.letter_given_up("two", site.now, "the recipient is refused (550)")
    assert told("status").splitlines()[-7:] == [
        "guardrails, looked at 2026-04-03 12:00:00+09:00:",
        "  gate-errors: 0 a minute, bound 0; highest of the day: 2026-04-03 2",
        "  delay-p99: more than is measured ms, bound 200",
        "  leases: not known: the plan's maintenance, bound 900",
        "complaints: 2026-04-02 3, 2026-04-03 2",
        "alerts not sent yet: 1, the oldest of 2026-04-03 12:00:00+09:00: the mail server is away",
        "given up 2026-04-03 12:00:00+09:00, and nobody is told: two: the recipient is refused (550)",
    ]


def test_blocklist_entries_are_entered_once_and_corrected_with_a_reason(site: Site, tmp_path: Path) -> None:
    yesterday = "dynamic, 2026-04-02 00:00:00+09:00 to 2026-04-03 00:00:00+09:00: "
    one = ("blocklist", "--class", "dynamic", "--count")
    assert told(*one, "12") == f"{yesterday}12, entered\n"
    assert told(*one, "12", "--on", "2026-04-02") == f"{yesterday}12, unchanged\n"
    assert "12 were entered for dynamic, 2026-04-02: give a reason" in refused(*one, "14")
    assert told(*one, "14", "--reason", "counted again") == f"{yesterday}14, corrected\n"
    assert "2026-04-03 is not over" in refused(*one, "1", "--on", "2026-04-03")
    assert "would be counted twice" in refused(*one, "1", "--hour", "2026-04-02T05:10:00+09:00")
    for year in ("0001-01-01", "9999-12-31"):
        assert "is of no year that anything is counted in" in refused(*one, "1", "--on", year)
    assert "has no zone" in refused(*one, "1", "--hour", "2026-04-03T05:10:00")
    assert "there is no class 'other': it is one of dynamic, " in refused(
        "blocklist", "--class", "other", "--count", "1"
    )
    file = tmp_path / "entries"
    file.write_text(
        "# hour by hour\ndynamic 2026-04-03T05:10:00+09:00 0\nfixed 2026-04-01 3\nfixed 2026-04-03 1\n"
    )
    assert "2026-04-03 is not over" in refused("blocklist", "--file", str(file)), "all or none"
    file.write_text(file.read_text().replace("fixed 2026-04-03 1\n", ""))
    assert told("blocklist", "--file", str(file)).splitlines() == [
        "dynamic, 2026-04-03 05:00:00+09:00 to 2026-04-03 06:00:00+09:00: 0, entered",
        "fixed, 2026-04-01 00:00:00+09:00 to 2026-04-02 00:00:00+09:00: 3, entered",
    ]
    lines = file.read_text()
    again = CliRunner().invoke(app, ["trial", "blocklist", "--file", "-"], input=lines)
    assert [line.rpartition(", ")[2] for line in again.stdout.splitlines()] == ["unchanged", "unchanged"]
    assert told("status").splitlines()[-2:] == [
        "blocklist entries of dynamic are entered until 2026-04-03 06:00:00+09:00",
        "blocklist entries of fixed are entered until 2026-04-02 00:00:00+09:00",
    ]
    with site.store.reading() as transaction:
        outcomes = [
            one.entry.outcome for one in transaction.records() if one.entry.action == "trial blocklist"
        ]
    assert outcomes[:2] == ["1 entered", "1 unchanged"]
    assert outcomes[-1] == "2 unchanged"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("", "has no number: write one a line"),
        ("dynamic 2026-04-02", ":1: 'dynamic 2026-04-02' is no number of blocklist entries"),
        ("\ndynamic 2026-04-02 x", ":2: 'dynamic 2026-04-02 x' is no number"),
        ("dynamic soon 3", "is no date"),
    ],
)
def test_lines_that_say_no_number_are_told(site: Site, tmp_path: Path, lines: str, said: str) -> None:
    file = tmp_path / "entries"
    file.write_text(lines)
    assert said in refused("blocklist", "--file", str(file))
    assert "leave the other options out" in refused("blocklist", "--file", str(file), "--count", "1")
    assert "name --class and --count" in refused("blocklist", "--count", "1")
    assert "cannot be read" in refused("blocklist", "--file", str(tmp_path / "none"))
    assert site.in_kernel == PHASE


def paths(value: Any, path: str = "") -> set[str]:
    if isinstance(value, list):
        return set().union(*(paths(one, f"{path}[]") for one in value)) if value else {path}
    if not isinstance(value, dict) or path.endswith(".limit"):
        return {path}
    return set().union(
        *(
            paths(one, f"{path}.{'{class}' if path == 'classes' else key}".strip("."))
            for key, one in value.items()
        )
    )


def test_every_key_is_documented_and_there(site: Site) -> None:
    registered = in_json("register")
    assert paths(registered) == documented("`sekisho trial register --json`")
    assert paths(in_json("suspend", "--reason", "x")) == documented(
        "`sekisho trial suspend --json`, `sekisho trial resume --json`"
    )
    assert paths(in_json("complaint", "--count", "2", "--reason", "calls")) == documented(
        "`sekisho trial complaint --json`"
    )
    assert paths(in_json("blocklist", "--class", "dynamic", "--count", "2")) == documented(
        "`sekisho trial blocklist --json`"
    )
    with site.store.transaction() as transaction:
        seen = Point(Watched.DELAY_P99, inf, 200.0, site.now)
        transaction.raise_paths("spring", [(site.now.date(), seen)])
        transaction.put_letters("gate", [mail("one", "noc@example.net", "a", "b", site.now)])
        transaction.letter_given_up("one", site.now, "the recipient is refused (550)")
    assert paths(in_json("status")) == documented("`sekisho trial status --json`")
    assert paths(in_json("log")) == documented("`sekisho trial log --json`")
    assert site.in_kernel != PHASE


@pytest.mark.parametrize("act", ["status", "log"])
def test_a_daemon_without_a_trial_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str) -> None:
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    with running(FakeOffice()):
        assert "the configuration in force has no [trial]: docs/trial.md tells how one is written" in refused(
            act
        )
        transport = httpx.HTTPTransport(uds=str(socket_path("gate")))
        with httpx.Client(transport=transport, base_url="http://sekisho") as asker:
            answer = asker.post("/v1/trial/suspend", json={"reason": "x"})
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (409, "no-trial")
