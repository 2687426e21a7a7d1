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
    LineCasesQuestion,
    ReasonRequest,
)
from sekisho.api.line_models import Action
from sekisho.api.models import GivenUpValue
from sekisho.api.problems import RefusalError
from sekisho.audit import Entry
from sekisho.daemon.actors import person_uid
from sekisho.daemon.desk_cases import Desk, happen
from sekisho.daemon.desk_corrections import count_others
from sekisho.daemon.desk_doors import Inbox
from sekisho.daemon.desk_export import Exporter, Keys
from sekisho.daemon.desk_reports import MOST_SHOWN, Reports
from sekisho.daemon.desk_showing import case_answer, known_case, known_line_number
from sekisho.daemon.recording import Act, Recorder, store_answers
from sekisho.desk.actions import again
from sekisho.desk.case_values import ACCUSING, FROZEN, Case, Event, State, What
from sekisho.desk.notices import LETTERS
from sekisho.lines.purposes import Purpose
from sekisho.store import Store, Transaction

log = structlog.get_logger()


class RunningDesk:
    """The desk of a running daemon, as `api.desk.DeskOffice` wants it; `on_change` is told of what people do.

    `gate`: its name, for what is exported; `unopened`: tells which reports no key opens, and why;
    `settle_lines` returns when what was heard of leases before is in the store, or raises StoreError.
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
        settle_lines: Callable[[], object],
    ) -> None:
        self._store, self._desk, self._on_change = store, desk, on_change
        self._settle_lines = settle_lines
        self._recorder = Recorder(store, utc)
        self.reports = Reports(
            store,
            self._recorder,
            utc,
            desk=desk,
            inbox=inbox,
            sealer=keys.sealer,
            unopened=unopened,
            on_change=on_change,
            settle_lines=settle_lines,
        )
        self._exporter = Exporter(store, keys, self._recorder, gate)

    def cases(self, after: int, state: State | None, *, claimed: bool) -> CasesAnswer:
        """Tell the open cases, or those of a state; `claimed`: also those of which nothing is proved."""
        with store_answers(), self._store.reading() as transaction:
            found = transaction.listed_cases(after, MOST_SHOWN + 1, state=state, claimed=claimed)
            left_out = 0 if claimed else transaction.count_claimed_cases(state)
        shown = tuple(CaseValue.model_validate(one) for one in found[:MOST_SHOWN])
        return CasesAnswer(cases=shown, more=len(found) > MOST_SHOWN, claimed=left_out)

    def cases_of_line(self, question: LineCasesQuestion, peer: Peer) -> CasesAnswer:
        """Tell all cases of a line."""

        def show(transaction: Transaction, _: Entry) -> tuple[CasesAnswer, str]:
            found = transaction.cases_of_line(known_line_number(transaction, question.line), MOST_SHOWN)
            shown = tuple(map(CaseValue.model_validate, found))
            return CasesAnswer(cases=shown, more=False), f"{len(shown)} cases"

        return self._recorder.carry_out(Act.asking(Action.DESK_CASES, question.line, question), peer, show)

    def case(self, number: int, peer: Peer) -> CaseAnswer:
        """Tell all of a case."""

        def show(transaction: Transaction, _: Entry) -> tuple[CaseAnswer, str]:
            return case_answer(transaction, known_case(transaction, number)), "shown"

        act = Act(Action.DESK_CASE, f"case {number}", Purpose.CASE, f"case {number}")
        return self._recorder.carry_out(act, peer, show)

    def decide(self, action: Action, number: int, request: DecisionRequest, peer: Peer) -> CaseAnswer:
        """Do what a person decides about a case."""
        what = What(DECISIONS[action])

        def work(transaction: Transaction, entry: Entry) -> tuple[CaseAnswer | int, str]:
            case = known_case(transaction, number)
            others = count_others(transaction, self._desk(), case, entry.at) if _goes_by(case, what) else 0
            if others:
                transaction.touch_case(number)
                return others, f"refused: {others} of its reports are not its line's by now"
            chosen = (request.kind, request.until, request.version)
            event = Event(what, entry.user, request.reason, *chosen, person_uid(peer))
            decision, _ = happen(transaction, self._desk(), case, event, entry.at, entry.uid)
            if decision.refusal is not None:
                raise RefusalError(409, "not-decided", "Nothing is changed", decision.refusal)
            return case_answer(transaction, decision.case), f"{case.state} to {decision.case.state}"

        act = Act(action, f"case {number}", Purpose.CASE, request.reason)
        answer = self._recorder.carry_out(act, peer, work, first=self._settle_lines)
        self._on_change()
        if isinstance(answer, int):
            since = "by what accounting has told since"
            why = f"of {answer} of its reports another held the address, or may have, {since}"
            way_out = "`restore` or `dismiss` ends the hold, and then they go to whose they are"
            if what is not What.RELEASE:
                way_out = f"case {number} is being put right, look at it again"
            raise RefusalError(409, "not-decided", "Nothing is changed", f"{why}: {way_out}")
        log.info("decided", case=number, what=what, state=answer.case.state, by_uid=peer.uid)
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
            found = transaction.unconfirmed_actions(MOST_SHOWN)
            untold = transaction.untold_cases(MOST_SHOWN)
            waiting = transaction.letters_waiting(LETTERS)
            given_up = transaction.letters_given_up(MOST_SHOWN, LETTERS)
        return ActionsAnswer(
            actions=tuple(map(ActionValue.model_validate, found)),
            untold=tuple(map(CaseValue.model_validate, untold)),
            waiting=waiting.letters,
            given_up=tuple(GivenUpValue(**one._asdict()) for one in given_up),
        )

    def record_refusal(self, action: Action, why: str, peer: Peer) -> None:
        """Record a request that could not be read, if that can be; nothing of its body."""
        with suppress(RefusalError):  # the store is away: what was asked changes nothing
            self._recorder.refuse(Act(action, ""), peer, why)


def _goes_by(case: Case, what: What) -> bool:
    """Tell whether a decision goes by whose the reports are; a held case keeps them until its end."""
    return what in ACCUSING and (case.state not in FROZEN or (case.state, what) == (State.HELD, What.RELEASE))
