"""Puts what is known of cases and reports into the values of the interface."""

from __future__ import annotations

from datetime import datetime

from sekisho.api.desk_models import (
    ActionValue,
    CaseAnswer,
    CaseValue,
    EventValue,
    IncidentValue,
    ReportAnswer,
    ReportedValue,
    ReporterValue,
)
from sekisho.api.problems import RefusalError
from sekisho.daemon.desk_cases import Desk
from sekisho.desk.case_values import Case
from sekisho.desk.policy import by_party
from sekisho.desk.records import KeptReport
from sekisho.desk.trust import refilled, standing, stranger_rate
from sekisho.store import CountedReporter, Transaction

_MOST_PARTIES = 50  # that are shown: names can be made up


def known_case(transaction: Transaction, number: int) -> Case:
    """Return a case, or refuse."""
    case = transaction.case(number)
    if case is None:
        detail = f"there is no case {number}: `sekisho desk cases` shows which there are"
        raise RefusalError(404, "unknown-case", "There is no such case", detail)
    return case


def known_line_number(transaction: Transaction, name: str) -> int:
    """Return the number of a line, or refuse."""
    number = transaction.line_number(name)
    if number is None:
        detail = f"nothing was ever heard of a line {name!r}: look at how its name is written"
        raise RefusalError(404, "unknown-line", "There is no such line", detail)
    return number


def case_answer(transaction: Transaction, case: Case) -> CaseAnswer:
    """Show a case with its line, who reported it, what happened to it, and what was asked for it."""
    reported = by_party(transaction.counted_reports(case.number, case.counted_from))
    return CaseAnswer(
        line=transaction.line_names([case.line]).get(case.line, ""),
        case=CaseValue.model_validate(case),
        reported=tuple(map(ReportedValue.model_validate, reported[:_MOST_PARTIES])),
        reported_more=len(reported[_MOST_PARTIES:]),
        reports=transaction.counting_reports(case.number),
        events=tuple(map(EventValue.model_validate, transaction.case_events(case.number))),
        actions=tuple(map(ActionValue.model_validate, transaction.case_actions(case.number))),
    )


def known_report(transaction: Transaction, number: int) -> KeptReport:
    """Return a report, or refuse."""
    kept = transaction.report(number)
    if kept is None:
        detail = f"there is no report {number}, or it has been forgotten in its time"
        raise RefusalError(404, "unknown-report", "There is no such report", detail)
    return kept


def report_answer(transaction: Transaction, number: int) -> ReportAnswer:
    """Show what became of a report, or refuse."""
    kept = known_report(transaction, number)
    state = "unread" if transaction.is_unread(number) else "queued" if kept.is_queued else "read"
    value = report_value(number, kept, state)
    incidents = tuple(map(IncidentValue.model_validate, transaction.incidents_of(number)))
    return value.model_copy(update={"incidents": incidents})


def reporter_value(known: CountedReporter, desk: Desk, now: datetime) -> ReporterValue:
    """Show how a party stands that is proved."""
    one = known.reporter
    is_named = one.party.name in desk.trusted
    rate = desk.rate if is_named else stranger_rate(desk.rate)
    return ReporterValue(
        party=one.party.name,
        standing=standing(one),
        is_named=is_named,
        too_many=refilled(one, now, rate).left < 1,
        incidents=known.incidents,
        confirmed=one.confirmed,
        dismissed=one.dismissed,
        last=one.at,
    )


def report_value(number: int, kept: KeptReport, state: str) -> ReportAnswer:
    """Show a report without its incidents."""
    return ReportAnswer(
        report=number,
        received=kept.received,
        state=state,
        format=kept.format,
        party=kept.party,
        vouched=kept.vouched,
        why=kept.refusal,
    )
