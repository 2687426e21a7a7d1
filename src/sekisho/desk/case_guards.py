"""What each guard of the table asks of a case and an event."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sekisho.desk.case_table import Guard
from sekisho.desk.case_values import (
    BY_ITSELF,
    SUSPENSIONS,
    Case,
    Counted,
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
    goes_on_untold,
    is_of_strangers,
    is_quiet,
    reaches_limit,
    reaches_proposal,
    reaches_stop_request,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a case by an event: all that its rules and refusals look at."""

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


def holds(guard: Guard, asked: Asked) -> bool:
    """Tell whether a guard holds."""
    return _GUARDS[guard](asked)


def _is_new(asked: Asked) -> bool:
    return any(one.moment >= asked.case.counted_from for one in asked.counted)


def _is_told(asked: Asked) -> bool:
    return asked.case.request is not None and asked.case.request.is_known


def _asks_to_stop(asked: Asked) -> bool:
    return reaches_stop_request(asked.case, asked.counted, asked.now, asked.policy)


def _is_bounded(asked: Asked) -> bool:
    return not asked.strangers_may and asked.is_of_strangers


def _is_over(asked: Asked) -> bool:
    return any(one.kind in SUSPENSIONS and one.until <= asked.now for one in asked.case.measures)


def _has_ended(asked: Asked) -> bool:
    limit = asked.case.measure(Kind.LIMIT)
    return limit is not None and limit.until <= asked.now


def _is_limited(asked: Asked) -> bool:
    limit = asked.case.measure(Kind.LIMIT)
    return limit is not None and limit.until > asked.now


def _are_enough(asked: Asked) -> bool:
    return len(asked.agreed | {asked.event.login}) >= asked.policy.persons(asked.kind)


def _agree_on_a_change(asked: Asked) -> bool:
    return asked.case.proposal is not None and _are_enough(asked)


def _request_falls(asked: Asked) -> bool:
    return asked.case.asked_by == BY_ITSELF and not bears_stop_request(
        asked.case, asked.counted, asked.policy
    )


def _limit_falls(asked: Asked) -> bool:
    limit = asked.case.measure(Kind.LIMIT)
    is_of_itself = limit is not None and limit.by == BY_ITSELF
    return is_of_itself and not bears_limit(asked.case, asked.counted, asked.policy)


def _proposal_falls(asked: Asked) -> bool:
    case, proposal = asked.case, asked.case.proposal
    waits = Mark.ACCOUNTING in case.marks  # for people, one of whom may have made it
    is_of_itself = proposal is not None and not proposal.approved and not waits
    return is_of_itself and not bears_proposal(asked.case, asked.counted, asked.policy)


def _is_decided(asked: Asked) -> bool:
    """Tell whether what stands is, at least in part, a person's decision, and not put before people yet."""
    case = asked.case
    by_person = case.state in (State.SUSPENDED, State.HELD) or any(
        measure.by != BY_ITSELF for measure in case.measures
    )
    is_approved = case.proposal is not None and bool(case.proposal.approved)
    is_asked = case.stop_requested is not None and case.asked_by != BY_ITSELF
    return Mark.ACCOUNTING not in case.marks and (by_person or is_approved or is_asked)


_GUARDS: Mapping[Guard, Callable[[Asked], bool]] = {
    Guard.ALWAYS: lambda _: True,
    Guard.STOP_REQUEST: lambda a: _asks_to_stop(a) and not _is_bounded(a),
    Guard.BOUNDED: lambda a: Mark.STRANGERS not in a.case.marks and _asks_to_stop(a) and _is_bounded(a),
    Guard.LIMIT: lambda a: reaches_limit(a.case, a.counted, a.now, a.policy),
    Guard.PROPOSAL: lambda a: reaches_proposal(a.case, a.counted, a.now, a.policy),
    Guard.UNHEEDED: lambda a: (
        Mark.UNTOLD not in a.case.marks and goes_on_untold(a.case, a.counted, a.now, a.policy)
    ),
    Guard.WAITS: lambda a: a.case.request is not None and a.case.request.reached is Reached.WAITING,
    Guard.UNTOLD: lambda a: a.case.stop_requested is not None and not _is_told(a),
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
    Guard.BOTH_FALL: lambda a: _limit_falls(a) and _request_falls(a),
    Guard.PROPOSAL_FALLS: _proposal_falls,
    Guard.PROPOSAL_FALLS_LIMITED: lambda a: _proposal_falls(a) and _is_limited(a),
    Guard.DECIDED: _is_decided,
}
