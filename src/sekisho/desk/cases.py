"""What comes of an event for a case: the table's rule, followed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sekisho.desk.case_effects import Following, follow_effects, limited_until
from sekisho.desk.case_table import TABLE, Guard, Rule
from sekisho.desk.case_values import (
    BY_ITSELF,
    CLOSED,
    OF_THEMSELVES,
    SUSPENSIONS,
    Case,
    Counted,
    Decision,
    Event,
    Kind,
    Mark,
    Reached,
    State,
    What,
)
from sekisho.desk.policy import (
    Policy,
    bears_limit,
    bears_proposal,
    bears_stop_request,
    evidence_of,
    goes_on_untold,
    is_of_strangers,
    is_quiet,
    quiet_at,
    reaches_limit,
    reaches_proposal,
    reaches_stop_request,
)

LONGEST = timedelta(days=366)
"""How long a person may have something last; who wants more decides again."""

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_OF_REPORTS = OF_THEMSELVES | {What.ATTRIBUTE}
_MARKED: Mapping[Mark, Collection[State]] = {
    Mark.STRANGERS: {State.COLLECTING},
    Mark.DOUBTED: frozenset(State) - CLOSED,
    Mark.ACCOUNTING: frozenset(State) - CLOSED - {State.STOPPED},
    Mark.UNTOLD: {State.STOP_REQUESTED, State.LIMITED},
}
_ANEW = frozenset({What.APPROVE, What.SUSPEND, What.HOLD, What.RELEASE})
"""Decisions after which people need not decide anew; so are those that close a case."""
_QUIET_COUNTS = frozenset({State.COLLECTING, State.STOP_REQUESTED, State.LIMITED, State.PROPOSED})


def open_case(number: int, line: int, class_name: str, now: datetime, before: Case | None = None) -> Case:
    """Open a case for a line that has none.

    `before`: its last; what is from before that was closed counts no more. ValueError where it is not closed.
    """
    if before is not None and before.state not in CLOSED:
        raise ValueError(f"the line's case {before.number} is not closed: it goes on in that")
    counted_from = _BEGINNING if before is None else before.since
    return Case(number, line, class_name, State.COLLECTING, opened=now, since=now, counted_from=counted_from)


def decide(
    case: Case,
    event: Event,
    now: datetime,
    policy: Policy,
    counted: Iterable[Counted] = (),
    *,
    strangers_may: bool = True,
) -> Decision:
    """Decide what comes of an event.

    `counted`: the folded reports of the case, as far back as the policy's steps look. `strangers_may`: their
    word alone may lead to one more stop request. Reports and time never suspend; the same event once more
    changes nothing.
    """
    asked = _Asked(case, event, now, policy, tuple(counted), strangers_may)
    refusal = _refusal(asked)
    if refusal is not None:
        return Decision(case, refusal=refusal)
    rule = _rule(asked)
    if rule is None:
        return Decision(case, refusal=None if event.what in OF_THEMSELVES else _no_rule(asked))
    evidence = evidence_of(case, asked.counted)
    following = Following(_moved(case, rule, now), event, now, policy, evidence, asked.is_of_strangers)
    changes = follow_effects(rule.effects, following)
    return Decision(_settled(following.case, case, rule, now), tuple(changes), reason=following.reason)


def due(case: Case, policy: Policy, counted: Iterable[Counted] = ()) -> datetime | None:
    """Return when time alone may change a case next, if it may."""
    moments = [measure.until for measure in case.measures]
    if case.state in _QUIET_COUNTS:
        moments.append(quiet_at(case, counted, policy))
    return min(moments, default=None)


@dataclass(frozen=True, slots=True)
class _Asked:
    case: Case
    event: Event
    now: datetime
    policy: Policy
    counted: Sequence[Counted]
    strangers_may: bool

    @property
    def is_of_strangers(self) -> bool:
        """Tell whether nobody who is trusted has reported it."""
        return is_of_strangers(self.case, self.counted)

    @property
    def kind(self) -> Kind:
        """Return which suspension it is about: the proposed, or the asked for, or the policy's."""
        if self.event.what is What.APPROVE and self.case.proposal is not None:
            return self.case.proposal.kind
        return self.event.kind or self.policy.suspension

    @property
    def agreed(self) -> frozenset[int | None]:
        """Return as whom those have logged in who have said so before, of this kind of suspension."""
        proposal = self.case.proposal
        approved = proposal.approved if proposal and proposal.kind is self.kind else ()
        return frozenset(one.login for one in approved)

    @property
    def suspends(self) -> bool:
        """Tell whether it is about a suspension."""
        is_proposed = self.event.what is What.APPROVE and self.case.proposal is not None
        return self.event.what is What.SUSPEND or is_proposed

    @property
    def is_grave(self) -> bool:
        """Tell whether it is a suspension that one person cannot decide on."""
        return self.suspends and self.policy.persons(self.kind) > 1


def _rule(asked: _Asked) -> Rule | None:
    fitting = (rule for rule in TABLE if rule.state is asked.case.state and rule.event is asked.event.what)
    return next((rule for rule in fitting if _GUARDS[rule.guard](asked)), None)


def _is_new(asked: _Asked) -> bool:
    return any(one.moment >= asked.case.counted_from for one in asked.counted)


def _asks_to_stop(asked: _Asked) -> bool:
    return reaches_stop_request(asked.case, asked.counted, asked.now, asked.policy)


def _is_bounded(asked: _Asked) -> bool:
    return not asked.strangers_may and asked.is_of_strangers


def _is_over(asked: _Asked) -> bool:
    return any(one.kind in SUSPENSIONS and one.until <= asked.now for one in asked.case.measures)


def _has_ended(asked: _Asked) -> bool:
    limit = asked.case.measure(Kind.LIMIT)
    return limit is not None and limit.until <= asked.now


def _is_limited(asked: _Asked) -> bool:
    limit = asked.case.measure(Kind.LIMIT)
    return limit is not None and limit.until > asked.now


def _are_enough(asked: _Asked) -> bool:
    return len(asked.agreed | {asked.event.login}) >= asked.policy.persons(asked.kind)


def _agree_on_a_change(asked: _Asked) -> bool:
    return asked.case.proposal is not None and _are_enough(asked)


def _request_falls(asked: _Asked) -> bool:
    return asked.case.asked_by == BY_ITSELF and not bears_stop_request(
        asked.case, asked.counted, asked.policy
    )


def _limit_falls(asked: _Asked) -> bool:
    limit = asked.case.measure(Kind.LIMIT)
    is_of_itself = limit is not None and limit.by == BY_ITSELF
    return is_of_itself and not bears_limit(asked.case, asked.counted, asked.policy)


def _proposal_falls(asked: _Asked) -> bool:
    proposal = asked.case.proposal
    is_of_itself = proposal is not None and not proposal.approved
    return is_of_itself and not bears_proposal(asked.case, asked.counted, asked.policy)


def _is_decided(asked: _Asked) -> bool:
    """Tell whether what stands is, at least in part, a person's decision, and not put before people yet."""
    case = asked.case
    by_person = case.state in (State.SUSPENDED, State.HELD) or any(
        measure.by != BY_ITSELF for measure in case.measures
    )
    is_approved = case.proposal is not None and bool(case.proposal.approved)
    is_asked = case.stop_requested is not None and case.asked_by != BY_ITSELF
    return Mark.ACCOUNTING not in case.marks and (by_person or is_approved or is_asked)


_GUARDS: Mapping[Guard, Callable[[_Asked], bool]] = {
    Guard.ALWAYS: lambda _: True,
    Guard.STOP_REQUEST: lambda a: _asks_to_stop(a) and not _is_bounded(a),
    Guard.BOUNDED: lambda a: Mark.STRANGERS not in a.case.marks and _asks_to_stop(a) and _is_bounded(a),
    Guard.LIMIT: lambda a: reaches_limit(a.case, a.counted, a.now, a.policy),
    Guard.PROPOSAL: lambda a: reaches_proposal(a.case, a.counted, a.now, a.policy),
    Guard.UNHEEDED: lambda a: (
        Mark.UNTOLD not in a.case.marks and goes_on_untold(a.case, a.counted, a.now, a.policy)
    ),
    Guard.WAITS: lambda a: a.case.request is not None and a.case.request.reached is Reached.WAITING,
    Guard.UNTOLD: lambda a: a.case.request is not None and not a.case.request.is_known,
    Guard.NEW: _is_new,
    Guard.QUIET: lambda a: is_quiet(a.case, a.counted, a.now, a.policy),
    Guard.OVER: _is_over,
    Guard.ENDED: _has_ended,
    Guard.LIMITED: _is_limited,
    Guard.ENOUGH: _are_enough,
    Guard.CHANGE: _agree_on_a_change,
    Guard.SURE: lambda a: not a.case.is_doubted,
    Guard.DOUBTED: lambda a: a.case.is_doubted,
    Guard.WAITS_FOR_NOTHING: lambda a: Mark.STRANGERS in a.case.marks and not _asks_to_stop(a),
    Guard.REQUEST_FALLS: _request_falls,
    Guard.LIMIT_FALLS: _limit_falls,
    Guard.PROPOSAL_FALLS: _proposal_falls,
    Guard.PROPOSAL_FALLS_LIMITED: lambda a: _proposal_falls(a) and _is_limited(a),
    Guard.DECIDED: _is_decided,
}


def _refusal(asked: _Asked) -> str | None:
    """Say what is wrong with what a person asks, whatever the state."""
    event = asked.event
    if event.what in OF_THEMSELVES:
        return None
    if not _is_person(event.by):
        return f"{event.by!r} is no person: only a person may {event.what}"
    if not event.reason.strip():
        return f"there is no reason: say why you {event.what}"
    if (other := _other(asked)) is not None:
        return other
    if event.until is not None and not asked.now < event.until <= asked.now + LONGEST:
        end = event.until.isoformat(timespec="seconds")
        return f"{end} cannot be its end: name a moment from now on and within {LONGEST.days} days"
    if asked.suspends and (unfit := _unfit(asked)) is not None:
        return unfit
    if asked.is_grave and event.login is None:
        return f"a grave action needs a person who has logged in, which {event.by} has not: {_LOG_IN}"
    if asked.is_grave and event.login in asked.agreed:
        return f"{event.by} has said so already, and a {asked.kind} needs two: another person has to approve"
    if event.what is What.APPROVE and (unlike := _unlike(asked)) is not None:
        return unlike
    return _past(asked) or _unchanged(asked)


def _other(asked: _Asked) -> str | None:
    """Say that the case, or its line's customer, may not be what the person takes it for."""
    case, event = asked.case, asked.event
    if case.is_doubted and event.what in (What.APPROVE, What.SUSPEND):
        if_not = f"if it is not, `sekisho desk confirm {case.number} --reason …` comes first, else `restore`"
        return f"the line of case {case.number} may be another customer's by now: {if_not}"
    if event.version not in (None, case.version):
        now_it_is = f"case {case.number} is at version {case.version} by now, not {event.version}"
        return f"{now_it_is}: look at it again, and decide about what it is"
    return None


def _unfit(asked: _Asked) -> str | None:
    """Say why a suspension of this kind cannot be."""
    if asked.kind not in SUSPENSIONS:
        return f"{asked.kind} is no suspension: name one of {', '.join(sorted(SUSPENSIONS))}"
    if asked.kind not in asked.policy.able:
        return f"nothing could carry out a {asked.kind}: add the NAS as [[desk.nas]], or name {Kind.PORT25}"
    return None


def _unlike(asked: _Asked) -> str | None:
    """Say why what a person approves may not be what is proposed: it may have been changed meanwhile."""
    proposal, event = asked.case.proposal, asked.event
    if proposal is None:
        next_is_limit = asked.case.state is State.STOP_REQUESTED
        meant = (None, Kind.LIMIT) if next_is_limit else (None,)
        if asked.case.state is State.SUSPENDED:
            return (
                f"no change of the suspension of case {asked.case.number} is proposed: suspend to change it"
            )
        return None if event.kind in meant else f"no {event.kind} is proposed: name none, or suspend"
    if event.kind not in (None, proposal.kind):
        return f"what is proposed is a {proposal.kind}, and no {event.kind}: approve that, or suspend anew"
    if event.kind is None and asked.policy.persons(proposal.kind) > 1:
        return f"what is proposed, a {proposal.kind}, needs two persons: name it as the kind that you approve"
    return None


def _past(asked: _Asked) -> str | None:
    """Say that a person would have something proposed done whose end is over, naming no other."""
    proposal, event = asked.case.proposal, asked.event
    is_meant = event.what in (What.APPROVE, What.SUSPEND) and event.until is None
    if not is_meant or proposal is None or proposal.kind is not asked.kind or proposal.until is None:
        return None
    end = proposal.until.isoformat(timespec="seconds")
    return f"its end, {end}, is over: name another" if proposal.until <= asked.now else None


def _unchanged(asked: _Asked) -> str | None:
    """Say that what a person wants is so already."""
    case, event = asked.case, asked.event
    if event.what is What.TOLD and case.request is not None and case.request.is_known:
        return f"the customer was told at {case.request.at.isoformat(timespec='seconds')}"
    if (case.state, event.what) == (State.HELD, What.HOLD):
        known, until = case.measure(Kind.LIMIT), limited_until(case, event, asked.now, asked.policy)
    elif (case.state, event.what) == (State.SUSPENDED, What.SUSPEND):
        known, until = case.measure(asked.kind), event.until or asked.now + asked.policy.suspended
    else:
        return None
    if known is None or known.until != until:
        return None
    return f"its {known.kind} lasts until {until.isoformat(timespec='seconds')} already: name another end"


_LOG_IN = "log in as a user of your own, not as root, who may be anybody, and ask with sudo"


def _is_person(name: str) -> bool:
    """Tell whether a name may be a person's; none may look like another's, or like two, in the record."""
    is_plain = name.isprintable() and name == " ".join(name.split()) and "," not in name
    return bool(name) and is_plain and name.casefold() != BY_ITSELF


def _no_rule(asked: _Asked) -> str:
    case = asked.case
    rules = {rule.event for rule in TABLE if rule.state is case.state} - _OF_REPORTS
    rules -= {What.APPROVE, What.SUSPEND} if case.is_doubted else {What.CONFIRM}
    allowed = ", ".join(sorted(rules)) or "nothing"
    since = case.since.isoformat(timespec="seconds")
    return f"case {case.number} is {case.state} since {since}: what can be done is {allowed}"


def _moved(case: Case, rule: Rule, now: datetime) -> Case:
    """Return the case in its next state, before anything is done."""
    since = case.since if rule.to is case.state else now
    return replace(case, state=rule.to, since=since, version=case.version + 1)


def _stays(mark: Mark, rule: Rule) -> bool:
    """Tell whether people still have to look at a case after a rule was followed."""
    return rule.to in _MARKED[mark] and not (mark is Mark.ACCOUNTING and rule.event in _ANEW)


def _settled(case: Case, before: Case, rule: Rule, now: datetime) -> Case:
    """Return the case after everything is done, without what its new state has no use for."""
    if rule.to not in (State.PROPOSED, State.SUSPENDED):
        case = replace(case, proposal=None)
    if rule.to is State.STOPPED and before.state is not State.STOPPED:
        case = replace(case, counted_from=now, counted_once=None, stop_requested=None, request=None)
    return replace(case, marks=tuple(one for one in case.marks if _stays(one, rule)))
