"""Reporters as people see them: how they stand, what is told of them, and what is forgotten of it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sekisho.daemon.desk_ignored import IgnoredParties
from sekisho.desk.trust import Party, Weight, party_of
from tests.desk import letters
from tests.desk.world import World, world
from tests.unit.desk_office import Office, office_open, refused, told
from tests.unit.desk_site import facts_of

NOW = datetime(2026, 11, 1, tzinfo=UTC)
FIRST, SECOND = (one.partition("@")[2] for one in letters.REPORTERS[:2])


@pytest.fixture(scope="module")
def provider() -> World:
    return world(3)


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: World) -> Iterator[Office]:
    with office_open(tmp_path, monkeypatch, provider) as made:
        yield made


def standing(party: str) -> tuple[str, int, int, int]:
    rows = json.loads(told("reporters", "--json"))["reporters"]
    one = next(row for row in rows if row["party"] == party)
    return one["standing"], one["incidents"], one["confirmed"], one["dismissed"]


def test_people_see_how_reporters_stand_and_may_forget_it(office: Office) -> None:
    assert told("reporters") == "no reporter is proved\n"
    office.report(0, 1)
    assert standing(FIRST) == ("new", 1, 0, 0)
    for case in (1, 2):
        if case == 2:
            office.report(3)
        told("dismiss", str(case), "--reason", "made up")
    assert standing(FIRST) == ("doubted", 2, 0, 2)
    assert standing(SECOND) == ("new", 1, 0, 1)
    shown = told("reporters", "--after", FIRST)
    assert FIRST not in shown
    assert "0 cases confirmed, 1 dismissed" in shown
    assert "no party 'nobody.example' is proved" in refused(
        "reporters", "--forget", "nobody.example", "--reason", "x"
    )
    assert "say why" in refused("reporters", "--forget", FIRST)
    forgotten = told("reporters", "--forget", FIRST, "--reason", "its list was mended")
    assert forgotten.startswith(f"{FIRST}: new, named in `trusted`; 2 incidents count; 0 cases conf")
    assert standing(FIRST) == ("new", 2, 0, 0)
    assert office.recorded()[-1] == ("desk forget reporter", f"reporter {FIRST}", "forgotten")


def test_what_is_forgotten_is_not_taken_off_again(office: Office) -> None:
    office.report(0)
    told("suspend", "1", "--reason", "floods us")
    assert standing(FIRST) == ("trusted", 1, 1, 0)
    told("reporters", "--forget", FIRST, "--reason", "begin anew")
    told("restore", "1", "--reason", "mended")
    told("dismiss", "1", "--reason", "it was a mistake")
    assert standing(FIRST) == ("new", 1, 0, 1)


def test_who_has_reported_too_much_is_told(office: Office) -> None:
    office.site.rate = 1
    office.report(0, 3)
    assert f"{FIRST}: new, named in `trusted`, too many reports now; 1 incidents" in told("reporters")
    assert office.site.ignored == [(FIRST, Weight.TOO_MANY)]
    office.site.now += timedelta(hours=1)
    assert "too many" not in told("reporters")


def test_who_is_only_claimed_is_no_reporter_that_is_shown(office: Office) -> None:
    facts = facts_of(office.lease, 0)
    office.take(letters.delivered(letters.arf(facts, random.Random(0))))
    with office.site.store.reading() as transaction:
        assert transaction.reporter(Party(party_of(FIRST), is_authenticated=False)) is not None
    assert told("reporters") == "no reporter is proved\n"


def test_the_log_is_told_once_an_hour_of_a_party_with_how_many_there_were() -> None:
    parties = IgnoredParties()
    with capture_logs() as logs:
        for minute in (0, 1, 59, 60, 61, 300):
            parties.tell("a.example", Weight.DOUBTED, NOW + timedelta(minutes=minute))
        parties.tell("b.example", Weight.DOUBTED, NOW + timedelta(minutes=301))
        parties.tell("a.example", Weight.TOO_MANY, NOW + timedelta(minutes=301))
        parties.tell("a.example", Weight.DOUBTED, NOW)  # the clock was set back
    assert [(one["party"], one["why"], one["reports"]) for one in logs] == [
        ("a.example", "doubted", 1),
        ("a.example", "doubted", 3),
        ("a.example", "doubted", 2),
        ("b.example", "doubted", 1),
        ("a.example", "too-many", 1),
        ("a.example", "doubted", 1),
    ]
