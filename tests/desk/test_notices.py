from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sekisho.desk.case_values import (
    Case,
    Decision,
    Event,
    Evidence,
    Kind,
    Reached,
    Request,
    State,
    What,
)
from sekisho.desk.cases import decide
from sekisho.desk.notices import Mail, Told, Why, asking_case, is_request_of, letter_id, told
from tests.desk.test_cases import POLICY, REPORT, TIME, at, in_state, opened, person, sent

SEEN = Evidence(3, 7, at(0), at(1))


def telling(before: Case, event: Event, decision: Decision, days: float) -> tuple[Told, ...]:
    return told(before, event, decision, at(days), POLICY, line="alice", evidence=SEEN)


def test_a_stop_request_says_what_was_seen_and_until_when_to_stop() -> None:
    before = opened()
    decision = decide(before, REPORT, at(1), POLICY, sent(1, "a.example", "b.example"))
    (one,) = telling(before, REPORT, decision, 1)
    assert (one.mail, one.line, one.number, one.seen) == (Mail.STOP_REQUEST, "alice", before.number, SEEN)
    assert one.deadline == at(1) + POLICY.grace
    assert (one.limit, one.until, one.why, one.went_on) == (None, None, None, False)
    letter = letter_id("gate", decision.case, one.mail)
    assert letter.startswith(f"desk-gate-{before.number}-")
    assert letter.endswith(f"-{decision.case.version}-stop-request")


def test_whoever_is_limited_after_the_request_is_told_of_the_limit_until_its_end() -> None:
    before = in_state(State.STOP_REQUESTED)
    event = person(What.APPROVE, until=at(9))
    (one,) = telling(before, event, decide(before, event, at(1), POLICY, ()), 1)
    assert (one.mail, one.limit, one.limit_until) == (Mail.LIMIT, POLICY.own_limit, at(9))
    assert (one.deadline, one.until, one.is_whole_line, one.went_on) == (None, None, False, False)


@pytest.mark.parametrize("gate", ["gate", "gate-7", "a-b-1-2-3"])
def test_the_letter_of_a_stop_request_is_known_by_its_id_as_long_as_that_holds(gate: str) -> None:
    asked = decide(opened(), REPORT, at(1), POLICY, sent(1, "a.example", "b.example")).case
    letter = letter_id(gate, asked, Mail.STOP_REQUEST)
    assert asking_case(letter) == asked.number
    assert is_request_of(letter, asked)
    assert is_request_of(letter, decide(asked, person(What.HOLD), at(2), POLICY).case)
    stopped = decide(asked, TIME, at(20), POLICY).case
    assert not is_request_of(letter, stopped)
    more = (*sent(21, "a.example"), *sent(21, "b.example"))
    assert not is_request_of(letter, decide(stopped, REPORT, at(21), POLICY, more).case)
    assert asking_case(letter_id(gate, asked, Mail.SUSPENSION)) is None
    for other in ("desk-gate-report-7-1", "msg_2", "desk-x-stop-request"):
        assert asking_case(other) is None


@pytest.mark.parametrize(
    ("state", "reached", "days", "went_on"),
    [
        (State.STOP_REQUESTED, Reached.SENT, 0.5, True),
        (State.STOP_REQUESTED, Reached.TOLD, 0.5, True),
        (State.STOP_REQUESTED, Reached.SENT, 1, False),  # the last was sent as the letter left
        (State.STOP_REQUESTED, Reached.WAITING, 0.5, False),
        (State.STOP_REQUESTED, Reached.NONE, 0.5, False),
        (State.STOP_REQUESTED, Reached.GIVEN_UP, 0.5, False),
        (State.COLLECTING, None, 0, False),
    ],
)
def test_a_suspension_says_that_it_went_on_only_where_it_did_after_the_customer_was_told(
    state: State, reached: Reached | None, days: float, went_on: bool
) -> None:
    before = in_state(state)
    if reached is not None:
        before = replace(before, request=Request(before.version, reached, at(days)))
    event = person(What.SUSPEND, kind=Kind.PORT25, reason="police: case 7, reported by x@example.net")
    decision = decide(before, event, at(20), POLICY, ())
    (one,) = telling(before, event, decision, 20)
    assert (one.mail, one.went_on) == (Mail.SUSPENSION, went_on)
    assert one.until == at(20) + POLICY.suspended
    assert not one.is_whole_line
    assert "police" not in repr(one)  # the desk's own words stay inside


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (person(What.RESTORE), Why.DECIDED),
        (person(What.DISMISS), Why.MISTAKEN),
        (TIME, Why.ENDED),
    ],
)
def test_a_restoration_says_why(event: Event, why: Why) -> None:
    before = in_state(State.SUSPENDED)
    late = before.since + POLICY.suspended + timedelta(days=1)
    decision = decide(before, event, late, POLICY, ())
    (one,) = told(before, event, decision, late, POLICY, line="alice", evidence=SEEN)
    assert (one.mail, one.why, one.was_suspended) == (Mail.RESTORATION, why, True)


def test_nothing_is_said_of_what_nobody_is_to_be_told() -> None:
    before = opened()
    event = person(What.HOLD)
    assert telling(before, event, decide(before, event, at(1), POLICY, ()), 1) == ()
