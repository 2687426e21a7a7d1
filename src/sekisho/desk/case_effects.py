"""What each effect of the table changes in a case, and what is to be done for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sekisho.desk.case_table import Effect
from sekisho.desk.case_values import (
    SUSPENSIONS,
    Approval,
    Case,
    Change,
    Event,
    Evidence,
    Freeze,
    Impose,
    Judge,
    Judgement,
    Kind,
    Lift,
    Mark,
    Measure,
    Notice,
    Proposal,
    Reached,
    Request,
    Tell,
    Thaw,
    What,
)
from sekisho.desk.policy import Policy


@dataclass(slots=True)
class Following:
    """A rule that is being followed: the case as far as it is changed, and what it is changed by.

    `is_of_strangers`: nobody who is trusted has reported it.
    """

    case: Case
    event: Event
    now: datetime
    policy: Policy
    evidence: Evidence
    is_of_strangers: bool

    @property
    def reason(self) -> str:
        """Return why: a person's words, or how many reports there were."""
        if self.event.reason:
            return self.event.reason
        if self.event.what is What.TIME:
            return "its time has come"
        known = f"{self.evidence.parties} parties, {self.evidence.incidents} incidents"
        return f"accounting came late: {known} are left" if self.event.what is What.CORRECTION else known


def follow_effects(effects: Iterable[Effect], following: Following) -> list[Change]:
    """Follow effects in their order; return what is to be done."""
    return [change for effect in effects for change in _EFFECTS[effect](following)]


def _ask_to_stop(at: Following) -> Iterator[Change]:
    if at.case.stop_requested is None:
        request = Request(at.case.version, Reached.WAITING, at.now)
        at.case = replace(at.case, stop_requested=at.now, request=request, asked_by=at.event.by, is_told=True)
        if at.event.what is What.REPORT and at.is_of_strangers:
            at.case = replace(at.case, strangers_asked=at.now)
        yield Tell(Notice.STOP_REQUEST, at.reason)


def _withdraw(at: Following) -> Iterator[Change]:
    """Take the request back; whoever it has not reached, and will not, is told nothing."""
    is_told = at.case.is_told
    at.case = replace(at.case, stop_requested=None, request=None, is_told=False)
    if is_told:
        yield Tell(Notice.WITHDRAWAL, at.reason)


def _wait_for_people(at: Following) -> Iterator[Change]:
    at.case = replace(at.case, marks=(*at.case.marks, Mark.STRANGERS))
    yield from ()


def _tell_lifted(at: Following) -> Iterator[Change]:
    if at.case.is_told:
        yield Tell(Notice.WITHDRAWAL, at.reason)


def _wait_no_more(at: Following) -> Iterator[Change]:
    at.case = replace(at.case, marks=tuple(one for one in at.case.marks if one is not Mark.STRANGERS))
    yield from ()


def _put_before_people(at: Following) -> Iterator[Change]:
    """Have people look; who has approved did so of reports that are not there any more."""
    proposal = at.case.proposal
    left = None if proposal is None else replace(proposal, approved=())
    at.case = replace(at.case, marks=(*at.case.marks, Mark.ACCOUNTING), proposal=left)
    yield from ()


_REACHED = {
    What.LETTER_SENT: Reached.SENT,
    What.TOLD: Reached.TOLD,
    What.NO_LETTER: Reached.NONE,
    What.LETTER_GIVEN_UP: Reached.GIVEN_UP,
}


def _note_told(at: Following) -> Iterator[Change]:
    version = at.case.version if at.case.request is None else at.case.request.version
    request = Request(version, _REACHED[at.event.what], at.now)
    is_suspended = any(one.kind in SUSPENSIONS for one in at.case.measures)  # and that is told in any case
    at.case = replace(at.case, request=request, is_told=request.is_known or is_suspended)
    if at.event.what is What.TOLD:
        at.case = replace(at.case, marks=tuple(one for one in at.case.marks if one is not Mark.UNTOLD))
    yield from ()


def _tell_people(at: Following) -> Iterator[Change]:
    at.case = replace(at.case, marks=(*at.case.marks, Mark.UNTOLD))
    yield from ()


def limited_until(case: Case, event: Event, now: datetime, policy: Policy) -> datetime:
    """Return until when to limit a line: as a person says; else by the policy, and no shorter than it is."""
    known = case.measure(Kind.LIMIT)
    usual = now + policy.limited
    return event.until or (usual if known is None else max(usual, known.until))


def _limit(at: Following) -> Iterator[Change]:
    """Limit the line, or give the limit that it has another end."""
    until = limited_until(at.case, at.event, at.now, at.policy)
    known = at.case.measure(Kind.LIMIT)
    if known is None or known.until != until:
        yield from _put(at, Kind.LIMIT, until, at.event.by, at.reason)


def _tell_limited(at: Following) -> Iterator[Change]:
    """Tell of the limit, unless a stop request does that is sent now."""
    request = at.case.request
    if request is None or request.version != at.case.version:
        at.case = replace(at.case, is_told=True)
        yield Tell(Notice.LIMIT, at.reason)


def _propose(at: Following) -> Iterator[Change]:
    """Note a proposal: of the reports by themselves, or a person's, who is the first to approve."""
    person = at.event.what is What.SUSPEND
    kind = at.event.kind or at.policy.suspension
    before = at.case.proposal
    earlier = before.approved if before is not None and before.kind is kind else ()
    approved = (*earlier, _approval(at.event)) if person else earlier
    at.case = replace(at.case, proposal=Proposal(kind, at.reason, at.event.until, approved))
    yield from ()


def _approve(at: Following) -> Iterator[Change]:
    if at.case.proposal is not None:
        approved = (*at.case.proposal.approved, _approval(at.event))
        until = at.event.until or at.case.proposal.until
        at.case = replace(at.case, proposal=replace(at.case.proposal, approved=approved, until=until))
    yield from ()


def _suspend(at: Following) -> Iterator[Change]:
    proposal = at.case.proposal
    kind, until = at.event.kind or at.policy.suspension, at.event.until
    approved: tuple[Approval, ...] = (_approval(at.event),)
    if proposal is not None and (at.event.what is What.APPROVE or proposal.kind is kind):
        kind, until = proposal.kind, until or proposal.until
        approved = (*proposal.approved, *approved)
    until = until or at.now + at.policy.suspended
    by, reason = _joined(", ", (one.by for one in approved)), _joined("; ", (one.reason for one in approved))
    yield from _put(at, kind, until, by, reason)
    yield from _lift(at, (one for one in at.case.measures if one.kind in SUSPENSIONS - {kind}))
    at.case = replace(at.case, is_told=True, proposal=None)
    yield Tell(Notice.SUSPENSION, at.reason, until)


def _approval(event: Event) -> Approval:
    return Approval(event.by, event.reason, event.login)


def _joined(between: str, texts: Iterable[str]) -> str:
    """Join texts, each once."""
    return between.join(dict.fromkeys(texts))


def _lift_all(at: Following) -> Iterator[Change]:
    yield from _lift(at, at.case.measures)


def _lift_suspension(at: Following) -> Iterator[Change]:
    yield from _lift(at, (one for one in at.case.measures if one.kind in SUSPENSIONS))


def _lift_ended(at: Following) -> Iterator[Change]:
    yield from _lift(at, (one for one in at.case.measures if one.until <= at.now))


def _tell_restored(at: Following) -> Iterator[Change]:
    if at.case.is_told:
        at.case = replace(at.case, is_told=False)
        yield Tell(Notice.RESTORATION, at.reason)


def _freeze(at: Following) -> Iterator[Change]:
    yield Freeze(at.event.by, at.reason)


def _thaw(at: Following) -> Iterator[Change]:
    yield Thaw(at.event.by, at.reason)


def _doubt(at: Following) -> Iterator[Change]:
    marks = (*at.case.marks, Mark.DOUBTED)
    at.case = replace(at.case, marks=marks, counted_from=at.now, counted_once=at.case.counted_from)
    yield from ()


def _settle_doubt(at: Following) -> Iterator[Change]:
    marks = tuple(one for one in at.case.marks if one is not Mark.DOUBTED)
    counted_from = at.case.counted_once or at.case.counted_from
    at.case = replace(at.case, marks=marks, counted_from=counted_from, counted_once=None)
    yield from ()


def _confirm(at: Following) -> Iterator[Change]:
    yield _judge(at, Judgement.CONFIRMED)


def _reject(at: Following) -> Iterator[Change]:
    yield _judge(at, Judgement.DISMISSED)


_EFFECTS: Mapping[Effect, Callable[[Following], Iterator[Change]]] = {
    Effect.ASK_TO_STOP: _ask_to_stop,
    Effect.WAIT_FOR_PEOPLE: _wait_for_people,
    Effect.WAIT_NO_MORE: _wait_no_more,
    Effect.PUT_BEFORE_PEOPLE: _put_before_people,
    Effect.WITHDRAW: _withdraw,
    Effect.TELL_LIFTED: _tell_lifted,
    Effect.TELL_PEOPLE: _tell_people,
    Effect.NOTE_TOLD: _note_told,
    Effect.LIMIT: _limit,
    Effect.TELL_LIMITED: _tell_limited,
    Effect.PROPOSE: _propose,
    Effect.APPROVE: _approve,
    Effect.SUSPEND: _suspend,
    Effect.LIFT_SUSPENSION: _lift_suspension,
    Effect.LIFT_ENDED: _lift_ended,
    Effect.LIFT: _lift_all,
    Effect.TELL_RESTORED: _tell_restored,
    Effect.FREEZE: _freeze,
    Effect.THAW: _thaw,
    Effect.DOUBT: _doubt,
    Effect.SETTLE_DOUBT: _settle_doubt,
    Effect.CONFIRM: _confirm,
    Effect.REJECT: _reject,
}


def _judge(at: Following, judgement: Judgement) -> Change:
    at.case = replace(at.case, judgement=judgement)
    return Judge(judgement)


def _put(at: Following, kind: Kind, until: datetime, by: str, reason: str) -> Iterator[Change]:
    """Impose a measure, or change the one of its kind that is in force, which then goes on."""
    known = at.case.measure(kind)
    if known is not None and known.until <= at.now:
        yield from _lift(at, [known])
        known = None
    since = at.now if known is None else known.since
    measure = Measure(kind, since, until, by, reason, at.evidence)
    others = (one for one in at.case.measures if one.kind is not kind)
    at.case = replace(at.case, measures=(*others, measure))
    yield Impose(measure)


def _lift(at: Following, measures: Iterable[Measure]) -> Iterator[Change]:
    gone = tuple(measures)
    at.case = replace(at.case, measures=tuple(one for one in at.case.measures if one not in gone))
    for measure in gone:
        yield Lift(measure, at.event.by, at.reason)
