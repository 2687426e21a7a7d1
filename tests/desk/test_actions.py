"""The life of an action, whatever is answered and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.desk.actions import (
    ANSWER,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    LOOK,
    UNCONFIRMED,
    Action,
    Do,
    Happened,
    Progress,
    actions_of,
    again,
    is_as_shown,
    is_due,
    overtaken,
    pause,
    step,
    unconfirmed,
)
from sekisho.desk.case_values import Event, Kind, Lift, What
from sekisho.desk.cases import decide, open_case
from sekisho.desk.policy import Policy

NOW = datetime(2027, 4, 1, tzinfo=UTC)
CASE = open_case(7, 17, "dynamic", NOW)
SUSPENDED = decide(CASE, Event(What.SUSPEND, "yamada", "grave"), NOW, Policy())
(ACTION,) = actions_of(SUSPENDED.case, SUSPENDED.changes, NOW)


def after(*happened: Happened, cause: int | None = None) -> Action:
    action = ACTION
    for one in happened:
        action = step(action, one, NOW, cause)
    return action


def test_an_action_is_asked_with_all_that_a_suspension_needs() -> None:
    assert (ACTION.key, ACTION.do, ACTION.kind) == (
        "7-1-impose-port-25-suspension",
        Do.IMPOSE,
        Kind.PORT25,
    )
    assert (ACTION.by, ACTION.reason, ACTION.until) == ("yamada", "grave", NOW + Policy().suspended)
    assert actions_of(SUSPENDED.case, SUSPENDED.changes, NOW) == (ACTION,)
    assert is_due(ACTION, NOW)


def test_lifting_is_an_action_of_its_own() -> None:
    restored = decide(SUSPENDED.case, Event(What.RESTORE, "suzuki", "a mistake"), NOW, Policy())
    (lift,) = actions_of(restored.case, restored.changes, NOW)
    assert (lift.key, lift.by, lift.reason) == ("7-2-lift-port-25-suspension", "suzuki", "a mistake")
    (idle,) = overtaken([ACTION, lift], lift, NOW)
    assert (idle.key, idle.progress, idle.due) == (ACTION.key, Progress.OVERTAKEN, None)
    assert overtaken([idle, replace(ACTION, line=18)], lift, NOW) == ()


def test_the_suspension_of_a_whole_line_closes_port_25_too_until_no_suspension_is_left() -> None:
    suspended = decide(
        CASE, Event(What.SUSPEND, "yamada", "grave", Kind.LINE), NOW, Policy(grave=frozenset())
    )
    asked = actions_of(suspended.case, suspended.changes, NOW)
    assert [one.key for one in asked] == ["7-1-impose-line-suspension", "7-1-impose-port-25-suspension"]
    assert len({(one.by, one.reason, one.until, one.case) for one in asked}) == 1
    (whole,) = suspended.case.measures
    lift = (Lift(whole, "suzuki", "port 25 is enough"),)
    still = replace(suspended.case, measures=(replace(whole, kind=Kind.PORT25),))
    assert [one.kind for one in actions_of(still, lift, NOW)] == [Kind.LINE]
    assert [one.kind for one in actions_of(replace(still, measures=()), lift, NOW)] == [
        Kind.LINE,
        Kind.PORT25,
    ]
    both = (*lift, Lift(replace(whole, kind=Kind.PORT25), "suzuki", "all"))
    assert len(actions_of(replace(still, measures=()), both, NOW)) == 2


def test_an_action_is_asked_acknowledged_and_seen() -> None:
    asked = after(Happened.ASKED)
    assert (asked.progress, asked.due, asked.tries) == (Progress.ASKED, NOW + ANSWER, 1)
    acknowledged = step(asked, Happened.ACKNOWLEDGED, NOW)
    assert (acknowledged.progress, acknowledged.due) == (Progress.ACKNOWLEDGED, NOW + LOOK)
    verified = step(acknowledged, Happened.SEEN, NOW)
    assert (verified.progress, verified.due) == (Progress.VERIFIED, None)
    lost = step(verified, Happened.NOT_SEEN, NOW)
    assert (lost.progress, lost.due) == (Progress.WAITING, NOW)


@pytest.mark.parametrize(
    ("cause", "progress"),
    [
        (None, Progress.WAITING),
        (506, Progress.WAITING),
        (501, Progress.REFUSED),
        (404, Progress.REFUSED),
        (507, Progress.WAITING),
    ],
)
def test_a_refusal_is_obeyed_waited_out_or_told_by_its_cause(cause: int | None, progress: Progress) -> None:
    refused = step(after(Happened.ASKED), Happened.REFUSED, NOW, cause)
    assert (refused.progress, refused.cause) == (progress, cause)
    assert (refused.due is None) == (progress is Progress.REFUSED)
    assert step(refused, Happened.AGAIN, NOW).due == NOW


def test_what_people_have_asked_again_is_due_with_pauses_that_begin_anew() -> None:
    refused = step(replace(after(Happened.ASKED), tries=20), Happened.REFUSED, NOW, 404)
    done = replace(after(Happened.SEEN), key="seen")
    shown = replace(after(Happened.ASKED, Happened.ACKNOWLEDGED, Happened.NOT_SHOWN), key="shown")
    idle = replace(after(Happened.OVERTAKEN), key="idle")
    later = NOW + LOOK
    (asked,) = again([done, shown, idle, refused], later)
    assert (asked.key, asked.progress, asked.due) == (ACTION.key, Progress.WAITING, later)
    silent = step(step(asked, Happened.ASKED, later), Happened.NO_ANSWER, later)
    assert silent.due == later + FIRST_PAUSE


def test_pauses_grow_to_an_hour_and_no_further() -> None:
    action = ACTION
    pauses = []
    for _ in range(100):
        action = step(step(action, Happened.ASKED, NOW), Happened.NO_ANSWER, NOW)
        assert action.due is not None
        pauses.append(action.due - NOW)
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE == pause(10**6)
    assert (action.tries, action.timeouts) == (100, 100)


def test_what_nobody_can_be_asked_for_is_looked_at_again_in_a_minute_and_is_no_try() -> None:
    waiting = after(Happened.NOT_ASKED, Happened.NOT_ASKED)
    assert (waiting.progress, waiting.due, waiting.tries, waiting.timeouts) == (
        Progress.WAITING,
        NOW + LOOK,
        0,
        0,
    )


@pytest.mark.parametrize("happened", list(Happened))
def test_what_is_overtaken_stays_so(happened: Happened) -> None:
    done = after(Happened.OVERTAKEN)
    assert step(done, happened, NOW) == done


@given(st.lists(st.tuples(st.sampled_from(Happened), st.sampled_from((None, 401, 503, 506)))))
def test_whatever_happens_an_action_goes_on_or_is_done(story: list[tuple[Happened, int | None]]) -> None:
    action, now = ACTION, NOW
    for happened, cause in story:
        now += timedelta(seconds=1)
        before, action = action, step(action, happened, now, cause)
        assert (action.key, action.until, action.asked_for) == (ACTION.key, ACTION.until, NOW)
        waits = action.progress in UNCONFIRMED - {Progress.REFUSED} and not is_as_shown(action)
        assert (action.due is not None) == waits
        assert action.changed == (now if action != before else before.changed)
        assert action.progress is not Progress.VERIFIED or happened is Happened.SEEN or action == before
        assert bool(unconfirmed([action])) == (action.progress in UNCONFIRMED and not is_as_shown(action))


def test_what_is_not_confirmed_is_told_oldest_first() -> None:
    later = replace(ACTION, key="z", asked_for=NOW + LOOK)
    assert unconfirmed([later, after(Happened.SEEN), ACTION]) == (ACTION, later)


def test_what_nothing_shows_stays_acknowledged_and_is_waited_for_no_longer() -> None:
    waiting = after(Happened.ASKED, Happened.ACKNOWLEDGED)
    told = step(waiting, Happened.NOT_SHOWN, NOW)
    assert (told.progress, told.due, is_as_shown(told)) == (Progress.ACKNOWLEDGED, None, True)
    assert unconfirmed([told, waiting]) == (waiting,)
    assert step(told, Happened.NOT_SEEN, NOW).progress is Progress.WAITING
