"""A person says whose a report is that no program could attribute.

A person may say which of the lines it means that held one of our addresses at the moment. That somebody held
none of them is not for anybody to overrule: what the leases do not bear would accuse by hearsay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from itertools import islice
from typing import Final

from sekisho.api.desk_models import AttributeRequest
from sekisho.api.line_models import Action
from sekisho.api.problems import RefusalError
from sekisho.audit import Entry
from sekisho.daemon.desk_cases import Desk, case_for, happen
from sekisho.daemon.desk_reading import askable, author_of, weigh_report
from sekisho.daemon.desk_showing import known_line_number
from sekisho.daemon.lookups import find_holder
from sekisho.desk.attribute import Found, Question
from sekisho.desk.case_values import Case, Event, What
from sekisho.desk.records import KeptIncident, KeptReport
from sekisho.desk.report import Incident, Report, Trust
from sekisho.desk.suspects import suspected, suspects
from sekisho.desk.trust import COUNT, counted_incidents, folded, sameness
from sekisho.lines.purposes import Purpose
from sekisho.store import Transaction

FOR_PEOPLE: Final = frozenset({Found.AMBIGUOUS, Found.NOT_ATTRIBUTABLE})
"""What an incident is found to be that people have to look at."""

_MOST_TOLD: Final = 5  # of what a report tells
_NOTHING_NAMED: Final = Incident(None, None, ())


@dataclass(frozen=True, slots=True)
class ByHand:
    """What a person says of a report; `report`: as it was understood, `login`: as of `Event`."""

    number: int
    kept: KeptReport
    report: Report | None
    request: AttributeRequest
    entry: Entry
    login: int | None


def attribute(transaction: Transaction, desk: Desk, said: ByHand) -> Case:
    """Count an incident for the line that a person names; return its case.

    The look-up is recorded as the person's. Raises RefusalError, and then nothing is to be written.
    """
    number, now = said.number, said.entry.at
    if transaction.is_unread(number):
        raise _refused("unread", f"report {number} is not read yet: wait until it is, or mend its key")
    if said.report is None and said.kept.format is not None:
        raise _refused("sealed", f"the original of report {number} cannot be read now: put its key back")
    incidents = {one.place: one for one in transaction.incidents_of(number)}
    place = _place(said, incidents)
    claimed = _NOTHING_NAMED if said.report is None else said.report.incidents[place]
    line = known_line_number(transaction, said.request.line)
    asked = _held_by(transaction, desk, said, claimed, line)
    made, same = _weighed(transaction, desk, said, claimed, line, asked)
    case = case_for(transaction, desk, line, asked.network, now)
    transaction.add_incident(replace(made, place=place, case=case.number))
    transaction.forget_askable(number, place)
    transaction.put_askable(number, place, askable(transaction, (asked,), same, by_hand=True))
    event = Event(What.ATTRIBUTE, said.entry.user, said.request.reason, login=said.login)
    decision, _ = happen(transaction, desk, case, event, now, said.entry.uid)
    if decision.refusal is not None:
        raise _refused("not-decided", decision.refusal)
    if not any(one.found in FOR_PEOPLE for one in incidents.values() if one.place != place):
        transaction.report_seen(number)
    transaction.record(_look_up(said.entry, asked, number, case.number))
    return decision.case


def _place(said: ByHand, incidents: Mapping[int, KeptIncident]) -> int:
    """Return which incident of the report is meant, of those about which nothing is decided."""
    report, place = said.report, said.request.place
    if report is not None and not report.feedback.is_abuse:
        raise _refused("not-abuse", f"report {said.number} is {report.feedback}, which speaks against nobody")
    known = range(1 if report is None else len(report.incidents))
    if place is not None and place not in known:
        raise _refused("unknown-incident", f"report {said.number} has no incident {place + 1}")
    meant = known if place is None else (place,)
    undecided = [one for one in meant if one not in incidents or incidents[one].found in FOR_PEOPLE]
    if not undecided:
        found = ", ".join(dict.fromkeys(incidents[one].found for one in meant))
        raise _refused("settled", f"report {said.number} is settled already: {found}")
    if len(undecided) > 1:
        some = ", ".join(str(one + 1) for one in undecided[:_MOST_TOLD])
        raise _refused(
            "several", f"incidents {some} … of report {said.number} wait for people: name one of them"
        )
    return undecided[0]


def _held_by(transaction: Transaction, desk: Desk, said: ByHand, claimed: Incident, line: int) -> Question:
    """Return which of the addresses that are named the line held, and when."""
    asked = _questions(desk, said, claimed)
    answers = {one: find_holder(transaction, one.network, one.port, one.at, one.skew) for one in asked}
    for one, found in answers.items():
        if found is not None and any(candidate.line == line for candidate in found.candidates):
            return one
    first = asked[0]
    where = f"{ip_address(first.network)} at {first.at.isoformat(timespec='seconds')}"
    others = f", nor what else is named ({len(asked) - 1} more)" if asked[1:] else ""
    needs = "what the leases do not bear accuses nobody"
    if None in answers.values():
        needs = "lines share the address: name the port"
    raise _refused("not-held", f"line {said.request.line} did not hold {where}{others}: {needs}")


def _questions(desk: Desk, said: ByHand, claimed: Incident) -> list[Question]:
    """Return what is asked of the leases: of what the report tells, what the person means.

    Where it tells of no address of ours, or of no moment, the person does.
    """
    request, latest = said.request, said.entry.at + desk.skew
    if request.address is not None and not suspected(claimed, desk.our):
        claimed = replace(claimed, address=request.address)
    told = [one for one in suspects(claimed, desk.our, desk.skew) if one.at <= latest]
    if not told and request.at is not None and request.at <= latest:
        told = list(suspects(claimed, desk.our, desk.skew, request.at))
    if not told:
        why = "no address of a line of ours is known of it, or no moment that has been"
        raise _refused("no-moment", f"{why}: read its original, and name address and moment yourself")
    meant = [one for one in told if _is_meant(one, request)]
    if not meant:
        some = (f"{ip_address(one.network)} at {one.at.isoformat(timespec='seconds')}" for one in told)
        which = ", ".join(dict.fromkeys(islice(some, _MOST_TOLD)))
        raise _refused("told", f"report {said.number} itself tells of {which}: its word is for nothing else")
    return meant if request.port is None else [replace(one, port=request.port) for one in meant]


def _is_meant(one: Question, request: AttributeRequest) -> bool:
    return (
        (request.address is None or one.network == request.address.packed)
        and (request.at is None or one.at == request.at)
        and (request.port is None or one.port in (None, request.port))
    )


def _weighed(
    transaction: Transaction, desk: Desk, said: ByHand, claimed: Incident, line: int, asked: Question
) -> tuple[KeptIncident, bytes]:
    """Return the incident, which counts for what its reporter's word does, no more, and its sameness."""
    number, report = said.number, said.report
    party, is_trusted = author_of(said.kept, report, desk.trusted)
    report_id = None if report is None else report.report_id
    same = sameness(party, claimed.message_id, report_id)
    key = folded(same, line, asked.at)
    if transaction.is_folded(key):
        raise _refused("folded", f"{party.name} has reported the same before, and it counts already")
    is_structured = report is not None and report.trust is Trust.STRUCTURED
    weight = weigh_report(
        transaction, desk, party, said.entry.at, is_trusted=is_trusted, is_structured=is_structured
    )
    if weight not in COUNT:
        raise _refused("not-counted", f"what {party.name} reports counts for nothing now ({weight})")
    made = KeptIncident(
        report=number,
        place=0,
        found=Found.ATTRIBUTED,
        party=party.name,
        weight=weight,
        incidents=counted_incidents(claimed.count),
        moment=asked.at,
        line=line,
        folded=key,
    )
    return made, same


def _look_up(entry: Entry, asked: Question, report: int, case: int) -> Entry:
    """Return the record of the look-up that it takes, with the person who makes it."""
    port = "" if asked.port is None else f" port {asked.port}"
    return replace(
        entry,
        action=Action.HOLDER,
        subject=f"{ip_address(asked.network)}{port} at {asked.at.isoformat()}",
        purpose=Purpose.REPORT,
        reference=f"report {report}, case {case}",
        outcome=Found.ATTRIBUTED,
    )


def _refused(kind: str, detail: str) -> RefusalError:
    return RefusalError(409, kind, "Nothing is attributed", detail)
