"""The report of a trial on the command line, of a store that bench has filled."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bench import trial_year
from sekisho.api.asker import Peer
from sekisho.cli import app
from sekisho.cli import report as command
from sekisho.config import parse
from sekisho.config.trial_plan import plan_of
from sekisho.daemon.actors import actor_name
from sekisho.desk.attribute import Found
from sekisho.desk.cases import open_case
from sekisho.desk.records import KeptIncident, KeptReport
from sekisho.desk.trust import Weight
from sekisho.measure.equipment import EquipmentCounts
from sekisho.measure.line_hours import statistic
from sekisho.measure.readings import EquipmentRow, Timing, held_by
from sekisho.reporting import recorded
from sekisho.store import StoreError, Transaction, open_store
from sekisho.trial.blocklist import Entered, Of
from sekisho.trial.breach_told import events, who, why
from sekisho.trial.events import Event
from sekisho.trial.events import What as Happened
from sekisho.trial.guardrails import Breach, What
from sekisho.trial.plan import Span, schedule
from sekisho.trial.watching import Point
from tests.unit.test_config_desk import DESK, MAIL

DAYS = 14
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("year")
    url = f"sqlite:///{directory}/year.db"
    trial_year.fill(trial_year.config_of(DAYS, url), 2)
    file = directory / "sekisho.toml"
    file.write_text(trial_year.text_of(DAYS, url))
    return file


def told(file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        app, ["trial", "report", "--config", str(file), *arguments], prog_name="sekisho"
    )


def test_a_report_is_printed_and_written(filled: Path, tmp_path: Path) -> None:
    page, written = tmp_path / "r.html", tmp_path / "r.json"
    result = told(filled, "--html", str(page), "--json", str(written))
    assert result.exit_code == 0, result.output
    assert "Report of the trial year" in result.stdout
    assert "No p-value stands in this report: the plan was not registered." in result.stdout
    assert (
        "dynamic, refused: not known: there is none while the limit is off, and no per cent of nothing"
        in (" ".join(result.stdout.split()))
    ), "words stand below the table, and in none of its narrow columns"
    effect = json.loads(written.read_text())["experiments"][0]["effect"]
    assert effect["low_percent"] < -10 < effect["high_percent"]
    assert "p" not in effect
    assert page.read_text().startswith("<!DOCTYPE html>")


def test_gates_that_are_units_are_compared_and_one_that_is_silent_is_told(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/year.db"
    units = 'units = "gates"\ngates = ["gate000", "gate001", "gate002"]\non ='
    text = trial_year.text_of(DAYS, url).replace("on =", units)
    config = parse(text.encode()).config
    assert config is not None
    trial_year.fill(config, 2)
    file = tmp_path / "sekisho.toml"
    file.write_text(text)
    written = tmp_path / "units.json"
    result = told(file, "--json", str(written))
    assert "Gate gate002 did not report at all." in result.stdout
    found = json.loads(written.read_text())
    attempts = found["experiments"][0]
    pairs = found["planned_pairs"] // 3
    assert [(one["unit"], one["pairs"], one["left_out"]) for one in attempts["units"]] == [
        ("gate000", pairs, 0),
        ("gate001", pairs, 0),
        ("gate002", 0, pairs),
    ]
    assert attempts["effect"]["low_percent"] < -10 < attempts["effect"]["high_percent"] < 0
    assert [(one["gate"], one["otherwise"]) for one in found["coverage"]["gates"]] == [
        ("gate000", 0),
        ("gate001", 0),
        ("gate002", 0),
    ]


def test_it_speaks_japanese(filled: Path) -> None:
    assert "実証実験「year」の報告" in told(filled, "--lang", "ja").stdout


def test_asked_again_nothing_is_changed_in_the_store(filled: Path) -> None:
    store = filled.parent / "year.db"
    assert told(filled).exit_code == 0  # what it shows of counts is recorded
    before = store.read_bytes()
    assert told(filled).exit_code == 0
    assert store.read_bytes() == before


def test_the_paths_of_guardrails_are_told(filled: Path) -> None:
    at = datetime(2026, 1, 1, 16, tzinfo=UTC)  # on the 2nd in Tokyo
    point = Point(What.GATE_ERRORS, 3_000.0, 2.125, at)
    store = open_store(f"sqlite:///{filled.parent}/year.db")
    with store.transaction() as transaction:
        transaction.raise_paths("year", [(point.at.date(), point)])
    store.close()
    written = filled.parent / "paths.json"
    page = filled.parent / "paths.html"
    result = told(filled, "--json", str(written), "--html", str(page))
    paths = {one["what"]: one["points"] for one in json.loads(written.read_text())["guardrails"]}
    assert paths["gate-errors"] == [["2026-01-01T16:00:00Z", 3_000.0, 2.12]]
    assert paths["complaints"] == {"not_known": "not-kept"}
    assert ">2026-01-02</text>" in page.read_text()
    assert "the highest of 1 days 3,000, the last 3,000, bound 2.12" in " ".join(result.stdout.split())


def test_a_store_that_is_not_there_is_told(tmp_path: Path) -> None:
    file = tmp_path / "sekisho.toml"
    file.write_text(trial_year.text_of(DAYS, f"sqlite:///{tmp_path}/none.db"))
    result = told(file)
    assert result.exit_code == 1
    assert "none.db: there is no such file: name the daemon's store by url in [store]" in result.stderr
    assert not (tmp_path / "none.db").exists()


def test_a_browser_that_is_missing_is_named(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = told(filled, "--pdf", str(tmp_path / "r.pdf"))
    assert result.exit_code == 1
    assert "install Debian's package `chromium`" in result.stderr


def test_a_page_is_printed_by_the_browser(filled: Path, tmp_path: Path) -> None:
    paper = tmp_path / "r.pdf"
    result = told(filled, "--pdf", str(paper))
    assert result.exit_code == 0, result.output
    printed = subprocess.run(["pdftotext", paper, "-"], capture_output=True, text=True, check=True).stdout
    assert "Report of the trial year" in printed
    assert "The harm" in printed


def test_a_browser_that_fails_is_told(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    browser.chmod(0o755)
    monkeypatch.setattr(command, "_BROWSER", str(browser))
    result = told(filled, "--pdf", str(tmp_path / "r.pdf"))
    assert result.exit_code == 1
    assert "was not printed" in result.stderr
    assert "broken" in result.stderr


def shown(file: Path, to: Path) -> dict[str, Any]:
    result = told(file, "--json", str(to))
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(to.read_text())["published"]
    return found


def test_counts_are_recorded_before_they_are_shown_and_stay(filled: Path, tmp_path: Path) -> None:
    file, url = tmp_path / "sekisho.toml", f"sqlite:///{tmp_path}/year.db"
    shutil.copy(filled.parent / "year.db", tmp_path / "year.db")
    file.write_text(trial_year.text_of(DAYS, url))
    first = shown(file, tmp_path / "r.json")
    assert any(one["count"] for one in first["cells"] if one["cap"] == "met")
    harm = json.loads((tmp_path / "r.json").read_text())["harm"][0]
    assert harm["delay_seen_ms"] == [2_001, 2_001]
    assert 0 < harm["met_cap_percent"] < harm["met_cap_lines"] < 2 * 30
    assert shown(file, tmp_path / "r.json") == first
    with closing(sqlite3.connect(tmp_path / "year.db", isolation_level=None)) as database:
        database.execute("UPDATE peak_span SET met_cap = met_cap + 1")
    later = shown(file, tmp_path / "r.json")
    assert (later["cells"], later["differing"]) == (first["cells"], 2)
    store = open_store(url)
    with store.reading() as transaction:
        tables = transaction.released(
            statistic("dynamic"), datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
        )
    store.close()
    assert len(tables) == len({one["begin"] for one in first["cells"]})
    assert {one.by for one in tables} == {actor_name(Peer(os.getuid(), os.getpid()))}


def test_what_cannot_be_recorded_is_not_shown(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(url: str) -> None:
        raise StoreError(f"{url}: it may only be read")

    file, url = tmp_path / "sekisho.toml", f"sqlite:///{tmp_path}/year.db"
    shutil.copy(filled.parent / "year.db", tmp_path / "year.db")
    file.write_text(trial_year.text_of(DAYS, url))
    with closing(sqlite3.connect(tmp_path / "year.db", isolation_level=None)) as database:
        database.execute("DELETE FROM released_table")
        database.execute("DELETE FROM released_cell")
    monkeypatch.setattr(recorded, "open_store", fail)
    found = shown(file, tmp_path / "r.json")
    assert (found["cells"], found["because"]) == ([], "not-recorded")
    harm = json.loads((tmp_path / "r.json").read_text())["harm"][0]
    assert harm["met_cap_lines"] == {"not_known": "not-recorded"}


def test_the_load_on_the_equipment_is_read_from_the_store(filled: Path, tmp_path: Path) -> None:
    file, url = tmp_path / "sekisho.toml", f"sqlite:///{tmp_path}/year.db"
    shutil.copy(filled.parent / "year.db", tmp_path / "year.db")
    text = trial_year.text_of(DAYS, url)
    outcomes = 'outcomes = ["attempts", "cpu"]\n[trial.switchback]'
    file.write_text(text.replace("[trial.switchback]", outcomes))
    plan = plan_of(trial_year.config_of(DAYS, url))
    assert plan is not None
    with closing(sqlite3.connect(tmp_path / "year.db", isolation_level=None)) as database:
        database.execute("DELETE FROM equipment_hour")
    store = open_store(url)
    with store.transaction() as transaction:
        for number, block in enumerate(schedule(plan)):
            counts = EquipmentCounts(
                cpu_ms=7_200_000, busy_ms=10**6 + number % 7 * 10**4 + (block.arm == "on") * 10**5
            )
            begins = (block.begin + hour * HOUR for hour in range((block.end - block.begin) // HOUR))
            transaction.put_equipment(
                EquipmentRow("gate000", held_by(block, begin), begin, Timing.KNOWN, HOUR, counts)
                for begin in begins
            )
    store.close()
    to = tmp_path / "r.json"
    result = told(file, "--json", str(to))
    assert result.exit_code == 0, result.output
    found = {one["what"]: one for one in json.loads(to.read_text())["equipment"]}
    cpu = found["cpu_percent"]
    assert 14 < cpu["free"] < cpu["limited"] < 16
    assert 0 < cpu["effect"]["low_percent"] < 10 < cpu["effect"]["high_percent"]
    assert found["packets_per_second"]["effect"] == {"not_known": "not-tested"}
    assert "The load on the equipment" in result.stdout


def test_of_a_single_line_nothing_is_told(filled: Path, tmp_path: Path) -> None:
    file, url = tmp_path / "sekisho.toml", f"sqlite:///{tmp_path}/year.db"
    shutil.copy(filled.parent / "year.db", tmp_path / "year.db")
    outcomes = 'outcomes = ["attempts", "admitted", "refused", "bytes", "packets", "drops"]'
    text = trial_year.text_of(DAYS, url)
    file.write_text(text.replace("[trial.switchback]", f"{outcomes}\n[trial.switchback]"))
    plan = plan_of(trial_year.config_of(DAYS, url))
    assert plan is not None
    at = plan.span.end - HOUR
    passed = [Breach(What.DIFFERENCE, 4.25, 1.0, at), Breach(What.LEASES, 901.0, 900.0, at)]
    with closing(open_store(url)) as store, store.transaction() as transaction:
        transaction.raise_paths("year", [(at.date(), Point(What.DIFFERENCE, 0.5, 1.0, at))])
        for event in events("year", passed, at):
            transaction.add_trial_event(event)
        transaction.add_trial_event(Event(at, "year", Happened.SUSPENDED, why(passed), who(passed)))
    with closing(sqlite3.connect(tmp_path / "year.db", isolation_level=None)) as database:
        database.execute("DELETE FROM released_table")
        database.execute("DELETE FROM released_cell")
        database.execute("UPDATE peak_span SET active = 1, met_cap = 1")
    to = tmp_path / "r.json"
    assert told(file, "--json", str(to)).exit_code == 0
    found, none = json.loads(to.read_text()), {"not_known": "suppressed"}
    asked = found["experiments"]
    assert [one[what] for one in asked for what in ("effect", "carry_over", "placebo")] == 18 * [none]
    shares = ("over_cap_percent", "over_cap_percent_without", "held_percent", "met_cap_percent")
    assert [found["harm"][0][what] for what in shares] == 4 * [none]
    assert found["harm"][0]["delay_seen_ms"] == none
    loads = {one["what"]: one for one in found["equipment"]}
    for what in ("by_retransmission_percent", "packets_per_second", "dropped_per_million"):
        assert (loads[what]["limited"], loads[what]["free"]) == (none, none)
    assert loads["packets_per_second"]["effect"] == none
    assert isinstance(loads["cpu_percent"]["limited"], float)
    paths = {one["what"]: one["points"] for one in found["guardrails"]}
    assert (paths["difference"], paths["delay-p99"]) == (none, none)
    happened = found["happened"]
    assert [(reason, what) for _, reason, what in happened["breaches"]] == [
        ("guardrail difference", "difference"),
        ("no lease arrives: for 901 s, tolerated 900 s", "leases"),
    ]
    assert [one["reason"] for one in happened["suspensions"]] == ["guardrail difference, leases"]
    del found["made_at"]  # whose digits may be any
    assert "4.25" not in json.dumps(found)


def test_reports_to_the_desk_are_an_outcome(filled: Path, tmp_path: Path) -> None:
    file, url = tmp_path / "sekisho.toml", f"sqlite:///{tmp_path}/year.db"
    shutil.copy(filled.parent / "year.db", tmp_path / "year.db")
    desk = MAIL + DESK + 'reports = "3650d"\ncases = "3650d"\n'
    text = trial_year.text_of(DAYS, url).replace("[trial]", desk + "[trial]")
    file.write_text(text.replace("[trial.switchback]", 'outcomes = ["reports"]\n[trial.switchback]'))
    assert told(file, "--json", str(tmp_path / "r.json")).exit_code == 0
    assert _effect(tmp_path / "r.json") == {"not_known": "not-counted"}
    plan = plan_of(trial_year.config_of(DAYS, url))
    assert plan is not None
    with closing(open_store(url)) as store, store.transaction() as transaction:
        put_reports(transaction, 1, plan.span.begin - HOUR, 1_000)  # the desk was there before the trial
        for number, block in enumerate(schedule(plan)):
            put_reports(
                transaction, 10 if block.arm == "on" else 20, block.begin + (1 + number % 5) * HOUR, number
            )
    assert told(file, "--json", str(tmp_path / "r.json")).exit_code == 0
    effect = _effect(tmp_path / "r.json")
    assert -55 < effect["low_percent"] <= effect["high_percent"] < -45
    weeks = json.loads((tmp_path / "r.json").read_text())["desk"]["weeks"]
    assert {one["period"] for one in weeks} == {"before", "switchback"}
    assert all(one["reports"] == one["cases"] for one in weeks if one["period"] == "switchback")
    assert "Reports, and what the desk did" in told(file).stdout


def test_blocklist_entries_are_an_outcome(filled: Path, tmp_path: Path) -> None:
    file, url, to = tmp_path / "sekisho.toml", f"sqlite:///{tmp_path}/year.db", tmp_path / "r.json"
    shutil.copy(filled.parent / "year.db", tmp_path / "year.db")
    text = trial_year.text_of(DAYS, url)
    file.write_text(text.replace("[trial.switchback]", 'outcomes = ["blocklist"]\n[trial.switchback]'))
    result = told(file, "--json", str(to))
    assert _effect(to, "blocklist") == {"not_known": "not-entered"}
    assert "not known: none was entered" in " ".join(result.stdout.split())
    plan = plan_of(trial_year.config_of(DAYS, url))
    assert plan is not None
    with closing(open_store(url)) as store, store.transaction() as transaction:
        for number, block in enumerate(schedule(plan)):
            for hour in range((block.end - block.begin) // HOUR):
                begin = block.begin + hour * HOUR
                put_entries(transaction, begin, (10 if block.arm == "on" else 20) + number % 3)
    assert told(file, "--json", str(to)).exit_code == 0
    effect = _effect(to, "blocklist")
    assert -55 < effect["low_percent"] <= effect["high_percent"] < -45
    weeks = json.loads(to.read_text())["blocklist"]["weeks"]
    assert [one["class_name"] for one in weeks] == 2 * ["dynamic"]
    assert all(one["count"] > 7 * 24 * 10 for one in weeks)
    with closing(open_store(url)) as store, store.transaction() as transaction:
        put_entries(transaction, plan.span.begin, 1_000)  # corrected after it was shown
    assert told(file, "--json", str(to)).exit_code == 0
    later = json.loads(to.read_text())["blocklist"]
    assert (later["weeks"], later["differing"]) == (weeks, 1)
    assert "Lists are slow" in told(file).stdout


def put_entries(transaction: Transaction, begin: datetime, count: int) -> None:
    one = Of("dynamic", Span(begin, begin + HOUR))
    transaction.add_blocklist_count("year", Entered(begin + HOUR, one, count, "", "root", 0))


def put_reports(transaction: Transaction, reports: int, at: datetime, first: int) -> None:
    """Write reports about different lines, each proved, a minute after the sending."""
    for number in range(first * 20, first * 20 + reports):
        case = transaction.last_case(number) or transaction.add_case(
            open_case(0, number, "dynamic", at, None), None
        )
        original = f"{at} {number}".encode()
        kept = KeptReport(at + timedelta(minutes=1), sha256(original).digest(), original, party="example.net")
        report, _ = transaction.add_report(kept)
        counted = KeptIncident(
            report, 0, Found.ATTRIBUTED, "example.net", weight=Weight.SOUND, case=case.number
        )
        transaction.add_incident(replace(counted, moment=at, line=number))


def _effect(file: Path, outcome: str = "reports") -> dict[str, Any]:
    (found,) = json.loads(file.read_text())["experiments"]
    assert found["outcome"] == outcome
    effect: dict[str, Any] = found["effect"]
    return effect
