"""What the daemon answers at the desk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime

import structlog

from sekisho.api.asker import Peer
from sekisho.api.desk import DECISIONS
from sekisho.api.desk_models import (
    ActionsAnswer,
    ActionValue,
    CaseAnswer,
    CasesAnswer,
    CaseValue,
    DecisionRequest,
    ExportRequest,
    QueueAnswer,
    ReasonRequest,
    ReportAnswer,
    TakenAnswer,
)
from sekisho.api.line_models import Action
from sekisho.api.models import GivenUpValue
from sekisho.api.problems import RefusalError
from sekisho.audit import Entry
from sekisho.daemon.desk_cases import Desk, happen
from sekisho.daemon.desk_doors import Inbox
from sekisho.daemon.desk_export import Exporter, Keys
from sekisho.daemon.desk_showing import case_answer, known_case, report_answer, report_value
from sekisho.daemon.recording import Act, Recorder, store_answers
from sekisho.desk.actions import again
from sekisho.desk.case_values import Event, What
from sekisho.desk.notices import LETTERS
from sekisho.desk.trust import UNKNOWN_PARTY, party_of
from sekisho.lines.purposes import Purpose
from sekisho.store import Store, Transaction

_MOST_SHOWN = 1_000

log = structlog.get_logger()


class RunningDesk:
    """The desk of a running daemon, as `api.desk.DeskOffice` wants it; `on_change` is told of what people do.

    `gate`: its name, for what is exported; `unopened`: tells which reports no key opens, and why.
    """

    def __init__(
        self,
        store: Store,
        *,
        desk: Callable[[], Desk],
        inbox: Inbox,
        keys: Keys,
        gate: str,
        utc: Callable[[], datetime],
        on_change: Callable[[], object],
        unopened: Callable[[], Mapping[int, str]],
    ) -> None:
        self._store, self._desk, self._inbox, self._utc = store, desk, inbox, utc
        self._on_change, self._unopened = on_change, unopened
        self._recorder = Recorder(store, utc)
        self._exporter = Exporter(store, keys, self._recorder, gate)

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

    def queue(self, after: int) -> QueueAnswer:
        """Tell which reports people have to look at."""
        with store_answers(), self._store.reading() as transaction:
            queued = transaction.queued_reports(after, _MOST_SHOWN + 1)
            unopened = self._unopened()
            shut = sorted(number for number in unopened if number > after)[: _MOST_SHOWN + 1]
            told = {number: report_value(number, kept, "queued") for number, kept in queued}
            for number in shut:
                if transaction.is_unread(number):
                    unread = report_answer(transaction, number)
                    told[number] = unread.model_copy(update={"why": unopened[number]})
        shown = tuple(told[number] for number in sorted(told)[:_MOST_SHOWN])
        return QueueAnswer(reports=shown, more=len(told) > _MOST_SHOWN, unopened=len(unopened))

    def seen(self, number: int, request: ReasonRequest, peer: Peer) -> ReportAnswer:
        """Take a report out of people's queue."""

        def look(transaction: Transaction, _: Entry) -> tuple[ReportAnswer, str]:
            if transaction.is_unread(number) or not transaction.report_seen(number):
                detail = f"report {number} is not in the queue: `sekisho desk queue` shows which are"
                raise RefusalError(409, "not-queued", "Nobody has to look at it", detail)
            return report_answer(transaction, number), "seen"

        act = Act(Action.DESK_SEEN, f"report {number}", reference=request.reason)
        return self._recorder.carry_out(act, peer, look)

    def cases(self, after: int) -> CasesAnswer:
        """Tell the open cases."""
        with store_answers(), self._store.reading() as transaction:
            found = transaction.open_cases(after, _MOST_SHOWN + 1)
        shown = tuple(CaseValue.model_validate(one) for one in found[:_MOST_SHOWN])
        return CasesAnswer(cases=shown, more=len(found) > _MOST_SHOWN)

    def case(self, number: int, peer: Peer) -> CaseAnswer:
        """Tell all of a case."""

        def show(transaction: Transaction, _: Entry) -> tuple[CaseAnswer, str]:
            return case_answer(transaction, known_case(transaction, number)), "shown"

        act = Act(Action.DESK_CASE, f"case {number}", Purpose.CASE, f"case {number}")
        return self._recorder.carry_out(act, peer, show)

    def decide(self, action: Action, number: int, request: DecisionRequest, peer: Peer) -> CaseAnswer:
        """Do what a person decides about a case."""
        what = What(DECISIONS[action])

        def work(transaction: Transaction, entry: Entry) -> tuple[CaseAnswer, str]:
            case = known_case(transaction, number)
            event = Event(what, entry.user, request.reason, request.kind, request.until, request.version)
            decision, _ = happen(transaction, self._desk(), case, event, entry.at, entry.uid)
            if decision.refusal is not None:
                raise RefusalError(409, "not-decided", "Nothing is changed", decision.refusal)
            return case_answer(transaction, decision.case), f"{case.state} to {decision.case.state}"

        act = Act(action, f"case {number}", Purpose.CASE, request.reason)
        answer = self._recorder.carry_out(act, peer, work)
        log.info("decided", case=number, what=what, state=answer.case.state, by_uid=peer.uid)
        self._on_change()
        return answer

    def retry(self, number: int, request: ReasonRequest, peer: Peer) -> CaseAnswer:
        """Have asked again what was asked for a case and is not confirmed."""

        def work(transaction: Transaction, entry: Entry) -> tuple[CaseAnswer, str]:
            case = known_case(transaction, number)
            some = again(transaction.case_actions(number), entry.at)
            if not some:
                detail = f"all asked for case {number} is confirmed: `sekisho desk actions` tells what is not"
                raise RefusalError(409, "confirmed", "There is nothing to ask again", detail)
            for one in some:
                transaction.put_action(one)
            return case_answer(transaction, case), f"asked again: {', '.join(one.key for one in some)}"

        act = Act(Action.DESK_RETRY, f"case {number}", Purpose.CASE, request.reason)
        answer = self._recorder.carry_out(act, peer, work)
        log.info("asked again", case=number, by_uid=peer.uid)
        self._on_change()
        return answer

    def export(self, number: int, request: ExportRequest, peer: Peer) -> Iterator[bytes]:
        """Hand out the bundle of a case that is in evidence hold."""
        chunks = self._exporter.export(number, request, peer)
        log.info("evidence exported", case=number, by_uid=peer.uid)
        return chunks

    def actions(self) -> ActionsAnswer:
        """Tell what is asked but not confirmed, and notices that reached nobody yet."""
        with store_answers(), self._store.reading() as transaction:
            found = transaction.unconfirmed_actions(_MOST_SHOWN)
            waiting = transaction.letters_waiting(LETTERS)
            given_up = transaction.letters_given_up(_MOST_SHOWN, LETTERS)
        return ActionsAnswer(
            actions=tuple(map(ActionValue.model_validate, found)),
            waiting=waiting.letters,
            given_up=tuple(GivenUpValue(**one._asdict()) for one in given_up),
        )

    def record_refusal(self, action: Action, why: str, peer: Peer) -> None:
        """Record a request that could not be read, if that can be; nothing of its body."""
        with suppress(RefusalError):  # the store is away: what was asked changes nothing
            self._recorder.refuse(Act(action, ""), peer, why)


def _vouched(domain: str) -> str:
    party = party_of(domain)
    if party == UNKNOWN_PARTY:
        detail = f"{domain!r} is no domain: name that of the reporter, as in example.net"
        raise RefusalError(422, "invalid", "There is no such reporter", detail)
    return party
