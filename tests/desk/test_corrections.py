"""What accounting that came late makes of an incident, and what is left of a case that has lost some."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.desk.attribute import SKEW, Because, Found, Outcome, Question, whose
from sekisho.desk.case_values import Case, Counted, Event, Kind, Lift, Mark, Notice, State, Tell, What
from sekisho.desk.cases import decide, open_case
from sekisho.desk.corrections import corrected
from sekisho.desk.notices import Mail
from sekisho.desk.records import Askable, KeptIncident
from sekisho.desk.trust import Weight, folded
from sekisho.lines.events import Ending, Lease
from sekisho.lines.holder import holder
from sekisho.model import Address
from tests.desk.test_cases import BEGIN, POLICY, REPORT, at, in_state, opened, person, sent
from tests.desk.test_notices import telling

CORRECTION = Event(What.CORRECTION)
LEFT = "accounting came late: 0 parties, 0 incidents are left"
SAME = b"s" * 16
KEPT = KeptIncident(
    1,
    0,
    Found.ATTRIBUTED,
    "a.example",
    weight=Weight.SOUND,
    moment=BEGIN,
    line=17,
    case=7,
    folded=folded(SAME, 17, BEGIN),
)
ASKABLE = Askable((), frozenset(), SAME)
TO_18 = Outcome(Found.ATTRIBUTED, line=18, moment=BEGIN)


def test_what_is_still_the_lines_stays() -> None:
    assert corrected(KEPT, replace(TO_18, line=17), ASKABLE) is None


def test_what_is_anothers_is_that_ones_and_counts_once_there() -> None:
    now = corrected(KEPT, TO_18, ASKABLE)
    assert now == replace(KEPT, line=18, case=None, folded=folded(SAME, 18, BEGIN))
    assert now is not None
    assert corrected(now, TO_18, ASKABLE) is None
    assert corrected(now, replace(TO_18, line=17), ASKABLE) == replace(KEPT, case=None)


def test_who_is_not_certain_is_nobody_until_more_is_known() -> None:
    doubtful = Outcome(Found.AMBIGUOUS, Because.SEVERAL, candidates=(17, 18))
    now = corrected(KEPT, doubtful, ASKABLE)
    assert now == replace(
        KEPT, found=Found.AMBIGUOUS, because=Because.SEVERAL, line=None, case=None, folded=None
    )
    assert now is not None
    assert corrected(now, doubtful, ASKABLE) is None
    assert corrected(now, TO_18, ASKABLE) == replace(KEPT, line=18, case=None, folded=folded(SAME, 18, BEGIN))


def test_what_a_person_chose_stays_while_it_may_be() -> None:
    by_hand = replace(ASKABLE, by_hand=True)
    doubtful = Outcome(Found.AMBIGUOUS, Because.SEVERAL, candidates=(17, 18))
    assert corrected(KEPT, doubtful, by_hand) is None
    assert corrected(KEPT, replace(doubtful, candidates=(18, 19)), by_hand) is not None
    assert corrected(KEPT, TO_18, by_hand) == corrected(KEPT, TO_18, ASKABLE)


def corrections(case: Case, left: tuple[Counted, ...], days: float) -> tuple[Case, list[object]]:
    """Go back as far as what is left makes a case go; return what is done for it, too."""
    changes: list[object] = []
    while True:
        decision = decide(case, CORRECTION, at(days), POLICY, left)
        changes += decision.changes
        if decision.case.version == case.version:
            return case, changes
        case = decision.case


@pytest.mark.parametrize(
    ("left", "state"),
    [
        (("a", "b", "c"), State.LIMITED),
        (("a", "b"), State.STOP_REQUESTED),
        (("a",), State.COLLECTING),
        ((), State.COLLECTING),
    ],
)
def test_a_limit_stands_on_what_is_left_of_its_time(left: tuple[str, ...], state: State) -> None:
    case, changes = corrections(in_state(State.LIMITED), sent(0, *left), 20)  # too long ago to lead there now
    assert case.state is state
    assert [one for one in changes if isinstance(one, Lift)] != [] or state is State.LIMITED
    told = [one.notice for one in changes if isinstance(one, Tell)]
    assert told == [Notice.WITHDRAWAL] * (state is not State.LIMITED)
    assert (case.stop_requested is None) == (state is State.COLLECTING)
    assert (case.measures == ()) == (state is not State.LIMITED)


def test_a_proposal_falls_to_what_is_left() -> None:
    asked = in_state(State.LIMITED)
    after = sent(2, "a", "b", incidents=2)
    early = sent(0, "a", "b", "c")
    case = decide(asked, REPORT, at(2), POLICY, (*early, *after)).case
    assert case.state is State.PROPOSED
    assert corrections(case, (*early, *after), 3)[0].state is State.PROPOSED
    assert corrections(case, (*early, *after[:1]), 3)[0].state is State.LIMITED
    assert corrections(case, after, 3)[0].state is State.PROPOSED  # which stands on its own
    assert corrections(case, (), 3)[0].state is State.COLLECTING
    doubted = decide(case, Event(What.LINE_DOUBTED, reason="by a list"), at(3), POLICY, (*early, *after)).case
    assert corrections(doubted, (*early, *after), 3)[0].state is State.PROPOSED
    assert corrections(doubted, (*early, *after[:1]), 3)[0].state is State.LIMITED


@pytest.mark.parametrize("state", [State.SUSPENDED, State.HELD, State.PROPOSED])
def test_what_a_person_decided_stays_and_waits_for_people_once(state: State) -> None:
    before = in_state(state)
    case, changes = corrections(before, (), 1)
    assert (case.state, case.marks, changes) == (state, (Mark.ACCOUNTING,), [])
    assert case.measures == before.measures
    if before.proposal is not None and case.proposal is not None:
        assert (len(before.proposal.approved), case.proposal.approved) == (1, ()), (
            "of what is left nobody has"
        )
    assert decide(case, REPORT, at(1), POLICY, sent(1, "a")).case.marks == case.marks
    dismissed = decide(case, person(What.DISMISS), at(1), POLICY)
    assert (dismissed.refusal, dismissed.case.marks) == (None, ())


def test_a_request_and_a_limit_that_a_person_approved_wait_for_people() -> None:
    asked = decide(open_case(7, 17, "dynamic", BEGIN), person(What.APPROVE), at(1), POLICY).case
    limited = decide(asked, person(What.APPROVE, kind=Kind.LIMIT), at(1), POLICY).case
    for before in (asked, limited):
        case, changes = corrections(before, (), 1)
        assert (case.state, case.marks, changes) == (before.state, (Mark.ACCOUNTING,), [])


@pytest.mark.parametrize("left", [2, 1])
def test_whoever_was_limited_by_mistake_is_told_once_and_whether_the_request_stands(left: int) -> None:
    before = in_state(State.LIMITED)
    decision = decide(before, CORRECTION, at(1), POLICY, sent(0, *"ab"[:left]))
    (one,) = telling(before, CORRECTION, decision, 1)
    assert (one.mail, one.was_limited, one.is_asked) == (Mail.WITHDRAWAL, True, left == 2)


def test_the_customer_is_told_that_the_request_was_a_mistake() -> None:
    before = in_state(State.STOP_REQUESTED)
    decision = decide(before, CORRECTION, at(1), POLICY, ())
    (one,) = telling(before, CORRECTION, decision, 1)
    assert (one.mail, one.number, one.was_limited, one.is_asked) == (
        Mail.WITHDRAWAL,
        before.number,
        False,
        False,
    )


def test_a_request_that_waits_for_people_waits_only_while_enough_is_left() -> None:
    weak = sent(0, "a", "b", is_sound=False)
    case = decide(opened(), REPORT, at(0), POLICY, weak, strangers_may=False).case
    assert case.marks == (Mark.STRANGERS,)
    assert corrections(case, weak, 0)[0].marks == (Mark.STRANGERS,)
    assert corrections(case, weak[:1], 0)[0].marks == ()


@pytest.mark.parametrize(
    ("what", "is_told"), [(What.LETTER_SENT, True), (What.NO_LETTER, False), (What.LETTER_GIVEN_UP, False)]
)
def test_whom_no_request_has_reached_is_told_of_no_mistake(what: What, *, is_told: bool) -> None:
    waiting = decide(opened(), REPORT, BEGIN, POLICY, sent(0, "a", "b")).case
    asked = decide(waiting, Event(what, reason="so it is"), at(1), POLICY).case
    case, changes = corrections(asked, (), 1)
    assert (case.state, case.request) == (State.COLLECTING, None)
    assert [one for one in changes if isinstance(one, Tell)] == [Tell(Notice.WITHDRAWAL, LEFT)] * is_told


ADDRESS = Address(IPv4Address("198.18.9.9").packed, 32)
ALICE, BOB = 1, 2
MINUTE = timedelta(minutes=1)
OF_ALICE = Lease(ADDRESS, BEGIN - timedelta(days=2), b"a", ALICE)
SENT = {"a": -60, "b": 10, "c": 11, "d": 40}
"""By reporter: how many minutes after the address went from alice to bob."""


class Desk:
    """What is read of reports, and what of it is asked anew when accounting comes."""

    def __init__(self) -> None:
        self.leases = [OF_ALICE]
        self.incidents: dict[str, KeptIncident] = {}
        self.cases: dict[int, Case] = {}

    def holder(self, name: str) -> Outcome:
        question = Question(ADDRESS.network, None, BEGIN + SENT[name] * MINUTE, SKEW)
        return whose([question], {question: holder(self.leases, question.at, SKEW)})

    def happen(self, line: int, event: Event) -> None:
        case = self.cases.setdefault(line, open_case(line, line, "dynamic", BEGIN))
        mine = (one for one in self.incidents.values() if one.line == line)
        counted = [Counted(one.party, one.moment or BEGIN) for one in mine]
        self.cases[line] = decide(case, event, at(1), POLICY, counted).case

    def read(self, name: str) -> None:
        found = self.holder(name)
        if found.line is not None:
            self.incidents[name] = replace(KEPT, party=name, moment=found.moment, line=found.line)
            self.happen(found.line, REPORT)

    def hear(self, said: str) -> None:
        if said == "stop":
            self.leases[0] = OF_ALICE._replace(end=BEGIN - 5 * MINUTE, ending=Ending.STOP)
        else:
            self.leases.append(Lease(ADDRESS, BEGIN, b"b", BOB))
        for name, one in self.incidents.items():
            self.incidents[name] = corrected(one, self.holder(name), ASKABLE) or one
        for line in tuple(self.cases):
            for _ in range(5):
                self.happen(line, CORRECTION)
        for line in {one.line for one in self.incidents.values() if one.line is not None}:
            self.happen(line, REPORT)


@given(order=st.permutations(("stop", "start", *SENT)))
def test_any_order_of_reports_and_accounting_ends_with_the_same_cases(order: list[str]) -> None:
    """But for what is nobody's when it is read: that is for people, and for no case."""
    desk = Desk()
    for step in order:
        if step in SENT:
            desk.read(step)
        else:
            desk.hear(step)
    assert {name: one.line for name, one in desk.incidents.items()} == {
        name: ALICE if name == "a" else BOB for name in desk.incidents
    }
    assert "a" in desk.incidents
    alice, of_bob = desk.cases[ALICE], len(desk.incidents) - 1
    assert (alice.state, alice.measures, alice.stop_requested) == (State.COLLECTING, (), None)
    states = (None, State.COLLECTING, State.STOP_REQUESTED, State.LIMITED)
    bob = desk.cases.get(BOB)
    assert (None if bob is None else bob.state) is states[of_bob]
