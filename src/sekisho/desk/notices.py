"""What a customer is told of a case, as values for the templates.

Of the reports a notice has counts and dates, and nothing of who reported or to whom was sent. The words of
whoever decided stay inside as well: they are written for the desk, and may speak of others or of a complaint.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sekisho.desk.case_values import (
    SUSPENSIONS,
    Case,
    Decision,
    Event,
    Evidence,
    Impose,
    Kind,
    Lift,
    Notice,
    State,
    Tell,
    What,
)
from sekisho.desk.policy import Policy
from sekisho.model import Limit

LETTERS = "desk-"
"""How the ids of the desk's letters begin, which stand before the @ of their Message-ID."""

_NAMED = re.compile(rf"<{LETTERS}([^<>@\s]{{1,200}})@")
_LETTER = re.compile(r"[^@]+-(?:\d+-\d+-\d+-[a-z-]+|(?:relief|report)-\d+-\d+)", re.ASCII)

OF_LINES = f"{LETTERS}line-"
"""How the threads of letters to customers begin; the line's number follows."""

_NONE_SEEN = Evidence()


class Mail(StrEnum):
    """What is sent: the notices of a case, that of a relief, and the acknowledgement to a reporter."""

    STOP_REQUEST = "stop-request"
    LIMIT = "limit"
    SUSPENSION = "suspension"
    RESTORATION = "restoration"
    WITHDRAWAL = "withdrawal"
    RELIEF = "relief"
    ACKNOWLEDGEMENT = "acknowledgement"


_STOP_REQUEST = re.compile(rf"{LETTERS}.+-(?P<case>\d{{1,9}})-\d+-\d+-{Mail.STOP_REQUEST}")


class Why(StrEnum):
    """Why a line is restored."""

    ENDED = "ended"  # the suspension's end date
    STOPPED = "stopped"  # no reports for so long
    DECIDED = "decided"  # by the desk
    MISTAKEN = "mistaken"  # the reports were dismissed


@dataclass(frozen=True, slots=True)
class Told:
    """What the templates can say.

    `number`: of the case, or of the report that is acknowledged. `seen`: how many parties and incidents, of
    which time. `limit`, `limit_until`: the line's own limit, where it has one now. `deadline`: what is sent
    after it leads on. `until`: when a suspension or a relief ends. `is_whole_line`: not port 25 alone.
    `went_on`: it was reported to go on after the customer was told to stop. `was_suspended`, `was_limited`:
    what is lifted. `is_asked`: the stop request stands.
    """

    mail: Mail
    now: datetime
    line: str = ""
    number: int | None = None
    seen: Evidence = _NONE_SEEN
    limit: Limit | None = None
    limit_until: datetime | None = None
    deadline: datetime | None = None
    until: datetime | None = None
    is_whole_line: bool = False
    went_on: bool = False
    was_suspended: bool = False
    was_limited: bool = False
    is_asked: bool = False
    why: Why | None = None


def letter_id(gate: str, case: Case, mail: Mail) -> str:
    """Return the id of a notice: the same however often the decision is written, and no other store's."""
    return f"{LETTERS}{gate}{_tail(case, case.version, mail)}"


def asking_case(letter: str) -> int | None:
    """Return the number of the case whose stop request a letter of this id is."""
    found = _STOP_REQUEST.fullmatch(letter)
    return None if found is None else int(found["case"])


def is_request_of(letter: str, case: Case) -> bool:
    """Tell whether a letter is the stop request of a case that holds now."""
    request = case.request
    return request is not None and letter.endswith(_tail(case, request.version, Mail.STOP_REQUEST))


def _tail(case: Case, version: int, mail: Mail) -> str:
    return f"-{case.number}-{int(case.opened.timestamp())}-{version}-{mail}"


def relief_id(gate: str, line: int, at: datetime) -> str:
    """Return the id of the notice of a relief."""
    return f"{LETTERS}{gate}-relief-{line}-{_microseconds(at)}"


def acknowledgement_id(gate: str, report: int, at: datetime) -> str:
    """Return the id of a report's acknowledgement."""
    return f"{LETTERS}{gate}-report-{report}-{_microseconds(at)}"


def names_letter(text: str) -> bool:
    """Tell whether an `In-Reply-To:` or `References:` names a letter of a desk, of whatever gate."""
    return any(_LETTER.fullmatch(one) for one in _NAMED.findall(text))


def told(
    before: Case,
    event: Event,
    decision: Decision,
    now: datetime,
    policy: Policy,
    *,
    line: str,
    evidence: Evidence,
) -> tuple[Told, ...]:
    """Return what is to be told of a decision; `evidence`: on which it was made, `line`: its name."""
    return tuple(
        _told(one.notice, before, event, decision, now, policy, line, evidence)
        for one in decision.changes
        if isinstance(one, Tell)
    )


_MAILS = {
    Notice.STOP_REQUEST: Mail.STOP_REQUEST,
    Notice.LIMIT: Mail.LIMIT,
    Notice.SUSPENSION: Mail.SUSPENSION,
    Notice.RESTORATION: Mail.RESTORATION,
    Notice.WITHDRAWAL: Mail.WITHDRAWAL,
}


def _told(
    notice: Notice,
    before: Case,
    event: Event,
    decision: Decision,
    now: datetime,
    policy: Policy,
    line: str,
    evidence: Evidence,
) -> Told:
    after = decision.case
    limit = after.measure(Kind.LIMIT)
    lifted = {change.measure.kind for change in decision.changes if isinstance(change, Lift)}
    imposed = [change.measure for change in decision.changes if isinstance(change, Impose)]
    suspension = next((measure for measure in imposed if measure.kind in SUSPENSIONS), None)
    is_request, is_suspension = notice is Notice.STOP_REQUEST, notice is Notice.SUSPENSION
    return Told(
        mail=_MAILS[notice],
        now=now,
        line=line,
        number=after.number,
        seen=evidence,
        limit=policy.own_limit if limit is not None else None,
        limit_until=None if limit is None else limit.until,
        deadline=now + policy.grace if is_request else None,
        until=None if suspension is None else suspension.until,
        is_whole_line=(suspension.kind if suspension is not None else policy.suspension) is Kind.LINE,
        went_on=is_suspension and _went_on(before, evidence),
        was_suspended=bool(lifted & SUSPENSIONS),
        was_limited=Kind.LIMIT in lifted,
        is_asked=after.stop_requested is not None,
        why=_why(before, event, after) if notice is Notice.RESTORATION else None,
    )


def _went_on(case: Case, evidence: Evidence) -> bool:
    request = case.request
    if request is None or not request.is_known or evidence.last is None:
        return False
    return evidence.last > request.at


def _why(before: Case, event: Event, after: Case) -> Why:
    if after.state is State.DISMISSED:
        return Why.MISTAKEN
    if event.what is not What.TIME:
        return Why.DECIDED
    return Why.ENDED if before.state is State.SUSPENDED else Why.STOPPED


def made_up(now: datetime, limit: Limit) -> Iterable[Told]:
    """Return notices about nobody, one of each kind, to look at and to try templates with."""
    seen = Evidence(4, 37, now - timedelta(days=3, hours=5), now - timedelta(hours=2))
    line, number = "example-line-17", 1042
    yield Told(
        Mail.STOP_REQUEST,
        now,
        line,
        number,
        seen,
        limit=limit,
        limit_until=now + timedelta(days=30),
        deadline=now + timedelta(days=1),
    )
    limited_until = now + timedelta(days=30)
    yield Told(Mail.LIMIT, now, line, number, seen, limit=limit, limit_until=limited_until)
    yield Told(Mail.SUSPENSION, now, line, number, seen, until=now + timedelta(days=30), went_on=True)
    yield Told(
        Mail.RESTORATION, now, line, number, seen, was_suspended=True, was_limited=True, why=Why.DECIDED
    )
    yield Told(Mail.WITHDRAWAL, now, line, number, was_limited=True)
    yield Told(Mail.RELIEF, now, line, until=now + timedelta(days=90))
    yield Told(Mail.ACKNOWLEDGEMENT, now, number=20481)


def _microseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)
