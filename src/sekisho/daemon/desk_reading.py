"""From a report as it came to what follows: who held the address, what it counts for, what its case says.

    original ─► parse ─► look-ups, which only read ─► one transaction: outcomes, cases, actions, audit

A report that is read already is left as it is: whoever ends in between loses nothing and does nothing twice.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_address
from typing import Final

from sekisho.api.line_models import Action as Recorded
from sekisho.audit import Entry
from sekisho.daemon.desk_cases import Desk, case_for, happen
from sekisho.daemon.lookups import find_holder
from sekisho.desk.actions import Action
from sekisho.desk.attribute import Asked, Found, Outcome, prepare, settle
from sekisho.desk.case_values import BY_ITSELF, CLOSED, Event, What
from sekisho.desk.records import KeptIncident, KeptReport
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
    spend,
    stranger_rate,
    trusted_as,
    weigh,
)
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
    doubts = "; ".join(_doubts(looked.outcomes)) or None
    read = replace(
        kept, format=Format(parsed.format), party=party.name, refusal=doubts, is_queued=doubts is not None
    )
    if not transaction.put_read(number, read):
        return ()  # somebody has read it meanwhile
    writing = _Writing(transaction, desk, now, number, parsed, party, is_trusted)
    actions: list[Action] = []
    for place, (incident, (asked, outcome)) in enumerate(zip(parsed.incidents, looked.outcomes, strict=True)):
        network = b"" if asked is None else asked.questions[0].network
        case = _write_incident(writing, place, incident, outcome, network, actions)
        if asked is not None:
            transaction.record(_entry(writing, asked, outcome, case))
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
    answers = {
        one: find_holder(transaction, one.network, one.port, one.at, one.skew) for one in asked.questions
    }
    return asked, settle(asked, answers)


def _write_incident(
    writing: _Writing,
    place: int,
    incident: Incident,
    outcome: Outcome,
    network: bytes,
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
    if outcome.line is None or outcome.moment is None:
        writing.transaction.add_incident(kept)
        return None
    key = folded(writing.party, outcome.line, outcome.moment, incident.message_id, writing.report.report_id)
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
    case = case_for(writing.transaction, writing.desk, outcome.line, network, writing.now)
    writing.transaction.add_incident(replace(kept, weight=weight, case=case.number, folded=key))
    _, asked = happen(writing.transaction, writing.desk, case, Event(What.REPORT, BY_ITSELF), writing.now)
    actions += asked
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


def _doubts(outcomes: Iterable[tuple[Asked | None, Outcome]]) -> Iterator[str]:
    """Tell what people have to look at, a few of many."""
    told = [
        f"incident {place}: {outcome.found}, {outcome.because or 'for no reason that is known'}"
        for place, (_, outcome) in enumerate(outcomes, 1)
        if outcome.found in _FOR_PEOPLE
    ]
    yield from told[:_MOST_TOLD]
    if len(told) > _MOST_TOLD:
        yield f"and {len(told) - _MOST_TOLD} more"


def _entry(writing: _Writing, asked: Asked, outcome: Outcome, case: int | None) -> Entry:
    """Return the record of a look-up, as people's are recorded."""
    first = asked.questions[0]
    port = "" if first.port is None else f" port {first.port}"
    return Entry(
        at=writing.now,
        uid=os.geteuid(),
        user=BY_ITSELF,
        action=Recorded.HOLDER,
        subject=f"{ip_address(first.network)}{port} at {first.at.isoformat()}",
        purpose=Purpose.REPORT,
        reference=f"report {writing.number}" if case is None else f"report {writing.number}, case {case}",
        outcome=str(outcome.found),
    )
