"""Cases whatever happens in whatever order: what must never be."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sekisho.desk.actions import Action, Do, actions_of
from sekisho.desk.case_values import (
    BY_ITSELF,
    CLOSED,
    SUSPENSIONS,
    Case,
    Counted,
    Decision,
    Event,
    Freeze,
    Impose,
    Kind,
    Lift,
    Mark,
    Measure,
    State,
    Thaw,
    What,
)
from sekisho.desk.cases import decide, due, open_case
from sekisho.desk.policy import Policy, Step

BEGIN = datetime(2027, 4, 1, tzinfo=UTC)
DAY = timedelta(days=1)
POLICIES = (
    Policy(),
    Policy(limit=Step(1, 1, 7 * DAY), grave=frozenset(SUSPENSIONS), quiet=3 * DAY, limited=2 * DAY),
    Policy(stop_request=Step(1, 1, 7 * DAY), limit=None, proposal=Step(2, 2, 7 * DAY), suspended=5 * DAY),
)
PEOPLE = {"yamada": 1001, "suzuki": 1002, "sato": 1003, "root": None}  # as whom they have logged in
STEPS = (State.COLLECTING, State.STOP_REQUESTED, State.LIMITED, State.PROPOSED)
DECIDED = (What.APPROVE, What.SUSPEND, What.HOLD, What.RELEASE, What.RESTORE, What.DISMISS, What.CONFIRM)


class Desk(RuleBasedStateMachine):
    """One line's cases, with what is in force at the line told by the changes alone."""

    @initialize(policy=st.sampled_from(POLICIES))
    def begin(self, policy: Policy) -> None:
        self.policy, self.now = policy, BEGIN
        self.case = open_case(1, 17, "dynamic", self.now)
        self.counted: list[Counted] = []
        self.in_force: dict[Kind, Measure] = {}
        self.asked: dict[Kind, Action] = {}
        self.frozen = False
        self.strangers_may = True
        self.said: dict[Kind, set[str]] = {kind: set() for kind in SUSPENSIONS}

    @rule(
        party=st.sampled_from("abcd"),
        ago=st.integers(0, 6),
        incidents=st.integers(1, 5),
        is_sound=st.booleans(),
        is_claimed=st.booleans(),
        strangers_may=st.booleans(),
    )
    def report(
        self, party: str, ago: int, incidents: int, is_sound: bool, is_claimed: bool, strangers_may: bool
    ) -> None:
        self.strangers_may = strangers_may
        self.counted.append(Counted(party, self.now - ago * DAY / 4, incidents, is_sound, is_claimed))
        self.happen(Event(What.REPORT))

    @rule(which=st.integers(0, 20), many=st.integers(1, 5))
    def correct(self, which: int, many: int) -> None:
        """Let accounting take some reports out of the case."""
        del self.counted[which : which + many]
        states = [self.case.state]
        for _ in range(5):  # one step back at a time
            self.happen(Event(What.CORRECTION))
            states.append(self.case.state)
        assert states[-1] is states[-2]
        steps = [STEPS.index(state) for state in states if state in STEPS]
        assert steps == sorted(steps, reverse=True)
        assert len(steps) == len(states) or len(set(states)) == 1
        if not self.counted and states[-1] in STEPS[1:]:
            assert Mark.ACCOUNTING in self.case.marks
        by_itself = [measure for measure in self.case.measures if measure.by == BY_ITSELF]
        assert self.counted or not by_itself or states[-1] in (State.SUSPENDED, State.HELD)

    @rule(hours=st.integers(1, 120))
    def pass_time(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        for _ in range(4):  # one thing after another, as long as any is due
            self.happen(Event(What.TIME))
        moment = due(self.case, self.policy, self.counted)
        assert moment is None or moment > self.now

    @rule(
        what=st.sampled_from(DECIDED),
        by=st.sampled_from(sorted(PEOPLE)),
        kind=st.sampled_from((None, Kind.PORT25, Kind.LINE)),
        days=st.sampled_from((None, 1, 30)),
    )
    def decide(self, what: What, by: str, kind: Kind | None, days: int | None) -> None:
        until = None if days is None else self.now + days * DAY
        self.happen(Event(what, by, f"because of {by}", kind, until, login=PEOPLE[by]))

    @rule(what=st.sampled_from((What.LINE_GONE, What.LINE_DOUBTED)))
    def list_lines(self, what: What) -> None:
        self.happen(Event(what, reason="by a list"))
        assert self.case.state in CLOSED or what is What.LINE_DOUBTED
        if self.case.is_doubted:
            before = [one for one in self.counted if one.moment < self.case.counted_from]
            what_was = decide(self.case, Event(What.REPORT), self.now, self.policy, before)
            assert what_was == Decision(self.case), "another customer may have sent it"

    @rule()
    def open_anew(self) -> None:
        if self.case.state in CLOSED:
            self.frozen = False  # what is kept of another case is not of this
            self.case = open_case(self.case.number + 1, 17, "dynamic", self.now, self.case)
            self.counted.clear()

    def happen(self, event: Event) -> None:
        before = self.case
        decision = self.decided(before, event)
        assert decision == self.decided(before, event)
        assert decision.case.version == before.version + (decision.case != before)
        assert not decision.changes or decision.case != before
        assert bool(decision.reason) == (decision.case != before)
        if decision.refusal is not None:
            assert event.what in DECIDED
            assert decision == Decision(before, refusal=decision.refusal)
        self.never_suspends_by_itself(before, event, decision)
        for change in decision.changes:
            self.apply(change)
        for action in actions_of(decision.case, decision.changes, self.now):
            self.asked[action.kind] = action
        self.case = decision.case
        again = self.decided(self.case, event)
        imposed = [change for change in again.changes if isinstance(change, Impose)]
        assert not [one for one in imposed if one.measure.kind in SUSPENSIONS]

    def decided(self, case: Case, event: Event) -> Decision:
        return decide(case, event, self.now, self.policy, self.counted, strangers_may=self.strangers_may)

    def never_suspends_by_itself(self, before: Case, event: Event, decision: Decision) -> None:
        if event.what in (What.REPORT, What.TIME, What.CORRECTION):
            assert not any(self.suspends(change) for change in decision.changes)
            if before.state is State.HELD:
                assert decision.case.state is State.HELD
                assert not any(isinstance(change, Thaw) for change in decision.changes)
        for change in decision.changes:
            if isinstance(change, Impose) and change.measure.kind in SUSPENSIONS:
                assert event.what in (What.APPROVE, What.SUSPEND)
                persons = set(change.measure.by.split(", "))
                assert persons <= set(PEOPLE)
                needed = self.policy.persons(change.measure.kind)
                assert len(persons) >= needed
                assert needed == 1 or "root" not in persons
                assert all(f"because of {one}" in change.measure.reason for one in persons)

    @staticmethod
    def suspends(change: object) -> bool:
        return isinstance(change, Impose) and change.measure.kind in SUSPENSIONS

    def apply(self, change: object) -> None:
        match change:
            case Impose(measure):
                known = self.in_force.get(measure.kind)
                assert measure.since == (self.now if known is None else known.since)
                assert known is None or measure.until != known.until
                assert self.now < measure.until
                self.in_force[measure.kind] = measure
            case Lift(measure):
                del self.in_force[measure.kind]
            case Freeze():
                assert not self.frozen
                self.frozen = True
            case Thaw():
                assert self.frozen
                self.frozen = False

    @invariant()
    def what_is_in_force_is_what_the_case_says(self) -> None:
        assert self.in_force == {measure.kind: measure for measure in self.case.measures}
        assert max(Counter(one.kind for one in self.case.measures).values(), default=1) == 1

    @invariant()
    def what_is_asked_last_is_what_is_in_force_and_any_suspension_closes_port_25(self) -> None:
        imposed = {kind for kind, action in self.asked.items() if action.do is Do.IMPOSE}
        closed = {Kind.PORT25} if SUSPENSIONS & set(self.in_force) else set()
        assert imposed == set(self.in_force) | closed

    @invariant()
    def each_state_has_what_it_says(self) -> None:
        suspended = SUSPENSIONS & set(self.in_force)
        assert len(suspended) == (self.case.state is State.SUSPENDED)
        assert self.frozen == (self.case.state in (State.HELD, State.KEPT))
        if self.case.state in CLOSED or self.case.state in (State.STOPPED, State.COLLECTING):
            assert not self.in_force
        if self.case.state is State.LIMITED:
            assert Kind.LIMIT in self.in_force
        if self.case.state is not State.SUSPENDED:
            assert (self.case.proposal is not None) == (self.case.state is State.PROPOSED)

    @invariant()
    def whoever_restores_undoes_all(self) -> None:
        restored = decide(self.case, Event(What.RESTORE, "sato", "a mistake"), self.now, self.policy)
        if restored.refusal is None:
            assert restored.case.measures == ()
            lifted = {change.measure.kind for change in restored.changes if isinstance(change, Lift)}
            assert lifted == set(self.in_force)
        else:
            assert not self.in_force or self.case.state in CLOSED

    @invariant()
    def one_party_alone_is_not_enough_for_a_proposal(self) -> None:
        flood = [Counted("mallory", self.now, 1_000_000)] * 50
        found = decide(self.case, Event(What.REPORT), self.now, self.policy, flood)
        assert found.case.state is not State.PROPOSED or self.case.state is State.PROPOSED

    @invariant()
    def what_is_only_claimed_does_nothing_however_many_claim_it(self) -> None:
        flood = [Counted(f"party-{number}", self.now, 1_000, is_claimed=True) for number in range(50)]
        found = decide(self.case, Event(What.REPORT), self.now, self.policy, flood)
        assert found.changes == ()


TestDesk = Desk.TestCase
TestDesk.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
