"""From a report as it came to what follows: who held the address, what it counts for, what its case says.

    original ─► parse ─► look-ups, which only read ─► one transaction: outcomes, cases, actions, audit

A report that is read already is left as it is: whoever ends in between loses nothing and does nothing twice.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_address
from itertools import chain
from typing import Final

from sekisho.api.line_models import Action as Recorded
from sekisho.audit import Entry
from sekisho.daemon.desk_cases import Desk, case_for, happen
from sekisho.daemon.lookups import find_holder, looked_under
from sekisho.desk.actions import Action
from sekisho.desk.attribute import Asked, Because, Found, Outcome, Question, prepare, settle
from sekisho.desk.case_values import BY_ITSELF, CLOSED, Event, What
from sekisho.desk.records import Askable, KeptIncident, KeptReport
from sekisho.desk.report import Format, Incident, Parsed, Refusal, Report, Trust
from sekisho.desk.trust import (
    ALL_CLAIMED,
    COUNT,
    Party,
    Weight,
    counted_incidents,
    first_seen,
    folded,
    party_of_report,
    sameness,
    spend,
    stranger_rate,
    trusted_as,
    weigh,
)
from sekisho.lines.holder import Answer
from sekisho.lines.purposes import Purpose
from sekisho.store import NumberedReport, Transaction

_FOR_PEOPLE: Final = frozenset({Found.AMBIGUOUS, Found.NOT_ATTRIBUTABLE})
_MOST_TOLD: Final = 5  # incidents in the words for people


@dataclass(frozen=True, slots=True)
class Looked:
    """A report, what it was read as, and what came of each incident: what was asked, and the outcome."""

    report: NumberedReport
    parsed: Parsed
    outcomes: tuple[tuple[Asked | None, Outcome], ...] = ()


@dataclass(slots=True)
class _Writing:
    """What is known of a report that is being written."""

    transaction: Transaction
    desk: Desk
    now: datetime
    number: int
    report: Report
    party: Party
    is_trusted: bool
    weight: Weight | None = None


def look_up(transaction: Transaction, desk: Desk, report: NumberedReport, parsed: Parsed) -> Looked:
    """Ask who held the addresses that a report names; `transaction` only reads."""
    if isinstance(parsed, Refusal):
        return Looked(report, parsed)
    received = report.report.received
    asked = [prepare(parsed.feedback, one, desk.our, received, desk.skew) for one in parsed.incidents]
    return Looked(report, parsed, tuple(_answered(transaction, one) for one in asked))


def write_outcome(transaction: Transaction, desk: Desk, looked: Looked, now: datetime) -> tuple[Action, ...]:
    """Write what came of a report, and what its cases make of it; return what these ask for."""
    number, kept = looked.report
    parsed = looked.parsed
    if isinstance(parsed, Refusal):
        transaction.put_read(number, replace(kept, refusal=f"{parsed.why}: {parsed.reason}", is_queued=True))
        return ()
    party, is_trusted = author_of(kept, parsed, desk.trusted)
    outcomes = tuple(_asked_again(transaction, *one) for one in looked.outcomes)
    words = doubts((outcome.found, outcome.because) for _, outcome in outcomes)
    read = replace(
        kept, format=Format(parsed.format), party=party.name, refusal=words, is_queued=words is not None
    )
    if not transaction.put_read(number, read):
        return ()  # somebody has read it meanwhile
    writing = _Writing(transaction, desk, now, number, parsed, party, is_trusted)
    actions: list[Action] = []
    for place, (incident, (asked, outcome)) in enumerate(zip(parsed.incidents, outcomes, strict=True)):
        case = _write_incident(writing, place, incident, asked, outcome, actions)
        if asked is not None:
            transaction.record(look_up_entry(now, asked.questions[0], outcome, number, case))
    if parsed.answerable is not None and writing.weight in COUNT:
        desk.thank(transaction, number, parsed.answerable, now)
    return tuple(actions)


def author_of(kept: KeptReport, report: Report | None, trusted: Collection[str]) -> tuple[Party, bool]:
    """Return whose word a report is, and whether it is trusted; `report`: None where it is not understood."""
    if report is None:
        return party_of_report(None, kept.vouched), kept.vouched is not None
    named = None if kept.vouched else trusted_as(report.author or "", trusted)
    party = party_of_report(report.reporter.domain, kept.vouched or report.authenticated, named)
    return party, kept.vouched is not None or named is not None


def weigh_report(
    transaction: Transaction,
    desk: Desk,
    party: Party,
    now: datetime,
    *,
    is_trusted: bool,
    is_structured: bool,
) -> Weight:
    """Return what a report of a party counts for now, and write that the party has reported."""
    rate = desk.rate if is_trusted else stranger_rate(desk.rate)
    known = transaction.reporter(party) or first_seen(party, now, rate)
    after, weight = weigh(known, now, rate, is_trusted=is_trusted, is_structured=is_structured)
    transaction.put_reporter(after)
    if weight not in COUNT and party.is_authenticated:
        desk.ignored(party.name, weight, now)
    return weight


def _answered(transaction: Transaction, asked: Asked | Outcome) -> tuple[Asked | None, Outcome]:
    if isinstance(asked, Outcome):
        return None, asked
    return asked, settle(asked, holders(transaction, asked.questions))


def _asked_again(
    transaction: Transaction, asked: Asked | None, outcome: Outcome
) -> tuple[Asked | None, Outcome]:
    """Ask again, in the transaction that writes, of what is a line's: leases may have changed meanwhile.

    The pages that it takes have been read before, so that nobody waits for the disk here.
    """
    return (asked, outcome) if asked is None or outcome.line is None else _answered(transaction, asked)


def holders(transaction: Transaction, questions: Iterable[Question]) -> dict[Question, Answer | None]:
    """Return who held the addresses that are asked for."""
    return {one: find_holder(transaction, one.network, one.port, one.at, one.skew) for one in questions}


def askable(
    transaction: Transaction, questions: tuple[Question, ...], same: bytes, *, by_hand: bool = False
) -> Askable:
    """Return what it takes to ask anew."""
    under = (looked_under(transaction, one.network, one.port, one.at, one.skew) or () for one in questions)
    return Askable(questions, frozenset(chain.from_iterable(chain.from_iterable(under))), same, by_hand)


def _write_incident(
    writing: _Writing,
    place: int,
    incident: Incident,
    asked: Asked | None,
    outcome: Outcome,
    actions: list[Action],
) -> int | None:
    """Write what came of an incident; return the number of its case, if it has one."""
    kept = KeptIncident(
        report=writing.number,
        place=place,
        found=outcome.found,
        party=writing.party.name,
        because=outcome.because,
        incidents=counted_incidents(incident.count),
        moment=outcome.moment,
        line=outcome.line,
    )
    if asked is None or outcome.line is None or outcome.moment is None:
        writing.transaction.add_incident(kept)
        return None
    same = sameness(writing.party, incident.message_id, writing.report.report_id)
    key = folded(same, outcome.line, outcome.moment)
    if writing.transaction.is_folded(key):
        writing.transaction.add_incident(replace(kept, weight=Weight.TOO_MANY, folded=key))
        return None
    weight = _weight(writing)
    if weight is Weight.SOUND and outcome.basis is not None and outcome.basis.is_forgeable:
        weight = Weight.WEAK
    if weight is Weight.CLAIMED and not _may_claim(writing, outcome.line):
        weight = Weight.TOO_MANY
    if weight not in COUNT:  # without the key: the same may come again, and then count
        writing.transaction.add_incident(replace(kept, weight=weight))
        return None
    network = asked.questions[0].network
    case = case_for(writing.transaction, writing.desk, outcome.line, network, writing.now)
    writing.transaction.add_incident(replace(kept, weight=weight, case=case.number, folded=key))
    anew = askable(writing.transaction, asked.questions, same)
    writing.transaction.put_askable(kept.report, kept.place, anew)
    _, made = happen(writing.transaction, writing.desk, case, Event(What.REPORT, BY_ITSELF), writing.now)
    actions += made
    return case.number


def _may_claim(writing: _Writing, line: int) -> bool:
    """Tell whether what is only claimed may belong to a case; it opens no more than a rate in an hour."""
    transaction, now, rate = writing.transaction, writing.now, writing.desk.rate
    before = transaction.last_case(line)
    if before is not None and before.state not in CLOSED:
        return True
    claimed = Party(ALL_CLAIMED, is_authenticated=False)
    after, may_open = spend(transaction.reporter(claimed) or first_seen(claimed, now, rate), now, rate)
    transaction.put_reporter(after)
    if not may_open:
        writing.desk.ignored(ALL_CLAIMED, Weight.TOO_MANY, now)
    return may_open


def _weight(writing: _Writing) -> Weight:
    """Return what the report counts for; its party is weighed once, however many incidents it names."""
    if writing.weight is None:
        writing.weight = weigh_report(
            writing.transaction,
            writing.desk,
            writing.party,
            writing.now,
            is_trusted=writing.is_trusted,
            is_structured=writing.report.trust is Trust.STRUCTURED,
        )
    return writing.weight


def doubts(found: Iterable[tuple[Found, Because | None]]) -> str | None:
    """Tell what people have to look at, a few of many; None: nothing."""
    told = [
        f"incident {place}: {one}, {because or 'for no reason that is known'}"
        for place, (one, because) in enumerate(found, 1)
        if one in _FOR_PEOPLE
    ]
    more = [f"and {len(told) - _MOST_TOLD} more"] if len(told) > _MOST_TOLD else []
    return "; ".join((*told[:_MOST_TOLD], *more)) or None


def look_up_entry(now: datetime, asked: Question, outcome: Outcome, report: int, case: int | None) -> Entry:
    """Return the record of a look-up, as people's are recorded."""
    port = "" if asked.port is None else f" port {asked.port}"
    return Entry(
        at=now,
        uid=os.geteuid(),
        user=BY_ITSELF,
        action=Recorded.HOLDER,
        subject=f"{ip_address(asked.network)}{port} at {asked.at.isoformat()}",
        purpose=Purpose.REPORT,
        reference=f"report {report}" if case is None else f"report {report}, case {case}",
        outcome=str(outcome.found),
    )
