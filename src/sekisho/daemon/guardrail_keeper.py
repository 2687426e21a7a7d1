"""Watches the guardrails of a running trial by the minute, and suspends it where one is passed.

gauges, store ─► look ─► state and paths into the store
                     └─► passed: the gate observes; then log and letters, in one transaction

What is passed is part of the state. Killed before that is stored, a look has not been: counters are looked at
again, and what the process alone knew is told to be missing. Killed later, the next daemon suspends for what
the state says; killed after the transaction, letters go by the outbox. Only a person resumes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import uuid4

import structlog

from sekisho.config import Config
from sekisho.config.trial_plan import protocol_of
from sekisho.daemon.attempts import Attempts
from sekisho.daemon.guardrail_gauges import Gauged, Gauges
from sekisho.daemon.guardrail_state import Known, read_known
from sekisho.daemon.minute_reader import Moment
from sekisho.daemon.threads import require_thread
from sekisho.daemon.trial_journal import DAEMON, Noted
from sekisho.daemon.trial_keeper import TrialKeeper
from sekisho.measure.minutes import next_reading
from sekisho.store import Store, StoreError, Transaction
from sekisho.trial.breach_told import events, letters, who, why
from sekisho.trial.complaints import Complaint, day_of
from sekisho.trial.events import Event, What
from sekisho.trial.guardrails import Breach
from sekisho.trial.plan import Arm
from sekisho.trial.protocol import TrialProtocol
from sekisho.trial.standing import Standing, State
from sekisho.trial.watch_written import written_watch
from sekisho.trial.watching import Measured, Seen, Unknown, Watch, begun, look, missing, points

LOOK: Final = timedelta(seconds=1)  # between looks at a clock that may be set

log = structlog.get_logger()


class NotRunningError(Exception):
    """Somebody has suspended the trial meanwhile, or it is over."""


class Looked(NamedTuple):
    """What guardrails saw last of a trial, and when."""

    trial: str
    at: datetime
    seen: tuple[Seen, ...]


class _Look(NamedTuple):
    """One look at a running trial, with what is to be kept of it.

    `is_of_store`: the state goes on from what the store knew, and is worth remembering. `missing`: what could
    not be seen, in events that the log does not have yet.
    """

    protocol: TrialProtocol
    config: Config
    at: datetime
    watch: Watch
    seen: tuple[Seen, ...]
    is_of_store: bool
    missing: tuple[Event, ...]

    def keep(self, transaction: Transaction) -> None:
        """Write it."""
        plan = self.protocol.plan
        transaction.put_watch(plan.name, self.config.gate.name, written_watch(self.watch))
        for event in self.missing:
            transaction.add_trial_event(event)
        day = day_of(plan, self.at)
        transaction.raise_paths(plan.name, ((day, point) for point in points(self.seen, self.at)))


class GuardrailKeeper:
    """The guardrails of one gate's trial; `boot` names the machine's boot.

    `on_letters` is called when there is something to send.
    """

    def __init__(
        self,
        trial: TrialKeeper,
        gauges: Gauges,
        store: Store,
        *,
        config: Callable[[], Config],
        boot: str,
        clocks: Callable[[], Moment],
        on_letters: Callable[[], object],
    ) -> None:
        self._trial, self._gauges, self._store = trial, gauges, store
        self._config, self._boot, self._clocks, self._on_letters = config, boot, clocks, on_letters
        self._watch: tuple[str, Watch] | None = None  # of which trial; None: the store knows
        self._missing: tuple[Event, ...] = ()  # that the log does not have yet
        self._process = uuid4().hex
        self._looked: Looked | None = None
        self._next = clocks().wall
        self._attempts = Attempts()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="guardrails")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Look once more, and no more after that."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._attempts.attempt("the last look at the guardrails", self.look)

    def check(self) -> None:
        """Raise GateError where the thread has ended by itself."""
        require_thread("watches guardrails", self._thread.is_alive())

    @property
    def looked(self) -> Looked | None:
        """Return what was seen last; None while no trial runs."""
        return self._looked

    def look(self) -> None:
        """Look once. Raises GateError where the gate cannot observe, and it is tried again then."""
        config = self._config()
        standing, protocol = self._trial.standing(config), protocol_of(config)
        gauged = self._gauges.read()  # always: what comes while nothing runs counts for nothing
        if standing is None or protocol is None or standing.state is not State.RUNNING:
            self._watch = self._looked = None
            return
        found = self._look(config, protocol, standing, gauged)
        self._watch = (protocol.plan.name, found.watch) if found.is_of_store else None
        self._looked = Looked(protocol.plan.name, found.at, found.seen)
        self._missing = found.missing
        if found.is_of_store:
            self._attempts.attempt("the guardrails' state", lambda: self._keep(found))
        if found.watch.passed:
            missed, self._missing = self._missing, ()
            self._suspend(found._replace(missing=missed), found.watch.passed)

    def look_if_due(self) -> timedelta:
        """Look if it is time; return how long to wait for the next."""
        now = self._clocks().wall
        was_set_back = self._next > next_reading(now) + LOOK
        if now >= self._next or was_set_back:
            self._next = next_reading(now)
            self.look()
        return max(timedelta(), min(LOOK, self._next - self._clocks().wall))

    def _look(self, config: Config, protocol: TrialProtocol, standing: Standing, gauged: Gauged) -> _Look:
        now = self._clocks()
        before = self._watch[1] if self._watch and self._watch[0] == protocol.plan.name else None
        complaints: tuple[Complaint, ...] | Unknown
        is_of_store = True
        try:
            with self._store.reading() as transaction:
                known = read_known(transaction, protocol, config.gate.name, before, now.wall)
            complaints = known.complaints
        except StoreError as error:
            known = Known(before or begun(now.wall), (), {})
            complaints = Unknown(f"the store is away: {error}")
            is_of_store = before is not None
        measured = Measured(
            at=now.wall,
            boot=self._boot,
            uptime_ns=now.uptime_ns,
            process="" if self._stopping.is_set() else self._process,
            **gauged._asdict(),
            complaints=complaints,
            days=known.days,
            resting=bool(standing.blocks)
            and all(one.arm is Arm.MAINTENANCE for one in standing.blocks.values()),
        )
        missed = self._missing
        if (said := missing(known.watch, self._process)) is not None:
            missed += (Event(now.wall, protocol.plan.name, What.UNWATCHED, said, DAEMON),)
        watch, seen = look(known.watch, protocol, measured)
        return _Look(protocol, config, now.wall, watch, seen, is_of_store, missed)

    def _keep(self, found: _Look) -> None:
        with self._store.transaction() as transaction:
            found.keep(transaction)
        self._missing = ()

    def _suspend(self, found: _Look, passed: Sequence[Breach]) -> None:
        name, alerts = found.protocol.plan.name, found.config.alerts
        told = letters(
            f"msg_{uuid4().hex}",
            found.config.gate.name,
            name,
            passed,
            found.at,
            by_webhook=alerts is not None and alerts.webhook is not None,
            mail_to=() if alerts is None or alerts.mail is None else alerts.mail.to,
        )
        written = tuple(told)

        def also(transaction: Transaction) -> None:
            for event in events(name, passed, found.at):
                transaction.add_trial_event(event)
            found.keep(transaction)
            transaction.put_letters(found.config.gate.name, written)

        def judge() -> None:
            standing = self._trial.standing(self._config())
            if standing is None or standing.plan.name != name or standing.state is not State.RUNNING:
                raise NotRunningError

        for one in passed:
            log.warning("guardrail passed", trial=name, what=one.what, value=one.value, bound=one.bound)
        event = Event(found.at, name, What.SUSPENDED, why(passed), who(passed))
        try:
            self._trial.suspend(Noted(event, also=also), judge)
        except NotRunningError:
            log.info("the trial does not run any more: nothing is suspended", trial=name)
        finally:
            self._on_letters()

    def _run(self) -> None:
        while not self._stopping.is_set():
            pause = self._attempts.attempt("watching the guardrails", self.look_if_due)
            self._stopping.wait((LOOK if pause is None else pause).total_seconds())
