"""How long the desk took, week by week: settled, of enough lines, recorded, and the same for ever."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from sekisho.cli import app
from sekisho.config import Config
from sekisho.desk.attribute import Found
from sekisho.desk.case_values import Event, Evidence, Kind, What
from sekisho.desk.cases import decide, open_case
from sekisho.desk.figures import CaseTimes, DeskFigures, ReportedHour
from sekisho.desk.policy import Policy
from sekisho.desk.records import KeptIncident, KeptReport
from sekisho.desk.trust import Weight
from sekisho.measure.cells import Ledger
from sekisho.measure.desk_figures import (
    NEVER,
    SETTLED,
    TIMES,
    Since,
    count_weeks,
    in_periods,
    publish_desk,
    settled_weeks,
)
from sekisho.measure.stages import StageHour
from sekisho.model import Stage
from sekisho.reporting import recorded
from sekisho.reporting.desk import figures_of
from sekisho.reporting.recorded import Recording
from sekisho.store import Store, StoreError, Transaction, open_store
from sekisho.trial.plan import Phase, Plan, Span
from tests.unit.configuring import good
from tests.unit.planning import ON
from tests.unit.test_config_desk import WHOLE

UTC_ZONE = ZoneInfo("UTC")
MONDAY = datetime(2025, 6, 2, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DAY, WEEK = timedelta(days=1), timedelta(weeks=1)
NOW = MONDAY + 3 * WEEK + SETTLED
SINCE = Since(MONDAY, MONDAY)


def cases(
    first: int, count: int, after: timedelta | None, suspended: timedelta | None = None
) -> Iterator[CaseTimes]:
    """Yield cases of lines of their own that were opened on Tuesday."""
    opened = MONDAY + DAY
    for line in range(first, first + count):
        yield CaseTimes(
            "dynamic",
            line,
            opened,
            None if after is None else opened + after,
            None if suspended is None else opened + suspended,
        )


def shown(
    found: list[CaseTimes], reports: list[ReportedHour] | None = None, before: Ledger | None = None
) -> DeskFigures:
    counted = count_weeks(found, reports or (), SINCE, UTC_ZONE)
    weeks = settled_weeks(MONDAY, NOW, UTC_ZONE)
    return publish_desk(counted, {}, weeks, ["dynamic", "fixed"], before or Ledger(), UTC_ZONE)[0]


EACH = [
    *cases(0, 20, timedelta(seconds=59), 2 * DAY),
    *cases(100, 21, MINUTE, 2 * DAY),
    *cases(200, 22, HOUR, 8 * DAY),
    *cases(300, 30, DAY, 8 * DAY),
    *cases(400, 40, 27 * DAY, 8 * DAY),
    *cases(500, 50, SETTLED, None),
]


def test_cases_stand_in_the_bin_of_the_time_that_they_took() -> None:
    (week,) = shown(EACH).weeks
    assert (week.begin, week.class_name, week.cases) == (MONDAY, "dynamic", 183)
    assert week.until_stop_request == dict(zip(TIMES, (20, 21, 22, 30, 40, 50), strict=True))


def test_a_bin_of_few_lines_is_not_shown_and_cannot_be_worked_out() -> None:
    (week,) = shown([*EACH[:-47]]).weeks  # 3 are left of the last
    counts = [*week.until_stop_request.values(), week.cases]
    assert counts.count(None) >= 2
    assert week.until_stop_request[NEVER] is None


def test_a_line_that_is_most_of_it_is_not_shown() -> None:
    many = [ReportedHour("dynamic", line, MONDAY, 1) for line in range(20)]
    assert shown([], many).weeks[0].reports == 20
    assert shown([], [*many, ReportedHour("dynamic", 3, MONDAY, 30)]).weeks[0].reports is None


def test_a_week_is_counted_when_all_of_it_has_had_its_time() -> None:
    assert [one.begin for one in settled_weeks(MONDAY, NOW, UTC_ZONE)] == [
        MONDAY,
        MONDAY + WEEK,
        MONDAY + 2 * WEEK,
    ]
    assert len(settled_weeks(MONDAY, NOW - HOUR, UTC_ZONE)) == 2
    assert len(settled_weeks(MONDAY + HOUR, NOW, UTC_ZONE)) == 2, "a week that is not known as a whole"


def test_what_was_shown_stays() -> None:
    counted = count_weeks(EACH, (), SINCE, UTC_ZONE)
    weeks = settled_weeks(MONDAY, NOW, UTC_ZONE)
    first, ledger = publish_desk(counted, {}, weeks, ["dynamic"], Ledger(), UTC_ZONE)
    less = count_weeks(EACH[:-1], (), SINCE, UTC_ZONE)
    later, after = publish_desk(less, {}, weeks, ["dynamic"], ledger, UTC_ZONE)
    assert (later.weeks, later.differing, after) == (first.weeks, 2, ledger)
    forgotten, _ = publish_desk({}, {}, weeks, ["dynamic"], ledger, UTC_ZONE)
    assert forgotten.weeks == first.weeks


@pytest.mark.parametrize(
    ("begin", "end", "wanted"),
    [
        (MONDAY + WEEK, MONDAY + 3 * WEEK, "before"),
        (MONDAY - WEEK, MONDAY, "after"),
        (MONDAY - DAY, MONDAY + WEEK, "phase 1"),
        (MONDAY + DAY, MONDAY + 2 * WEEK, "across"),
    ],
)
def test_a_week_lies_in_a_period_of_the_trial(begin: datetime, end: datetime, wanted: str) -> None:
    span = Span(begin, end)
    plan = Plan("spring", span, "UTC", (("dynamic", ON),), phases=(Phase(span, (("dynamic", ON),)),))
    (week,) = in_periods(shown(EACH), plan, UTC_ZONE).weeks
    assert week.period == wanted
    (week,) = in_periods(shown(EACH), replace(plan, phases=()), UTC_ZONE).weeks
    assert week.period == wanted.replace("phase 1", "trial")


@dataclass
class Site:
    """A store with cases of three weeks, and a configuration."""

    file: Path
    url: str
    config: Config

    def store(self) -> Store:
        return open_store(self.url)

    def read(self, now: datetime = NOW) -> DeskFigures:
        assert self.config.desk is not None
        with closing(self.store()) as store, store.reading() as transaction:
            return figures_of(
                self.config, self.config.desk, transaction, Recording(self.url, now, "somebody")
            )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    url = f"sqlite:///{tmp_path}/desk.db"
    key = tmp_path / "secrets" / "desk"
    key.parent.mkdir()
    key.touch(0o600)
    key.write_text("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n")
    text = WHOLE + 'reports = "3650d"\ncases = "3650d"\n' + f'[store]\nurl = "{url}"\n'
    file = tmp_path / "sekisho.toml"
    file.write_text(text)
    made = Site(file, url, good(text))
    with closing(made.store()) as store, store.transaction() as transaction:
        for line in range(14):
            happens(transaction, line, MONDAY + DAY)
            happens(transaction, 100 + line, MONDAY + WEEK + DAY, suspended=True)
    return made


def happens(transaction: Transaction, line: int, at: datetime, *, suspended: bool = False) -> None:
    """Let a report come about a line, a person have it asked to stop an hour later, and perhaps suspend."""
    case = transaction.add_case(open_case(0, line, "dynamic", at, None), None)
    original = f"{line}".encode()
    report, _ = transaction.add_report(
        KeptReport(at, sha256(original).digest(), original, party="example.net")
    )
    transaction.add_incident(
        KeptIncident(
            report,
            0,
            Found.ATTRIBUTED,
            "example.net",
            weight=Weight.SOUND,
            moment=at - HOUR,
            line=line,
            case=case.number,
        )
    )
    steps = [(Event(What.APPROVE, "sato", "it is true"), at + HOUR)]
    if suspended:
        steps.append((Event(What.SUSPEND, "sato", "goes on", Kind.PORT25), at + 3 * DAY))
    for event, now in steps:
        decision = decide(case, event, now, Policy(), ())
        transaction.put_decision(case, event, decision, now, evidence=Evidence(), due=None)
        case = decision.case


def test_figures_are_read_from_the_store_and_recorded(site: Site) -> None:
    found = site.read()
    first, second = found.weeks
    assert (first.begin, second.begin) == (MONDAY, MONDAY + WEEK)
    assert (first.reports, second.reports) == (None, 14), "the first report came in the midst of its week"
    assert (second.cases, second.until_stop_request["1-24 h"]) in [(14, None), (None, 14)]
    assert (second.cases, second.until_suspension["1-7 d"]) in [(14, None), (None, 14)]
    assert site.read() == found
    with closing(sqlite3.connect(site.url.removeprefix("sqlite:///"))) as database:
        assert database.execute("SELECT count(*) FROM released_table").fetchone() == (5,)


def test_what_cannot_be_recorded_is_not_shown(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(url: str) -> None:
        raise StoreError(f"{url}: it may only be read")

    monkeypatch.setattr(recorded, "open_store", fail)
    assert site.read() == DeskFigures((), is_recorded=False)


def test_the_command_tells_them(site: Site) -> None:
    def told(*more: str) -> str:
        done = CliRunner().invoke(app, ["desk", "figures", "--config", str(site.file), *more])
        assert done.exit_code == 0, done.output
        return done.stdout

    with closing(site.store()) as store, store.transaction() as transaction:
        hour = StageHour(MONDAY + WEEK, "dynamic", Stage.ASKED, "sessions", 12, 90)
        transaction.put_stage_hours("kyoto", [hour])
    words = told()
    assert "  sessions sent while asked: 90, 7.5 a line and hour at most\n" in words
    assert "  octets sent while asked: -\n" in words
    assert "week from 2025-06-09 00:00 UTC, dynamic:\n  proved reports 14" in words
    written = json.loads(told("--json"))
    assert [one["begin"] for one in written["weeks"]] == ["2025-06-02T00:00:00Z", "2025-06-09T00:00:00Z"]
    assert set(written["weeks"][0]["until_suspension"]) == set(TIMES)
    sent = {(one["stage"], one["what"]): one["count"] for one in written["weeks"][1]["sent"]}
    assert (sent["asked", "sessions"], sent["reported", "sessions"]) == (90, None)
    assert '"line"' not in json.dumps(written)
