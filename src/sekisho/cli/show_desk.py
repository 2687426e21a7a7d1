"""Puts cases, reports and actions into words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from sekisho.api.desk_models import (
    ActionsAnswer,
    ActionValue,
    CaseAnswer,
    CasesAnswer,
    CaseValue,
    EvidenceValue,
    MeasureValue,
    PartValue,
    ReportedValue,
    RequestValue,
)
from sekisho.bundle import Checked
from sekisho.desk.actions import Progress
from sekisho.desk.case_values import REQUESTED, Reached, State

MORE = "and there are more"


def cases_text(answer: CasesAnswer) -> str:
    """Tell the open cases, a line each."""
    lines = [_case_line(one) for one in answer.cases] or ["there is no such case"]
    more = [f"{MORE}: --after {answer.cases[-1].number}"] if answer.more else []
    left_out = "cases of which nothing proves whose the reports are: --claimed tells them too"
    claimed = [f"{answer.claimed} {left_out}"] if answer.claimed else []
    return "\n".join([*lines, *more, *claimed])


def case_text(answer: CaseAnswer) -> str:
    """Tell all of a case."""
    case = answer.case
    told = [f"{_case_line(case)}, version {case.version}", f"line {answer.line or 'whose name is forgotten'}"]
    told += map(_reported, answer.reported)
    told += [f"and by {answer.reported_more} more"] if answer.reported_more else []
    told += [f"reports {_numbers(answer.reports)}"] if answer.reports else []
    told += [f"in force: {_measure(one)}" for one in case.measures]
    if case.proposal is not None:
        by = "; ".join(f"{one.by} ({one.reason})" for one in case.proposal.approved) or "nobody yet"
        told.append(f"proposed: {case.proposal.kind} ({case.proposal.reason}); approved by {by}")
    told += [
        f"{at(one.at)} {one.what}: {one.before} to {one.after}, by {one.by}"
        + (f": {one.reason}" if one.reason else "")
        + f" ({_evidence(one.evidence)})"
        for one in answer.events
    ]
    return "\n".join([*told, *_actions(answer.actions)])


def actions_text(answer: ActionsAnswer) -> str:
    """Tell actions, notices that wait, and those that reached nobody."""
    waiting = [f"{answer.waiting} notices wait to be sent"] if answer.waiting else []
    untold = map(_case_line, answer.untold)
    lines = [*_actions(answer.actions), *untold, *waiting] or ["all that was asked is confirmed"]
    lines += [
        f"{at(one.at)} the notice {one.letter} is given up, and nobody is told: {one.why}"
        for one in answer.given_up
    ]
    return "\n".join(lines)


def bundle_text(found: Checked) -> str:
    """Tell how a bundle of evidence stands."""
    return "\n".join(found.problems) or f"as it was signed: {len(found.members)} members"


def _actions(actions: Iterable[ActionValue]) -> Iterator[str]:
    for one in actions:
        cause = "" if one.cause is None else f", Error-Cause {one.cause}"
        yield (
            f"{at(one.asked_for)} for case {one.case}: {one.do} {one.kind}, by {one.by}: {one.progress}"
            f" ({one.tries} tries, {one.timeouts} unanswered{cause}){_way_out(one)}"
        )
        yield from map(_part, one.parts)


def _part(one: PartValue) -> str:
    where = "" if one.nas is None else f" {one.nas}:"
    cause = "" if one.cause is None else f" ({one.cause})"
    return f" {where} {one.became.replace('-', ' ')}{one.why and f': {one.why}'}{cause}"


def _way_out(one: ActionValue) -> str:
    is_refused = one.progress == Progress.REFUSED
    return f"; mend what is refused, then: sekisho desk retry {one.case} --reason …" if is_refused else ""


def _reported(one: ReportedValue) -> str:
    how = ", only claimed" if one.is_claimed else "" if one.is_sound else ", for the stop request alone"
    return f"reported by {one.party}: {one.incidents} incidents since {at(one.moment)}{how}"


def _numbers(numbers: Iterable[int]) -> str:
    """Tell numbers that follow each other as a span."""
    spans: list[list[int]] = []
    for one in numbers:
        if spans and spans[-1][-1] == one - 1:
            spans[-1][1:] = [one]
        else:
            spans.append([one])
    return ", ".join("-".join(map(str, span)) for span in spans)


def _case_line(case: CaseValue) -> str:
    waits = "".join(f"; waits for people: {one}" for one in case.marks)
    name = f"case {case.number} ({case.class_name or 'no class'})"
    is_changed = case.proposal is not None and case.state == State.SUSPENDED
    change = "; another suspension is proposed" if is_changed else ""
    request = f"; {_request(case, case.request)}" if case.request is not None else ""
    return f"{name}: {case.state} since {at(case.since)}{request}{change}{waits}"


def _request(case: CaseValue, request: RequestValue) -> str:
    """Tell what became of the stop request of a case, and the way out where that is of use: not in a hold."""
    when = at(request.at)
    tell = f": tell the customer, then: sekisho desk told {case.number} --reason …"
    way_out = tell if case.state in REQUESTED else ""
    match request.reached:
        case Reached.SENT:
            return f"the stop request left at {when}"
        case Reached.TOLD:
            return f"the customer was told at {when}"
        case Reached.WAITING:
            return f"the stop request waits to be sent since {when}"
        case Reached.NONE:
            return f"there is nobody to send the stop request to{way_out}"
        case _:
            return f"the stop request was given up at {when}{way_out}"


def _measure(one: MeasureValue) -> str:
    return f"{one.kind} until {at(one.until)}, by {one.by}: {one.reason}"


def _evidence(one: EvidenceValue) -> str:
    return f"{one.parties} parties, {one.incidents} incidents"


def at(moment: datetime) -> str:
    """Tell a moment, to the second."""
    return moment.isoformat(timespec="seconds")
