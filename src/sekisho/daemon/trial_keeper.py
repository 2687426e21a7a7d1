"""Lets the gate follow the trial: at each boundary, after a start, a reload, or when the clock was set.

plan, suspension, now ─► standing ─► gate
suspend: the gate first, then the store;   resume: the store first, then the gate
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Protocol

import structlog

from sekisho.api.problems import RefusalError
from sekisho.config import Config
from sekisho.config.trial_plan import plan_at_gate
from sekisho.daemon.attempts import Attempts
from sekisho.daemon.kept import Kept
from sekisho.daemon.threads import require_thread
from sekisho.daemon.trial_journal import DAEMON, Noted, TrialJournal
from sekisho.model import Limit
from sekisho.store import Store, Transaction
from sekisho.trial.events import Event, What
from sekisho.trial.following import Clocks, is_within, jump, late_change, late_start, pause
from sekisho.trial.plan import Plan
from sekisho.trial.standing import Standing, standing

log = structlog.get_logger()


class TrialGate(Protocol):
    """What is needed of the gate's keeper."""

    @property
    def kept(self) -> Kept:
        """Return what is in force."""

    @property
    def found(self) -> Mapping[str, Limit]:
        """Return the limits in the kernel before."""

    @property
    def is_open(self) -> bool:
        """Tell whether there still is a gate."""

    def follow_trial(self) -> tuple[str, ...]:
        """Ask how the trial stands, and let the gate be so. Raises GateError, RefusalError at the end."""


class TrialKeeper:
    """The trial of one gate; `clocks` tells the time.

    `expect` and `standing` are for before `start` as well.
    """

    def __init__(self, store: Store, *, clocks: Callable[[], Clocks]) -> None:
        self._read_clocks = clocks
        self._bell, self._stopping = threading.Event(), threading.Event()
        self.journal = TrialJournal(store, utc=self._utc, on_news=self._bell.set)
        self._planned: tuple[Config, Plan | None] | None = None
        self._acting = threading.Lock()  # one act at a time
        self._gate: TrialGate | None = None
        self._on_change: Callable[[], object] = lambda: None
        self._clocks = clocks()
        self._attempts = Attempts()
        self._thread = threading.Thread(target=self._run, name="trial")

    def expect(self, config: Config) -> None:
        """Learn whether the trial of a configuration is suspended, before it comes into force."""
        plan = self.plan(config)
        if plan is not None:
            self.journal.expect(plan.name)

    def plan(self, config: Config) -> Plan | None:
        """Return the plan of a configuration's trial, as its gate has it."""
        planned = self._planned
        if planned is None or planned[0] is not config:
            self._planned = planned = config, plan_at_gate(config)
        return planned[1]

    def standing(self, config: Config) -> Standing | None:
        """Tell how the trial of a configuration stands, without waiting for anything."""
        plan = self.plan(config)
        return None if plan is None else standing(plan, self.journal.suspension(plan.name), self._utc())

    def start(self, gate: TrialGate, on_change: Callable[[], object] = lambda: None) -> None:
        """Begin to follow; `on_change` is called each time the gate does."""
        self._on_change = on_change
        self._gate, now = gate, gate.kept.standing
        _tell(now)
        late = late_start(now, gate.found, gate.kept.limits(), self._utc())
        if now is not None and late is not None:
            self._note(now.plan.name, What.FOLLOWED_LATE, late)
        self._tell_others()
        self.journal.start()
        self._thread.start()

    def stop(self) -> None:
        """Follow no more."""
        self._stopping.set()
        self._bell.set()
        if self._thread.is_alive():
            self._thread.join()
        self._tell_others()
        self.journal.stop()

    def check(self) -> None:
        """Raise GateError where a thread has ended by itself."""
        require_thread("follows the trial", self._thread.is_alive())
        require_thread("writes the trial's log", self.journal.is_alive)

    def look(self) -> None:
        """Look at once: there is another configuration."""
        self._bell.set()

    def suspend(self, noted: Noted, judge: Callable[[], object]) -> str | None:
        """Suspend a trial, effective with the next SYN; return why that is not durable yet, if so.

        `judge` raises where it cannot be. Raises GateError, and the gate is tried again then.
        """
        with self._acting:
            judge()
            self.journal.note(noted)
            event = noted.event
            log.warning("trial suspended", trial=event.trial, by=event.by, reason=event.reason)
            try:
                self._follow()
            finally:
                why = self.journal.try_to_write()
        return why

    def resume(self, event: Event, write: Callable[[Callable[[Transaction], object]], object]) -> None:
        """Resume a trial when that is durable (`TrialJournal.resume`).

        Raises what `write` does, with nothing changed; GateError, and the gate is tried again then.
        """
        with self._acting:
            self.journal.resume(event.trial, write)
            log.warning("trial resumed", trial=event.trial, by=event.by, reason=event.reason)
            self._follow()

    def _utc(self) -> datetime:
        return self._read_clocks().wall

    def _run(self) -> None:
        while not self._stopping.is_set():
            wanted = self._attempts.attempt("following the trial", self._tick)
            self._bell.wait(pause(wanted, self._utc()).total_seconds())
            self._bell.clear()

    def _tick(self) -> Standing | None:
        """Follow what has changed since the last look; return how the trial stands. Raises GateError."""
        if self._gate is None:
            return None
        kept, clocks = self._gate.kept, self._read_clocks()
        said, self._clocks = jump(self._clocks, clocks), clocks
        wanted = self.standing(kept.config)
        if said is not None and wanted is not None and is_within(kept.standing, wanted):
            self._note(wanted.plan.name, What.CLOCK_JUMPED, said)
        if wanted != kept.standing:
            self._follow()
            late = late_change(kept.standing, self._utc())
            if wanted is not None and late is not None and said is None:
                self._note(wanted.plan.name, What.FOLLOWED_LATE, late)
        else:
            self._tell_others()  # a reload may have changed it
        return wanted

    def _follow(self) -> None:
        if self._gate is None:
            return
        with suppress(RefusalError):  # `gate down` has ended the keeper and ends us next
            changed = self._gate.follow_trial()
            self._on_change()
            _tell(self._gate.kept.standing, changed)
            self._tell_others()

    def _tell_others(self) -> None:
        """Let those who keep the same store know what this gate obeys, or that it is gone."""
        if self._gate is not None:
            kept = self._gate.kept
            self.journal.obeys(kept.config.gate.name, kept.standing if self._gate.is_open else None)

    def _note(self, trial: str, what: What, said: str) -> None:
        log.warning("trial", trial=trial, what=what, why=said)
        self.journal.note(Noted(Event(self._utc(), trial, what, said, DAEMON)))


def _tell(now: Standing | None, changed: tuple[str, ...] = ()) -> None:
    if now is not None:
        until = None if now.until is None else now.until.isoformat()
        log.info("trial", trial=now.plan.name, state=now.state, until=until, classes_changed=changed)
