"""What the daemon answers about reports, and what people do about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import structlog

from sekisho.api.asker import Peer
from sekisho.api.desk_models import (
    AttributeRequest,
    CaseAnswer,
    ForgetRequest,
    QueueAnswer,
    ReportAnswer,
    ReportersAnswer,
    ReporterValue,
    ReportLook,
    SeenAnswer,
    SeenRequest,
    TakenAnswer,
)
from sekisho.api.line_models import Action, Question
from sekisho.api.problems import RefusalError
from sekisho.audit import Entry
from sekisho.daemon.actors import person_uid
from sekisho.daemon.desk_attributing import ByHand, attribute
from sekisho.daemon.desk_cases import Desk
from sekisho.daemon.desk_doors import Inbox
from sekisho.daemon.desk_looking import report_look
from sekisho.daemon.desk_originals import NOT_KEPT, opened_original, read_original
from sekisho.daemon.desk_showing import case_answer, known_report, report_answer, report_value, reporter_value
from sekisho.daemon.recording import Act, Recorder, store_answers
from sekisho.desk.records import KeptReport
from sekisho.desk.report import Parsed, Report
from sekisho.desk.trust import UNKNOWN_PARTY, party_of
from sekisho.lines.purposes import Purpose
from sekisho.sealing import NoKeyError, Sealer
from sekisho.store import Store, Transaction

MOST_SHOWN: Final = 1_000

log = structlog.get_logger()


class Reports:
    """Reports at the desk of a running daemon, as `api.desk_reports.ReportsOffice` wants them.

    `unopened`: tells which reports no key opens, and why; `on_change` is told of what people do.
    `settle_lines`: as of `RunningDesk`.
    """

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        utc: Callable[[], datetime],
        *,
        desk: Callable[[], Desk],
        inbox: Inbox,
        sealer: Callable[[], Sealer],
        unopened: Callable[[], Mapping[int, str]],
        on_change: Callable[[], object],
        settle_lines: Callable[[], object],
    ) -> None:
        self._store, self._recorder, self._utc, self._desk = store, recorder, utc, desk
        self._inbox, self._sealer, self._unopened = inbox, sealer, unopened
        self._on_change, self._settle_lines = on_change, settle_lines

    def take(self, original: bytes, domain: str | None, peer: Peer) -> TakenAnswer:
        """Take a report; the same once more is the same."""
        vouched = None if domain is None else _vouched(domain)

        def put(transaction: Transaction, _: Entry) -> tuple[TakenAnswer, str]:
            number, is_new = self._inbox.put(transaction, original, vouched)
            outcome = f"report {number}" + ("" if is_new else ", known already")
            return TakenAnswer(report=number, is_new=is_new), outcome

        act = Act(Action.DESK_INGEST, "a report" if vouched is None else f"a report from {vouched}")
        answer = self._recorder.carry_out(act, peer, put)
        self._inbox.ring()
        return answer

    def report(self, number: int) -> ReportAnswer:
        """Tell what became of a report."""
        with store_answers(), self._store.reading() as transaction:
            return report_answer(transaction, number)

    def look(self, number: int, question: Question, peer: Peer) -> ReportLook:
        """Tell what a report says, and which lines it may mean."""
        act = Act.asking(Action.DESK_REPORT, f"report {number}", question)
        with self._recorder.attempt(act, peer) as entry:
            desk = self._desk()
            self._settle_lines()
            with self._store.reading() as transaction:
                kept = known_report(transaction, number)
                parsed = self._read(kept, desk)
                answer = report_answer(transaction, number)
                look = report_look(transaction, desk, answer, parsed, question, entry.at)
            self._record(entry, "shown")
        return look

    def original(self, number: int, question: Question, peer: Peer) -> bytes:
        """Hand out the original of a report."""
        title = "Nothing is shown"
        act = Act.asking(Action.DESK_ORIGINAL, f"report {number}", question)
        with self._recorder.attempt(act, peer) as entry:
            with self._store.reading() as transaction:
                kept = known_report(transaction, number)
            original = opened_original(number, kept, self._sealer(), title)
            if original is None:
                raise RefusalError(409, "not-kept", title, f"report {number}: {NOT_KEPT}")
            self._record(entry, "its original is shown")
        return original

    def attribute(self, number: int, request: AttributeRequest, peer: Peer) -> CaseAnswer:
        """Count a report for the line that a person names; return the case."""
        act = Act(Action.DESK_ATTRIBUTE, f"report {number}", Purpose.REPORT, request.reason)
        with self._recorder.attempt(act, peer) as entry:
            desk = self._desk()
            self._settle_lines()
            with self._store.reading() as transaction:
                kept = known_report(transaction, number)
            # Beforehand, since it takes a moment for what is large; no original is ever changed.
            parsed = self._read(kept, desk)
            report = parsed if isinstance(parsed, Report) else None
            with self._store.transaction() as transaction:
                said = ByHand(number, kept, report, request, entry, person_uid(peer))
                case = attribute(transaction, desk, said)
                answer = case_answer(transaction, case)
                transaction.record(replace(entry, outcome=f"to case {case.number}"))
        log.info("attributed by hand", report=number, case=case.number, by_uid=peer.uid)
        self._on_change()
        return answer

    def queue(self, after: int, why: str | None) -> QueueAnswer:
        """Tell which reports people have to look at; `why`: words that the reason has to have."""
        unopened = self._unopened()
        is_meant = (number for number in unopened if number > after and (why or "") in unopened[number])
        shut = sorted(is_meant)[: MOST_SHOWN + 1]
        with store_answers(), self._store.reading() as transaction:
            queued = transaction.queued_reports(after, MOST_SHOWN + 1, why)
            told = {number: report_value(number, kept, "queued") for number, kept in queued}
            for number in shut:
                if transaction.is_unread(number):
                    unread = report_answer(transaction, number)
                    told[number] = unread.model_copy(update={"why": unopened[number]})
        shown = tuple(told[number] for number in sorted(told)[:MOST_SHOWN])
        return QueueAnswer(reports=shown, more=len(told) > MOST_SHOWN, unopened=len(unopened))

    def seen(self, request: SeenRequest, peer: Peer) -> SeenAnswer:
        """Take reports out of people's queue: all of those that are asked for, or none."""
        numbers, before = request.reports or (), request.before

        def look(transaction: Transaction, _: Entry) -> tuple[SeenAnswer, str]:
            if before is not None:
                seen = transaction.reports_seen(before)
                return SeenAnswer(seen=seen), f"{seen} seen"
            for number in dict.fromkeys(numbers):
                if not transaction.report_seen(number):
                    detail = f"report {number} is not in the queue: `sekisho desk queue` shows which are"
                    raise RefusalError(409, "not-queued", "Nothing is taken out", detail)
            return SeenAnswer(seen=len(set(numbers))), "seen"

        act = Act(Action.DESK_SEEN, _named(numbers, before), reference=request.reason)
        return self._recorder.carry_out(act, peer, look)

    def reporters(self, after: str) -> ReportersAnswer:
        """Tell how the parties stand that are proved."""
        with store_answers():
            desk, now = self._desk(), self._utc()
            with self._store.reading() as transaction:
                found = transaction.proved_reporters(after, MOST_SHOWN + 1)
        shown = tuple(reporter_value(one, desk, now) for one in found[:MOST_SHOWN])
        return ReportersAnswer(reporters=shown, more=len(found) > MOST_SHOWN)

    def forget(self, request: ForgetRequest, peer: Peer) -> ReporterValue:
        """Forget what was found of a party's reports; return how it stands then."""

        def work(transaction: Transaction, entry: Entry) -> tuple[ReporterValue, str]:
            known = transaction.forget_history(request.party)
            if known is None:
                detail = f"no party {request.party!r} is proved: `sekisho desk reporters` tells which are"
                raise RefusalError(404, "unknown-reporter", "There is no such reporter", detail)
            return reporter_value(known, self._desk(), entry.at), "forgotten"

        act = Act(Action.DESK_FORGET, f"reporter {request.party}", reference=request.reason)
        return self._recorder.carry_out(act, peer, work)

    def _read(self, kept: KeptReport, desk: Desk) -> Parsed | str:
        try:
            return read_original(kept, self._sealer(), desk.servers)
        except NoKeyError as error:
            return str(error)

    def _record(self, entry: Entry, outcome: str) -> None:
        with self._store.transaction() as transaction:
            transaction.record(replace(entry, outcome=outcome))


def _named(numbers: Sequence[int], before: datetime | None) -> str:
    if before is not None:
        return f"reports that came before {before.isoformat()}"
    return f"report{'s' if numbers[1:] else ''} {', '.join(map(str, numbers))}"


def _vouched(domain: str) -> str:
    party = party_of(domain)
    if party == UNKNOWN_PARTY:
        detail = f"{domain!r} is no domain: name that of the reporter, as in example.net"
        raise RefusalError(422, "invalid", "There is no such reporter", detail)
    return party
