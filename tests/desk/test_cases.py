"""Cases by examples: what a line goes through, and what nobody can bring about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sekisho.desk.case_values import (
    CLOSED,
    Case,
    Counted,
    Decision,
    Event,
    Freeze,
    Impose,
    Judge,
    Judgement,
    Kind,
    Lift,
    Mark,
    Notice,
    Reached,
    State,
    Tell,
    Thaw,
    What,
)
from sekisho.desk.cases import decide, due, open_case
from sekisho.desk.policy import Policy, Step, by_party, evidence_of, reaches

BEGIN = datetime(2027, 4, 1, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = Policy(
    stop_request=Step(2, 2, 7 * DAY), limit=Step(3, 3, 7 * DAY), proposal=Step(2, 4, 7 * DAY), grace=DAY
)
REPORT, TIME = Event(What.REPORT), Event(What.TIME)
LEFT = Event(What.LETTER_SENT, reason="it was sent")


def at(days: float) -> datetime:
    return BEGIN + days * DAY


def sent(
    days: float, *parties: str, incidents: int = 1, is_sound: bool = True, is_claimed: bool = False
) -> tuple[Counted, ...]:
    return tuple(Counted(party, at(days), incidents, is_sound, is_claimed) for party in parties)


LOGINS = {"yamada": 1001, "suzuki": 1002, "sato": 1003}


def person(what: What, by: str = "yamada", **more: object) -> Event:
    event = Event(what, by, "seen in the logs of three providers", login=LOGINS[by])
    return replace(event, **more)  # type: ignore[arg-type]


def opened() -> Case:
    return open_case(7, 17, "dynamic", BEGIN)


def told(case: Case, days: float = 0) -> Case:
    """The case after the letter with its stop request has left."""
    return decide(case, LEFT, at(days), POLICY).case


def in_state(state: State) -> Case:
    """A case in each state, by the shortest way there."""
    case = opened()
    steps: dict[State, tuple[Event, ...]] = {
        State.COLLECTING: (),
        State.HELD: (person(What.HOLD),),
        State.SUSPENDED: (person(What.SUSPEND),),
        State.RESTORED: (person(What.SUSPEND), person(What.RESTORE)),
        State.DISMISSED: (person(What.DISMISS),),
        State.PROPOSED: (person(What.SUSPEND, kind=Kind.LINE),),
    }
    if state is State.STOP_REQUESTED:
        return told(decide(case, REPORT, BEGIN, POLICY, sent(0, "a", "b")).case)
    if state is State.LIMITED:
        return told(decide(case, REPORT, BEGIN, POLICY, sent(0, "a", "b", "c")).case)
    if state is State.STOPPED:
        return decide(case, TIME, at(14), POLICY).case
    for event in steps[state]:
        case = decide(case, event, BEGIN, POLICY).case
    assert case.state is state
    return case


def kinds(decision: Decision) -> list[type]:
    return [type(change) for change in decision.changes]


def test_a_line_goes_from_reports_to_suspension_to_restoration() -> None:
    case = opened()
    first = sent(0, "a")
    assert decide(case, REPORT, at(0), POLICY, first) == Decision(case)
    second = (*first, *sent(0.5, "b"))
    asked = decide(case, REPORT, at(0.5), POLICY, second)
    assert asked.case.state is State.STOP_REQUESTED
    assert asked.changes == (Tell(Notice.STOP_REQUEST, "2 parties, 2 incidents"),)
    third = (*second, *sent(1, "c"))
    limited = decide(told(asked.case, 0.5), REPORT, at(1), POLICY, third)
    assert limited.case.state is State.LIMITED
    assert kinds(limited) == [Impose, Tell]
    assert limited.changes[1] == Tell(Notice.LIMIT, "3 parties, 3 incidents")
    fourth = (*third, *sent(2, "a", "b", incidents=2))
    proposed = decide(limited.case, REPORT, at(2), POLICY, fourth)
    assert (proposed.case.state, proposed.changes) == (State.PROPOSED, ())
    suspended = decide(proposed.case, person(What.APPROVE), at(3), POLICY, fourth)
    assert suspended.case.state is State.SUSPENDED
    assert kinds(suspended) == [Impose, Tell, Judge]
    measure = suspended.case.measure(Kind.PORT25)
    assert measure is not None
    assert (measure.by, measure.reason) == ("yamada", "seen in the logs of three providers")
    assert (measure.evidence.parties, measure.evidence.incidents) == (3, 7)
    assert due(suspended.case, POLICY, fourth) == at(1) + POLICY.limited
    unlimited = decide(suspended.case, TIME, at(31), POLICY, fourth)
    assert (unlimited.case.state, kinds(unlimited)) == (State.SUSPENDED, [Lift])
    restored = decide(unlimited.case, TIME, at(33), POLICY, fourth)
    assert (restored.case.state, kinds(restored)) == (State.RESTORED, [Lift, Tell])
    assert restored.case.measures == ()
    assert due(restored.case, POLICY) is None


def test_a_line_that_stops_is_left_alone_and_what_was_before_counts_no_more() -> None:
    counted = sent(0, "a", "b", "c")
    limited = decide(opened(), REPORT, at(0), POLICY, counted).case
    assert due(limited, POLICY, counted) == at(14)
    assert decide(limited, TIME, at(13.9), POLICY, counted) == Decision(limited)
    stopped = decide(limited, TIME, at(14), POLICY, counted)
    assert stopped.case.state is State.STOPPED
    assert kinds(stopped) == [Lift, Tell]
    late = decide(stopped.case, REPORT, at(14.1), POLICY, (*counted, *sent(13, "a", "b", "c")))
    assert late == Decision(stopped.case)
    again = decide(stopped.case, REPORT, at(15), POLICY, (*counted, *sent(14.5, "a")))
    assert (again.case.state, again.changes) == (State.COLLECTING, ())
    more = decide(again.case, REPORT, at(16), POLICY, (*counted, *sent(14.5, "a"), *sent(16, "b")))
    assert (more.case.state, kinds(more)) == (State.STOP_REQUESTED, [Tell])


def test_one_party_alone_never_brings_a_proposal_however_much_it_reports() -> None:
    flood = tuple(Counted("a", at(2 + minute / 1440), 1_000_000) for minute in range(1000))
    eager = replace(POLICY, stop_request=Step(1, 1, 7 * DAY), limit=Step(1, 1, 7 * DAY))
    case = told(decide(opened(), REPORT, at(0), eager, sent(0, "a")).case)
    assert case.state is State.LIMITED
    for policy in (eager, replace(eager, proposal=Step(1, 1, 7 * DAY))):
        assert decide(case, REPORT, at(3), policy, flood).case == case


def test_a_party_brings_no_more_than_its_share_of_incidents() -> None:
    case = in_state(State.STOP_REQUESTED)
    unequal = (*sent(2, "a", incidents=1_000_000), *sent(2, "b"))
    assert decide(case, REPORT, at(2), POLICY, unequal).case.state is State.STOP_REQUESTED
    equal = sent(2, "a", "b", incidents=2)
    assert decide(case, REPORT, at(2), POLICY, equal).case.state is State.PROPOSED


@pytest.mark.parametrize(
    ("step", "brought", "enough"),
    [
        (Step(4, 9, DAY), {"a": 3, "b": 3, "c": 3}, False),  # of 4 parties, though 3 bring all 9
        (Step(4, 9, DAY), {"a": 3, "b": 3, "c": 2, "d": 1}, True),
        (Step(4, 9, DAY), {"a": 3, "b": 3, "c": 1, "d": 1}, False),
        (Step(3, 3, DAY), {"a": 9, "b": 9}, False),
        (Step(3, 3, DAY), {"a": 1, "b": 1, "c": 1}, True),
        (Step(1, 50, DAY), {"a": 50}, True),
        (Step(1, 50, DAY), {"a": 25, "b": 25}, True),
        (Step(1, 50, DAY), {"a": 25, "b": 24}, False),
    ],
)
def test_a_step_needs_as_many_parties_as_it_names_and_as_many_incidents(
    step: Step, brought: Mapping[str, int], enough: bool
) -> None:
    counted = [one for party, number in brought.items() for one in sent(1, party, incidents=number)]
    assert reaches(step, counted, at(0)) is enough
    assert not reaches(step, counted, at(1.5))


def test_what_was_sent_before_the_customer_could_stop_brings_no_proposal() -> None:
    case = in_state(State.STOP_REQUESTED)
    early = sent(0.99, "a", "b", incidents=9)
    assert decide(case, REPORT, at(5), POLICY, early).case.state is State.STOP_REQUESTED
    assert decide(case, REPORT, at(5), POLICY, sent(1, "a", "b", incidents=9)).case.state is State.PROPOSED


def test_what_was_sent_before_the_letter_left_is_not_after_it() -> None:
    asked = decide(opened(), REPORT, at(0), POLICY, sent(0, "a", "b")).case
    between = sent(2, "a", "b", incidents=9)
    for days in (2, 5):
        assert decide(asked, REPORT, at(days), POLICY, between).case == asked, "it waits"
    left = told(asked, 3)
    assert left.request is not None
    assert (left.request.reached, left.request.at) == (Reached.SENT, at(3))
    assert decide(left, REPORT, at(5), POLICY, between).case == left
    within = (*between, *sent(3.9, "a", "b", incidents=9))
    assert decide(left, REPORT, at(5), POLICY, within).case == left, "within its grace"
    after = (*within, *sent(4, "a", "b", incidents=2))
    assert decide(left, REPORT, at(5), POLICY, after).case.state is State.PROPOSED
    assert decide(left, LEFT, at(6), POLICY) == Decision(left), "once"


@pytest.mark.parametrize("what", [What.NO_LETTER, What.LETTER_GIVEN_UP])
@pytest.mark.parametrize("state", [State.STOP_REQUESTED, State.LIMITED])
def test_who_was_told_by_nobody_is_put_before_people_instead(what: What, state: State) -> None:
    enough = sent(0, *"ab") if state is State.STOP_REQUESTED else sent(0, *"abc")
    asked = decide(opened(), REPORT, at(0), POLICY, enough).case
    untold = decide(asked, Event(what, reason="no contact"), at(0), POLICY)
    assert (untold.case.state, untold.changes, untold.reason) == (state, (), "no contact")
    assert decide(untold.case, LEFT, at(1), POLICY) == Decision(untold.case), "no letter waits"
    restored = decide(untold.case, person(What.RESTORE), at(1), POLICY)
    assert Tell not in kinds(restored), "who knows of no request is not told that it is closed"
    early = sent(0.5, "a", "b", incidents=9)
    assert decide(untold.case, REPORT, at(2), POLICY, early).case == untold.case
    gone_on = sent(2, "a", "b", incidents=9)
    marked = decide(untold.case, REPORT, at(2), POLICY, gone_on)
    assert (marked.case.state, marked.case.marks, marked.changes) == (state, (Mark.UNTOLD,), ())
    assert decide(marked.case, REPORT, at(2), POLICY, gone_on) == Decision(marked.case), "once"
    by_person = decide(marked.case, person(What.TOLD, reason="by telephone"), at(3), POLICY)
    assert (by_person.case.state, by_person.case.marks) == (state, ())
    assert Tell in kinds(decide(by_person.case, person(What.RESTORE), at(4), POLICY))
    again = decide(by_person.case, person(What.TOLD), at(4), POLICY)
    assert again.refusal == "the customer was told at 2027-04-04T00:00:00+00:00"
    assert decide(by_person.case, REPORT, at(5), POLICY, gone_on).case == by_person.case
    later = (*gone_on, *sent(4, "a", "b", incidents=2))
    assert decide(by_person.case, REPORT, at(5), POLICY, later).case.state is State.PROPOSED


def test_of_a_request_from_before_this_was_kept_a_person_may_say_that_the_customer_was_told() -> None:
    old = replace(in_state(State.LIMITED), request=None)
    gone_on = sent(2, "a", "b", incidents=9)
    assert decide(old, REPORT, at(2), POLICY, gone_on) == Decision(old)
    known = decide(old, person(What.TOLD), at(0), POLICY).case
    assert known.request is not None
    assert decide(known, REPORT, at(2), POLICY, gone_on).case.state is State.PROPOSED


@pytest.mark.parametrize("state", [State.COLLECTING, State.STOPPED, State.SUSPENDED, State.HELD])
def test_whoever_was_not_asked_to_stop_cannot_have_been_told(state: State) -> None:
    case = in_state(state)
    assert decide(case, person(What.TOLD), case.since, POLICY).refusal is not None
    assert decide(case, LEFT, case.since, POLICY) == Decision(case)


def test_reports_that_are_not_sound_lead_to_a_stop_request_and_no_further() -> None:
    unsound = sent(0, *"abcdefgh", is_sound=False)
    case = decide(opened(), REPORT, at(0), POLICY, unsound).case
    assert case.state is State.STOP_REQUESTED
    later = sent(2, *"abcdefgh", incidents=100, is_sound=False)
    assert decide(case, REPORT, at(3), POLICY, (*unsound, *later)).case == case


def test_what_is_only_claimed_leads_to_nothing_but_what_a_person_approves() -> None:
    claimed = sent(0, *"abcdefgh", incidents=100, is_sound=False, is_claimed=True)
    assert decide(opened(), REPORT, at(0), POLICY, claimed) == Decision(opened())
    one = sent(0, "z")
    assert decide(opened(), REPORT, at(0), POLICY, (*claimed, *one)).case == opened()
    asked = decide(opened(), person(What.APPROVE), at(0), POLICY, claimed)
    assert (asked.case.state, kinds(asked)) == (State.STOP_REQUESTED, [Tell])
    later = sent(2, *"abcdefgh", incidents=100, is_claimed=True)
    assert decide(asked.case, REPORT, at(3), POLICY, (*claimed, *later)).case == asked.case


def test_where_strangers_have_led_to_enough_the_next_waits_for_a_person() -> None:
    strangers = sent(0, "a", "b", is_sound=False)
    waiting = decide(opened(), REPORT, at(0), POLICY, strangers, strangers_may=False)
    assert (waiting.case.state, waiting.case.marks, waiting.changes) == (
        State.COLLECTING,
        (Mark.STRANGERS,),
        (),
    )
    again = decide(waiting.case, REPORT, at(1), POLICY, strangers, strangers_may=False)
    assert again == Decision(waiting.case), "once"
    asked = decide(waiting.case, person(What.APPROVE), at(1), POLICY, strangers).case
    assert (asked.state, asked.marks, asked.strangers_asked) == (State.STOP_REQUESTED, (), None)
    next_day = decide(waiting.case, REPORT, at(1), POLICY, strangers).case
    assert (next_day.state, next_day.marks, next_day.strangers_asked) == (State.STOP_REQUESTED, (), at(1))
    trusted = (*strangers, *sent(0, "c"))
    heard = decide(waiting.case, REPORT, at(1), POLICY, trusted, strangers_may=False).case
    assert (heard.state, heard.marks, heard.strangers_asked) == (State.STOP_REQUESTED, (), None)


def test_a_case_that_has_stopped_waits_for_a_person_too() -> None:
    strangers = sent(15, "a", "b", is_sound=False)
    waiting = decide(in_state(State.STOPPED), REPORT, at(15), POLICY, strangers, strangers_may=False).case
    assert (waiting.state, waiting.marks) == (State.COLLECTING, (Mark.STRANGERS,))


def test_a_person_may_have_a_line_limited_that_strangers_have_reported() -> None:
    strangers = sent(0, *"abcdefgh", is_sound=False)
    asked = decide(opened(), REPORT, at(0), POLICY, strangers).case
    limited = decide(asked, person(What.APPROVE, until=at(3)), at(1), POLICY, strangers)
    assert (limited.case.state, kinds(limited)) == (State.LIMITED, [Impose, Tell])
    measure = limited.case.measure(Kind.LIMIT)
    assert measure is not None
    assert (measure.by, measure.until) == ("yamada", at(3))


def test_what_is_only_claimed_keeps_nobody_limited_and_is_added_to_no_evidence() -> None:
    limited = decide(opened(), REPORT, at(0), POLICY, sent(0, *"abc")).case
    claimed = sent(13, *"defgh", is_claimed=True)
    counted = (*sent(0, *"abc"), *claimed)
    assert decide(limited, TIME, at(14.1), POLICY, counted).case.state is State.STOPPED
    assert evidence_of(limited, counted) == evidence_of(limited, sent(0, *"abc"))
    assert evidence_of(limited, claimed).parties == 5


def test_who_reported_is_told_with_what_is_proved_first_and_the_hours_folded() -> None:
    claimed = sent(0, *"ay", incidents=9, is_sound=False, is_claimed=True)
    found = by_party((*claimed, *sent(2, "a"), *sent(1, "a"), *sent(1, "b", incidents=3)))
    assert [(one.party, one.moment, one.incidents, one.is_claimed) for one in found] == [
        ("b", at(1), 3, False),
        ("a", at(1), 2, False),
        ("a", at(0), 9, True),
        ("y", at(0), 9, True),
    ]


def test_a_limit_comes_early_where_the_policy_says_so_and_the_customer_is_told() -> None:
    fixed = replace(POLICY, limit=Step(1, 1, 7 * DAY))
    limited = decide(opened(), REPORT, at(0), fixed, sent(0, "a"))
    assert (limited.case.state, kinds(limited)) == (State.LIMITED, [Tell, Impose])


def test_a_step_that_the_policy_leaves_out_is_not_taken() -> None:
    nothing = replace(POLICY, stop_request=None, limit=None, proposal=None)
    assert decide(opened(), REPORT, at(0), nothing, sent(0, *"abcdefgh")).case == opened()


def test_a_grave_suspension_needs_two_different_persons() -> None:
    proposed = in_state(State.PROPOSED)
    assert proposed.measures == ()
    same = decide(proposed, person(What.APPROVE), at(1), POLICY)
    assert same.refusal == (
        "yamada has said so already, and a line-suspension needs two: another person has to approve"
    )
    assert same.case == proposed
    as_root = replace(person(What.APPROVE, kind=Kind.LINE), by="root (logged in as yamada)")
    assert decide(proposed, as_root, at(1), POLICY).refusal is not None
    agreed = person(What.APPROVE, "suzuki", kind=Kind.LINE, reason="a flood, and no answer")
    other = decide(proposed, agreed, at(1), POLICY)
    assert other.case.state is State.SUSPENDED
    measure = other.case.measure(Kind.LINE)
    assert measure is not None
    assert measure.by == "yamada, suzuki"
    assert measure.reason == "seen in the logs of three providers; a flood, and no answer"


def test_what_is_grave_is_of_whoever_has_logged_in_and_what_is_not_of_anybody() -> None:
    unknown = person(What.SUSPEND, kind=Kind.LINE, login=None)
    refused = decide(opened(), unknown, at(1), POLICY)
    assert (refused.case, refused.changes) == (opened(), ())
    assert "needs a person who has logged in, which yamada has not: log in as a user of your own" in (
        refused.refusal or ""
    )
    proposed = in_state(State.PROPOSED)
    second = person(What.APPROVE, "suzuki", kind=Kind.LINE, login=None)
    assert decide(proposed, second, at(1), POLICY).case == proposed
    for event in (replace(unknown, kind=Kind.PORT25), person(What.HOLD, login=None)):
        assert decide(opened(), event, at(1), POLICY).refusal is None
    by_line = replace(POLICY, suspension=Kind.LINE)
    request = decide(opened(), person(What.APPROVE, login=None), at(1), by_line, sent(0, "a"))
    assert request.case.state is State.STOP_REQUESTED


def test_nobody_approves_what_another_has_changed_meanwhile() -> None:
    case = in_state(State.STOP_REQUESTED)
    proposed = decide(case, REPORT, at(2), POLICY, sent(2, "a", "b", incidents=2)).case
    changed = decide(proposed, person(What.SUSPEND, kind=Kind.LINE, until=at(5)), at(3), POLICY).case
    assert changed.state is State.PROPOSED
    for kind, why in ((None, "name it as the kind"), (Kind.PORT25, "and no port-25-suspension")):
        refused = decide(changed, person(What.APPROVE, "sato", kind=kind), at(4), POLICY)
        assert (refused.case, refused.changes) == (changed, ())
        assert why in (refused.refusal or "")
    late = decide(changed, person(What.APPROVE, "sato", kind=Kind.LINE), at(5), POLICY)
    assert "its end, 2027-04-06T00:00:00+00:00, is over" in (late.refusal or "")
    meant = person(What.APPROVE, "sato", kind=Kind.LINE, until=at(9))
    assert decide(changed, meant, at(5), POLICY).case.state is State.SUSPENDED


def test_what_is_decided_of_a_version_is_decided_of_no_other() -> None:
    """Whoever means the limit suspends nobody, since reports have proposed that meanwhile."""
    seen = in_state(State.STOP_REQUESTED)
    proposed = decide(seen, REPORT, at(2), POLICY, sent(2, "a", "b", incidents=2)).case
    meant = person(What.APPROVE, version=seen.version)
    refused = decide(proposed, meant, at(3), POLICY)
    assert (refused.case, refused.changes) == (proposed, ())
    assert f"is at version {proposed.version} by now, not {seen.version}" in (refused.refusal or "")
    assert decide(seen, meant, at(1), POLICY).case.state is State.LIMITED
    again = person(What.APPROVE, version=proposed.version)
    assert decide(proposed, again, at(3), POLICY).case.state is State.SUSPENDED


def test_who_names_a_suspension_that_nobody_has_proposed_limits_nothing() -> None:
    asked = in_state(State.STOP_REQUESTED)
    refused = decide(asked, person(What.APPROVE, kind=Kind.PORT25), at(1), POLICY)
    assert (refused.case, refused.refusal) == (
        asked,
        "no port-25-suspension is proposed: name none, or suspend",
    )
    assert decide(asked, person(What.APPROVE, kind=Kind.LIMIT), at(1), POLICY).case.state is State.LIMITED


def test_what_one_has_approved_is_not_taken_for_another_kind() -> None:
    grave = replace(POLICY, grave=frozenset({Kind.LINE, Kind.PORT25}))
    line = decide(opened(), person(What.SUSPEND, kind=Kind.LINE), at(0), grave).case
    port25 = decide(line, person(What.SUSPEND, "suzuki", kind=Kind.PORT25), at(0), grave).case
    assert port25.state is State.PROPOSED
    assert port25.proposal is not None
    assert [one.by for one in port25.proposal.approved] == ["suzuki"]


def test_a_suspension_that_nobody_would_carry_out_is_refused() -> None:
    alone = replace(POLICY, able=frozenset({Kind.PORT25}), grave=frozenset())
    why = "nothing could carry out a line-suspension: add the NAS as [[desk.nas]], or name port-25-suspension"
    whole = person(What.SUSPEND, kind=Kind.LINE)
    assert decide(opened(), whole, at(0), alone).refusal == why
    assert decide(opened(), person(What.SUSPEND), at(0), alone).case.state is State.SUSPENDED
    proposed = decide(opened(), whole, at(0), POLICY).case
    assert proposed.state is State.PROPOSED
    approval = person(What.APPROVE, "suzuki", kind=Kind.LINE)
    assert decide(proposed, approval, at(1), alone).refusal == why, "its NAS was taken away since"


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (Event(What.SUSPEND, "sekishod", "no person"), "'sekishod' is no person"),
        (Event(What.SUSPEND, "Sekishod", "no person"), "'Sekishod' is no person"),
        (Event(What.SUSPEND, "", "nobody"), "'' is no person"),
        (Event(What.SUSPEND, "yamada ", "again"), "'yamada ' is no person"),
        (Event(What.SUSPEND, "yamada, suzuki", "two"), "'yamada, suzuki' is no person"),
        (Event(What.SUSPEND, "yamada", " "), "there is no reason"),
        (person(What.SUSPEND, until=BEGIN), "cannot be its end"),
        (person(What.SUSPEND, until=at(400)), "within 366 days"),
        (person(What.SUSPEND, kind=Kind.LIMIT), "individual-limit is no suspension"),
        (person(What.RESTORE), "what can be done is approve, dismiss, hold, suspend"),
        (person(What.RELEASE), "case 7 is collecting since 2027-04-01T00:00:00+00:00"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(event: Event, why: str) -> None:
    refused = decide(opened(), event, BEGIN, POLICY)
    assert refused.case == opened()
    assert refused.changes == ()
    assert refused.refusal is not None
    assert why in refused.refusal


def test_an_evidence_hold_limits_instead_of_suspending_and_only_people_end_it() -> None:
    suspended = in_state(State.SUSPENDED)
    held = decide(suspended, person(What.HOLD, until=at(10)), at(1), POLICY)
    assert kinds(held) == [Freeze, Impose, Lift]  # never without either
    assert [one.kind for one in held.case.measures] == [Kind.LIMIT]
    ended = decide(held.case, TIME, at(10), POLICY)
    assert (ended.case.state, kinds(ended)) == (State.HELD, [Lift])
    assert decide(ended.case, TIME, at(9_999), POLICY) == Decision(ended.case)
    assert decide(ended.case, REPORT, at(11), POLICY, sent(11, *"abcdef")) == Decision(ended.case)
    assert decide(ended.case, person(What.SUSPEND), at(11), POLICY).refusal is not None
    anew = decide(ended.case, person(What.HOLD), at(11), POLICY)
    assert kinds(anew) == [Impose]
    longer = decide(anew.case, person(What.HOLD, until=at(200)), at(12), POLICY)
    (change,) = longer.changes
    assert change == Impose(longer.case.measures[0])
    assert (change.measure.since, change.measure.until) == (at(11), at(200))
    for days in (200, None):
        until = None if days is None else at(days)
        refused = decide(longer.case, person(What.HOLD, until=until), at(13), POLICY)
        assert refused.case == longer.case
        assert refused.refusal == (
            "its individual-limit lasts until 2027-10-18T00:00:00+00:00 already: name another end"
        )
    shorter = decide(longer.case, person(What.HOLD, "sato", until=at(20)), at(13), POLICY)
    assert [(one.by, one.since, one.until) for one in shorter.case.measures] == [("sato", at(11), at(20))]
    assert kinds(shorter) == [Impose]
    released = decide(longer.case, person(What.RELEASE), at(13), POLICY)
    assert (released.case.state, kinds(released)) == (State.LIMITED, [Thaw, Tell])


def test_a_hold_keeps_the_end_of_the_limit_that_there_is_unless_another_is_named() -> None:
    limited = in_state(State.LIMITED)
    (limit,) = limited.measures
    brief = replace(POLICY, limited=DAY)
    assert decide(limited, person(What.HOLD), at(1), brief).case.measures == (limit,)
    (named,) = decide(limited, person(What.HOLD, until=at(3)), at(1), brief).case.measures
    assert (named.since, named.until) == (limit.since, at(3))


@pytest.mark.parametrize(("days", "kind"), [(60, Kind.PORT25), (2, Kind.PORT25)])
def test_a_suspension_gets_another_end_and_goes_on(days: int, kind: Kind) -> None:
    suspended = in_state(State.SUSPENDED)
    changed = decide(suspended, person(What.SUSPEND, "sato", kind=kind, until=at(days)), at(1), POLICY)
    (measure,) = changed.case.measures
    assert (changed.case.state, changed.case.since) == (State.SUSPENDED, suspended.since)
    assert (measure.kind, measure.since, measure.until, measure.by) == (kind, BEGIN, at(days), "sato")
    assert changed.changes == (Impose(measure), Tell(Notice.SUSPENSION, measure.reason, measure.until))
    same = decide(changed.case, person(What.SUSPEND, until=at(days)), at(1), POLICY)
    assert "already: name another end" in (same.refusal or "")


def test_a_suspension_is_made_graver_by_two_persons_and_milder_by_one() -> None:
    suspended = in_state(State.SUSPENDED)
    nothing = decide(suspended, person(What.APPROVE), at(1), POLICY)
    assert nothing.refusal == "no change of the suspension of case 7 is proposed: suspend to change it"
    proposed = decide(suspended, person(What.SUSPEND, kind=Kind.LINE, until=at(50)), at(1), POLICY)
    assert (proposed.case.state, proposed.case.measures) == (State.SUSPENDED, suspended.measures)
    assert proposed.changes == ()
    assert decide(proposed.case, person(What.APPROVE, kind=Kind.LINE), at(1), POLICY).refusal is not None
    graver = decide(proposed.case, person(What.APPROVE, "sato", kind=Kind.LINE), at(2), POLICY)
    assert [(one.kind, one.since, one.until) for one in graver.case.measures] == [(Kind.LINE, at(2), at(50))]
    assert kinds(graver) == [Impose, Lift, Tell]
    assert graver.case.proposal is None
    milder = decide(graver.case, person(What.SUSPEND, kind=Kind.PORT25), at(3), POLICY)
    assert [one.kind for one in milder.case.measures] == [Kind.PORT25]
    longer = decide(graver.case, person(What.SUSPEND, kind=Kind.LINE, until=at(99)), at(3), POLICY)
    assert (longer.case.measures, longer.case.proposal is None) == (graver.case.measures, False)
    over = decide(longer.case, TIME, at(50), POLICY)
    assert (over.case.state, over.case.proposal) == (State.RESTORED, None)


def test_whoever_suspends_by_a_proposal_whose_end_is_over_names_another() -> None:
    proposed = decide(opened(), person(What.SUSPEND, kind=Kind.LINE, until=at(5)), at(0), POLICY).case
    late = decide(proposed, person(What.SUSPEND, "sato", kind=Kind.LINE), at(6), POLICY)
    assert (late.case, late.refusal) == (
        proposed,
        "its end, 2027-04-06T00:00:00+00:00, is over: name another",
    )
    meant = person(What.SUSPEND, "sato", kind=Kind.LINE, until=at(9))
    assert decide(proposed, meant, at(6), POLICY).case.measures[0].until == at(9)


def test_all_that_is_decided_has_a_reason() -> None:
    asked = decide(opened(), REPORT, at(0), POLICY, sent(0, "a", "b"))
    assert asked.reason == "2 parties, 2 incidents"
    assert decide(asked.case, TIME, at(14), POLICY, sent(0, "a", "b")).reason == "its time has come"
    assert decide(asked.case, person(What.HOLD), at(1), POLICY).reason == person(What.HOLD).reason


def test_of_a_holds_limit_the_customer_is_told_at_its_release_and_once() -> None:
    held = decide(in_state(State.STOP_REQUESTED), person(What.HOLD), at(1), POLICY)
    assert kinds(held) == [Freeze, Impose]
    released = decide(held.case, person(What.RELEASE), at(2), POLICY)
    told_of = [change.notice for change in released.changes if isinstance(change, Tell)]
    assert told_of == [Notice.LIMIT], "the stop request was sent before"
    unasked = decide(
        decide(opened(), person(What.HOLD), at(1), POLICY).case, person(What.RELEASE), at(2), POLICY
    )
    told_of = [change.notice for change in unasked.changes if isinstance(change, Tell)]
    assert told_of == [Notice.STOP_REQUEST], "which tells of the limit"


def test_a_hold_is_released_without_a_trace_of_a_limit_that_has_ended() -> None:
    held = decide(opened(), person(What.HOLD, until=at(1)), at(0), POLICY).case
    released = decide(held, person(What.RELEASE), at(2), POLICY)
    assert (released.case.state, released.case.measures) == (State.STOPPED, ())
    assert kinds(released) == [Lift, Thaw]  # the customer knew of nothing


@pytest.mark.parametrize("state", [State.STOP_REQUESTED, State.LIMITED, State.SUSPENDED])
def test_who_restores_undoes_all_and_tells_the_customer(state: State) -> None:
    case = in_state(state)
    restored = decide(case, person(What.RESTORE), at(1), POLICY)
    assert (restored.case.state, restored.case.measures) == (State.RESTORED, ())
    assert [change.measure for change in restored.changes if isinstance(change, Lift)] == list(case.measures)
    told = "seen in the logs of three providers"
    assert restored.changes[-1] == Tell(Notice.RESTORATION, told)


def test_dismissal_counts_against_the_reporters_also_after_restoration() -> None:
    restored = in_state(State.RESTORED)
    assert restored.judgement is Judgement.CONFIRMED
    dismissed = decide(restored, person(What.DISMISS), at(2), POLICY)
    assert dismissed.changes == (Judge(Judgement.DISMISSED),)
    assert dismissed.case.judgement is Judgement.DISMISSED


def test_a_new_case_counts_nothing_from_before_the_last_was_closed() -> None:
    restored = decide(in_state(State.SUSPENDED), person(What.RESTORE), at(5), POLICY).case
    case = open_case(8, 17, "dynamic", at(6), restored)
    assert decide(case, REPORT, at(6), POLICY, sent(4, *"abcdef")) == Decision(case)
    assert decide(case, REPORT, at(6), POLICY, sent(5.5, "a", "b")).case.state is State.STOP_REQUESTED
    with pytest.raises(ValueError, match="case 8 is not closed"):
        open_case(9, 17, "dynamic", at(7), case)


OFF, DOUBTED = (
    Event(What.LINE_GONE, reason="it is off the list"),
    Event(What.LINE_DOUBTED, reason="by a list"),
)
OPEN = [state for state in State if state not in CLOSED]


@pytest.mark.parametrize("state", OPEN)
def test_a_line_that_is_gone_takes_all_that_is_done_along_and_nobody_is_told(state: State) -> None:
    case = in_state(state)
    gone = decide(case, OFF, at(2), POLICY)
    assert gone.case.state is (State.KEPT if state is State.HELD else State.GONE)
    assert gone.case.measures == ()
    assert kinds(gone) == [Lift] * len(case.measures)
    assert decide(gone.case, OFF, at(3), POLICY) == Decision(gone.case)
    assert due(gone.case, POLICY) is None
    assert open_case(8, 17, "dynamic", at(3), gone.case).counted_from == at(2)


def test_the_evidence_of_a_line_that_is_gone_is_kept_until_a_person_decides() -> None:
    kept = decide(in_state(State.HELD), OFF, at(2), POLICY).case
    refused = decide(kept, person(What.HOLD), at(3), POLICY)
    assert refused.refusal is not None
    assert refused.refusal.endswith("what can be done is dismiss, release")
    released = decide(kept, person(What.RELEASE), at(3), POLICY)
    assert (released.case.state, kinds(released)) == (State.GONE, [Thaw])
    dismissed = decide(kept, person(What.DISMISS), at(3), POLICY)
    assert (dismissed.case.state, kinds(dismissed)) == (State.DISMISSED, [Thaw, Judge])


@pytest.mark.parametrize("state", OPEN)
def test_where_it_is_doubtful_whose_the_line_is_what_is_in_force_stays(state: State) -> None:
    case = in_state(state)
    doubted = decide(case, DOUBTED, at(2), POLICY)
    assert (doubted.case.state, doubted.case.measures) == (case.state, case.measures)
    assert (doubted.case.marks, doubted.changes) == ((Mark.DOUBTED,), ())
    assert decide(doubted.case, DOUBTED, at(3), POLICY) == Decision(doubted.case), "it is counted anew once"
    for what in (What.APPROVE, What.SUSPEND):
        refused = decide(doubted.case, person(what), at(3), POLICY)
        assert refused.refusal is not None
        assert "may be another customer's by now: if it is not, `sekisho desk confirm 7" in refused.refusal
    sure = decide(doubted.case, person(What.CONFIRM), at(3), POLICY)
    assert sure.changes == ()
    assert replace(sure.case, version=case.version) == case
    assert decide(case, person(What.CONFIRM), at(3), POLICY).refusal is not None, "there is no doubt"


def test_in_doubt_only_what_is_sent_since_counts_and_no_proposal_comes_of_it() -> None:
    before = sent(0, *"abc")
    limited = told(decide(opened(), REPORT, at(0), POLICY, before).case)
    doubted = decide(limited, DOUBTED, at(1), POLICY, before).case
    on = (*before, *sent(3, *"abc", incidents=5))
    assert decide(doubted, REPORT, at(3), POLICY, on) == Decision(doubted), "who was asked may be another"
    sure = decide(doubted, person(What.CONFIRM), at(3), POLICY, on).case
    assert decide(sure, REPORT, at(3), POLICY, on).case.state is State.PROPOSED


def test_who_changes_the_mail_address_and_goes_on_is_limited_all_the_same() -> None:
    before = sent(0, "a", "b")
    asked = decide(opened(), REPORT, at(0), POLICY, before).case
    doubted = decide(asked, DOUBTED, at(1), POLICY, before).case
    one_more = (*before, *sent(1.5, "c"))
    assert decide(doubted, REPORT, at(2), POLICY, one_more) == Decision(doubted), (
        "two of before are another's"
    )
    on = (*before, *sent(1.5, "a", "b", "c"))
    assert decide(doubted, REPORT, at(2), POLICY, on).case.state is State.LIMITED
