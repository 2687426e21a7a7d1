"""What the daemon answers about the trial."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime

import structlog

from sekisho.api.asker import Peer
from sekisho.api.line_models import Action
from sekisho.api.problems import RefusalError
from sekisho.api.trial import NO_TRIAL
from sekisho.api.trial_models import (
    ActAnswer,
    BlocklistAnswer,
    BlocklistRequest,
    ComplaintAnswer,
    ComplaintRequest,
    ReasonRequest,
    RegisterAnswer,
    TrialGateValue,
    TrialLog,
    TrialStatus,
)
from sekisho.audit import Entry
from sekisho.config.trial_plan import protocol_of
from sekisho.daemon.actors import actor_name
from sekisho.daemon.blocklist_entering import enter_numbers
from sekisho.daemon.guardrail_keeper import Looked
from sekisho.daemon.guardrail_showing import KeptOfTrial, guardrails_shown, kept_of_trial
from sekisho.daemon.guardrail_state import begin_anew
from sekisho.daemon.kept import Kept
from sekisho.daemon.recording import Act, Recorder, store_answers
from sekisho.daemon.report_process import ReportProcess
from sekisho.daemon.state import store_url
from sekisho.daemon.trial_gates import gate_values, wait_for_others
from sekisho.daemon.trial_journal import Noted
from sekisho.daemon.trial_keeper import TrialKeeper
from sekisho.daemon.trial_showing import (
    event_value,
    register_answer,
    suspension_value,
    trial_status,
)
from sekisho.pages.voice import Language
from sekisho.reporting.recorded import Recording
from sekisho.reporting.request import Request
from sekisho.store import Store, StoreError, Transaction
from sekisho.trial.complaints import Complaint, day_of, why_not_counted
from sekisho.trial.events import Event, What
from sekisho.trial.following import why_not_suspend
from sekisho.trial.obeying import Obeying
from sekisho.trial.protocol import TrialProtocol
from sekisho.trial.registration import Refusal, Version, register
from sekisho.trial.standing import Standing

log = structlog.get_logger()


class RunningTrial:
    """The trial of a running daemon, as `api.trial.TrialOffice` wants it; `kept`: what is in force.

    `looked`: what guardrails saw last.
    """

    def __init__(
        self,
        store: Store,
        keeper: TrialKeeper,
        *,
        kept: Callable[[], Kept],
        utc: Callable[[], datetime],
        looked: Callable[[], Looked | None] = lambda: None,
    ) -> None:
        self._store, self._keeper, self._kept, self._utc = store, keeper, kept, utc
        self._looked = looked
        self._recorder = Recorder(store, utc)
        self._reports = ReportProcess()

    def status(self) -> TrialStatus:
        """Tell how the trial stands."""
        protocol, standing = self._trial()
        kept: KeptOfTrial | StoreError
        try:
            with self._store.reading() as transaction:
                kept = kept_of_trial(transaction, protocol.plan.name)
        except StoreError as error:
            kept = error
        status = trial_status(protocol, standing, self._kept(), kept, is_durable=self._is_durable(standing))
        gates = None if isinstance(kept, StoreError) else self._gates(protocol, standing, kept.gates)
        shown = guardrails_shown(protocol.plan.name, self._looked(), kept)
        return status.model_copy(update={**shown, "gates": gates})

    def register(self, peer: Peer) -> RegisterAnswer:
        """Freeze the plan in force under its digest."""
        protocol, _ = self._trial_for(Action.TRIAL_REGISTER, peer)
        name = protocol.plan.name

        def freeze(transaction: Transaction, entry: Entry) -> tuple[Version, str]:
            version = register(transaction.trial_versions(name), protocol, entry.at)
            if isinstance(version, Refusal):
                detail = f"{version.what}: {version.way_out}"
                raise RefusalError(409, "not-registered", "Nothing is registered", detail)
            transaction.add_trial_version(name, version)
            said = f"version {version.number}, digest {version.digest}{', late' if version.late else ''}"
            event = Event(entry.at, name, What.REGISTERED, said, entry.user, entry.uid)
            transaction.add_trial_event(event)
            return version, said

        version = self._recorder.carry_out(Act(Action.TRIAL_REGISTER, name), peer, freeze)
        log.info(
            "trial registered", trial=name, version=version.number, digest=version.digest, by_uid=peer.uid
        )
        return register_answer(name, version)

    def suspend(self, request: ReasonRequest, peer: Peer) -> ActAnswer:
        """Let all classes of the trial be observed, effective with the next SYN."""
        name = self._trial_for(Action.TRIAL_SUSPEND, peer)[0].plan.name
        act = Act(Action.TRIAL_SUSPEND, name, reference=request.reason)
        entry = self._recorder.entry(act, peer)
        event = Event(entry.at, name, What.SUSPENDED, request.reason, entry.user, entry.uid)

        def judge() -> None:
            why_not = why_not_suspend(self._trial()[1])
            if why_not is not None:
                self._refuse(act, peer, why_not)
                raise RefusalError(409, "not-suspended", "Nothing is suspended", why_not)

        return self._answer(self._keeper.suspend(Noted(event, entry), judge))

    def resume(self, request: ReasonRequest, peer: Peer) -> ActAnswer:
        """Let the plan go on."""
        name = self._trial_for(Action.TRIAL_RESUME, peer)[0].plan.name
        act = Act(Action.TRIAL_RESUME, name, reference=request.reason)
        entry = self._recorder.entry(act, peer)
        event = Event(entry.at, name, What.RESUMED, request.reason, entry.user, entry.uid)

        def write(first: Callable[[Transaction], object]) -> None:
            def work(transaction: Transaction, _: Entry) -> tuple[None, str]:
                first(transaction)
                if transaction.trial_suspension(name) is None:
                    detail = f"trial {name!r} is not suspended: there is nothing to do"
                    raise RefusalError(409, "not-resumed", "Nothing is resumed", detail)
                transaction.add_trial_event(event)
                begin_anew(transaction, name, event.at)
                return None, What.RESUMED

            self._recorder.carry_out(act, peer, work)

        self._keeper.resume(event, write)
        return self._answer(None)

    def complain(self, request: ComplaintRequest, peer: Peer) -> ComplaintAnswer:
        """Count complaints of customers."""
        plan = self._trial_for(Action.TRIAL_COMPLAINT, peer)[0].plan
        now = self._utc()
        day = request.on or day_of(plan, now)
        act = Act(Action.TRIAL_COMPLAINT, plan.name, reference=request.reason)
        why_not = why_not_counted(plan, day, now)
        if why_not is not None:
            self._refuse(act, peer, why_not)
            raise RefusalError(409, "not-counted", "Nothing is counted", why_not)

        def work(transaction: Transaction, entry: Entry) -> tuple[int, str]:
            told = Complaint(entry.at, day, request.count, request.reason, entry.user, entry.uid)
            transaction.add_complaint(plan.name, told)
            return transaction.complaints_by_day(plan.name)[day], f"{request.count} more on {day}"

        count = self._recorder.carry_out(act, peer, work)
        return ComplaintAnswer(name=plan.name, day=day, count=count)

    def enter_blocklist(self, request: BlocklistRequest, peer: Peer) -> BlocklistAnswer:
        """Count addresses that came onto a blocklist."""
        plan = self._trial_for(Action.TRIAL_BLOCKLIST, peer)[0].plan
        act = Act(Action.TRIAL_BLOCKLIST, plan.name, reference=request.reason or "")
        classes = self._kept().config.classes

        def work(transaction: Transaction, entry: Entry) -> tuple[BlocklistAnswer, str]:
            return enter_numbers(transaction, plan, classes, request, entry)

        return self._recorder.carry_out(act, peer, work)

    def log(self) -> TrialLog:
        """Tell what happened to the trial."""
        plan = self._trial()[0].plan
        with store_answers(), self._store.reading() as transaction:
            events = transaction.trial_events(plan.name)
        return TrialLog(name=plan.name, zone=plan.zone, events=tuple(event_value(one) for one in events))

    async def report(self, page: Language | None, peer: Peer) -> bytes:
        """Report the trial."""
        return await self._reports.report(await asyncio.to_thread(self._report_request, page, peer))

    def _report_request(self, page: Language | None, peer: Peer) -> Request:
        self._trial()
        config = self._kept().config
        return Request(config, Recording(store_url(config), self._utc(), actor_name(peer)), page)

    def record_refusal(self, action: Action, why: str, peer: Peer) -> None:
        """Record a request that could not be read, if that can be; nothing of its body."""
        protocol = protocol_of(self._kept().config)
        self._refuse(Act(action, "" if protocol is None else protocol.plan.name), peer, why)

    def _refuse(self, act: Act, peer: Peer, why: str) -> None:
        with suppress(RefusalError):  # the store is away: what was asked changes nothing
            self._recorder.refuse(act, peer, why)

    def _trial_for(self, action: Action, peer: Peer) -> tuple[TrialProtocol, Standing]:
        """Return the trial in force and how it stands, or refuse what somebody wants of it."""
        try:
            return self._trial()
        except RefusalError as error:
            self._refuse(Act(action, ""), peer, error.detail)
            raise

    def _trial(self) -> tuple[TrialProtocol, Standing]:
        """Return the trial in force and how it stands now, or refuse."""
        config = self._kept().config
        protocol, standing = protocol_of(config), self._keeper.standing(config)
        if protocol is None or standing is None:
            raise RefusalError(*NO_TRIAL)
        return protocol, standing

    def _is_durable(self, standing: Standing) -> bool:
        return standing.suspension is not None and self._keeper.journal.is_durable(standing.suspension)

    def _answer(self, not_durable: str | None) -> ActAnswer:
        protocol, standing = self._trial()
        gates: tuple[TrialGateValue, ...] | None = None
        with suppress(StoreError):
            if not_durable is None:
                others = wait_for_others(self._store, protocol.plan.name, self._here(), self._utc)
                gates = self._gates(protocol, standing, others)
        return ActAnswer(
            name=standing.plan.name,
            state=standing.state,
            suspension=suspension_value(standing.suspension, is_durable=self._is_durable(standing)),
            gates=gates,
            not_durable=not_durable,
        )

    def _gates(
        self, protocol: TrialProtocol, standing: Standing, known: Iterable[Obeying]
    ) -> tuple[TrialGateValue, ...]:
        drawn, here = protocol.plan.switchback, self._here()
        others = (one for one in known if one.gate != here.gate)
        planned = () if drawn is None else drawn.gates
        return gate_values(_suspended(standing), here, others, planned)

    def _here(self) -> Obeying:
        """Return what the kernel obeys, which may have refused what is wanted."""
        kept = self._kept()
        return Obeying(kept.config.gate.name, _suspended(kept.standing), self._utc())


def _suspended(standing: Standing | None) -> datetime | None:
    return None if standing is None or standing.suspension is None else standing.suspension.since
