"""What comes of an event for a case: the table's rule, followed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from sekisho.desk.case_effects import Following, follow_effects
from sekisho.desk.case_guards import Asked, holds
from sekisho.desk.case_refusals import no_rule, refusal
from sekisho.desk.case_table import TABLE, Rule
from sekisho.desk.case_values import (
    CLOSED,
    OF_THEMSELVES,
    Case,
    Counted,
    Decision,
    Event,
    Mark,
    State,
    What,
)
from sekisho.desk.policy import Policy, evidence_of, quiet_at

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_MARKED: Mapping[Mark, Collection[State]] = {
    Mark.STRANGERS: {State.COLLECTING},
    Mark.DOUBTED: frozenset(State) - CLOSED,
    Mark.ACCOUNTING: frozenset(State) - CLOSED - {State.STOPPED},
    Mark.UNTOLD: {State.STOP_REQUESTED, State.LIMITED},
}
_ANEW = frozenset({What.APPROVE, What.SUSPEND, What.HOLD, What.RELEASE})
"""Decisions after which people need not decide anew; so are those that close a case."""
_QUIET_COUNTS = frozenset({State.COLLECTING, State.STOP_REQUESTED, State.LIMITED, State.PROPOSED})


def open_case(
    number: int,
    line: int,
    class_name: str,
    now: datetime,
    before: Case | None = None,
    turned: datetime | None = None,
) -> Case:
    """Open a case for a line that has none.

    `before`: its last; what is from before that was closed counts no more. ValueError where it is not closed.
    `turned`: since when the line is its customer's; nor does what is from before that.
    """
    if before is not None and before.state not in CLOSED:
        raise ValueError(f"the line's case {before.number} is not closed: it goes on in that")
    counted_from = max(_BEGINNING if before is None else before.since, turned or _BEGINNING)
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
    asked = Asked(case, event, now, policy, tuple(counted), strangers_may)
    why_not = refusal(asked)
    if why_not is not None:
        return Decision(case, refusal=why_not)
    rule = _rule(asked)
    if rule is None:
        return Decision(case, refusal=None if event.what in OF_THEMSELVES else no_rule(asked))
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


def _rule(asked: Asked) -> Rule | None:
    fitting = (rule for rule in TABLE if rule.state is asked.case.state and rule.event is asked.event.what)
    return next((rule for rule in fitting if holds(rule.guard, asked)), None)


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
