"""A line released from its limit, and until when."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sekisho.api.line_models import LineAnswer
from sekisho.cli.show_line import line_text
from sekisho.desk.case_values import Event, Evidence, Kind, What
from sekisho.desk.cases import decide, open_case
from sekisho.desk.policy import Policy
from tests.unit.kept_lines import HOME, NOW, RELIEF, Desk, at, raw, refused, shown


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


def test_a_line_that_the_desk_restricts_is_not_told_to_be_released(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0)
    with desk.store.transaction() as transaction:
        line = transaction.line_number("home-7")
        assert line is not None
        case = transaction.add_case(open_case(0, line, "dynamic", NOW), None)
        event = Event(What.HOLD, "yamada", "a complaint is prepared")
        decision = decide(case, event, NOW, Policy())
        transaction.put_decision(case, event, decision, NOW, evidence=Evidence(), due=None)
    why = refused(409, "restricted", "/v1/lines/relief", RELIEF)
    assert "case 1 has 'home-7' under individual-limit" in why
    assert "`sekisho desk restore 1 --reason …`" in why
    with desk.store.reading() as transaction:
        assert transaction.reliefs(NOW) == ()


def test_the_suspension_of_a_whole_line_is_shown_beside_port_25_that_it_closes(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0)
    with desk.store.transaction() as transaction:
        line = transaction.line_number("home-7")
        assert line is not None
        case = transaction.add_case(open_case(0, line, "dynamic", NOW), None)
        event = Event(What.SUSPEND, "yamada", "floods us", Kind.LINE)
        decision = decide(case, event, NOW, Policy(grave=frozenset()))
        transaction.put_decision(case, event, decision, NOW, evidence=Evidence(), due=None)
    told = shown("home-7")
    kinds = ["port-25-suspension", "line-suspension"]
    assert [(one["case"], one["kind"]) for one in told["measures"]] == [(1, kind) for kind in kinds]
    assert (told["limit_from"], told["limit"]["cap"]) == ("case", 0)
    text = line_text(LineAnswer.model_validate(told))
    assert "  suspended: by case 1, line-suspension since" in text
    (limit,) = (line for line in text.splitlines() if "limit:" in line)
    assert "by case 1, port-25-suspension since" in limit
    assert "line-suspension" not in limit


@pytest.mark.parametrize("until", ["2026-11-24", "2027-11-24", "2026-11-24T14:00:00.001Z"])
def test_the_first_and_the_last_end_of_a_relief(desk: Desk, until: str) -> None:
    desk.hold("home-7", HOME, 0)
    assert raw("POST", "/v1/lines/relief", json={**RELIEF, "until": until}).status_code == 200


def test_a_relief_that_is_not_there_cannot_end(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0)
    why = refused(409, "no-relief", "/v1/lines/relief/end", {"line": "home-7", "reason": "none"})
    assert "the limit of its class holds already" in why
    assert desk.recorded()[4] == f"refused: {why}"
