from __future__ import annotations

from datetime import timedelta

import pytest

from sekisho.desk.case_values import Case, Decision, Event, Evidence, Kind, State, What
from sekisho.desk.cases import decide
from sekisho.desk.notices import Mail, Told, Why, letter_id, told
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
    assert (one.limit, one.until, one.why, one.was_asked) == (None, None, None, False)
    letter = letter_id("gate", decision.case, one.mail)
    assert letter.startswith(f"desk-gate-{before.number}-")
    assert letter.endswith(f"-{decision.case.version}-stop-request")


@pytest.mark.parametrize("state", [State.STOP_REQUESTED, State.COLLECTING])
def test_a_suspension_says_whether_there_was_a_request(state: State) -> None:
    before = in_state(state)
    event = person(What.SUSPEND, kind=Kind.PORT25, reason="police: case 7, reported by x@example.net")
    decision = decide(before, event, at(20), POLICY, ())
    (one,) = telling(before, event, decision, 20)
    assert (one.mail, one.was_asked) == (Mail.SUSPENSION, before.stop_requested is not None)
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
