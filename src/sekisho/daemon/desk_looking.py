"""What a person sees who looks at a report: what it says, and who held what it names, asked anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from ipaddress import ip_address
from typing import Final

from sekisho.api.desk_models import IncidentLook, ReportAnswer, ReportLook, TimeValue
from sekisho.api.line_models import HolderAnswer, HolderQuestion, Question
from sekisho.daemon.desk_cases import Desk
from sekisho.daemon.lookups import find_holder
from sekisho.daemon.showing import holder_answer
from sekisho.desk.report import Incident, Moment, Parsed, Report
from sekisho.desk.suspects import suspected, suspects
from sekisho.store import Transaction

_MOST_SHOWN: Final = 100  # incidents of a report


def report_look(
    transaction: Transaction,
    desk: Desk,
    answer: ReportAnswer,
    parsed: Parsed | str,
    question: Question,
    now: datetime,
) -> ReportLook:
    """Show a report as it is read now; `answer`: what became of it, `question`: of whoever looks."""
    if isinstance(parsed, str):
        return ReportLook(report=answer, refused=parsed)
    if not isinstance(parsed, Report):
        return ReportLook(report=answer, refused=f"{parsed.why}: {parsed.reason}")
    return ReportLook(
        report=answer,
        feedback=parsed.feedback,
        trust=parsed.trust,
        reporter=parsed.reporter.domain,
        authenticated=parsed.authenticated,
        incidents=tuple(
            IncidentLook(
                place=place,
                addresses=tuple(map(str, suspected(one, desk.our))),
                times=tuple(map(TimeValue.model_validate, _times(one))),
                holders=tuple(_holders(transaction, desk, one, question, now)),
            )
            for place, one in enumerate(parsed.incidents[:_MOST_SHOWN])
        ),
        incidents_more=len(parsed.incidents[_MOST_SHOWN:]),
    )


def _times(incident: Incident) -> Iterator[Moment]:
    yield from incident.times
    yield from (hop.moment for hop in incident.chain if hop.moment is not None)


def _holders(
    transaction: Transaction, desk: Desk, incident: Incident, question: Question, now: datetime
) -> Iterator[HolderAnswer]:
    for one in suspects(incident, desk.our, desk.skew):
        found = find_holder(transaction, one.network, one.port, one.at, one.skew)
        names = transaction.line_names({held.line for held in found.candidates} if found else ())
        asked = HolderQuestion.model_construct(
            address=ip_address(one.network), port=one.port, at=one.at, purpose=question.purpose
        )
        yield holder_answer(asked, found, names, one.skew, kept=now - one.at <= desk.leases_kept)
