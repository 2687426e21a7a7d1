"""What happens to trials, on its way into the store; and whether each is suspended, which the store knows.

While the store is away at a start nobody knows, and a trial counts as suspended. What happens while it is
away is written when it is back. Whoever follows a trial never waits for the store: a thread of its own does.
It learns what another gate's daemon, which keeps the same store, has done with the trial when it hears of it
(`trial_news`), and looks each second besides; and it writes there what the gate obeys.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import NamedTuple

import structlog

from sekisho.audit import Entry
from sekisho.daemon.attempts import Attempts
from sekisho.daemon.trial_news import TrialNews
from sekisho.store import Store, StoreError, Transaction
from sekisho.trial.events import Event, Suspension, What
from sekisho.trial.obeying import HEARD_EVERY, Obeying
from sekisho.trial.standing import Standing

DAEMON = "sekishod"  # who does what nobody asked for
RETRY_SECONDS = 1.0
_ELSEWHERE = "another gate's daemon has suspended or resumed the trial"
_KNOWN_AGAIN = "it is known again whether the trial is suspended"
_UNKNOWN = "the store is away: whether the trial is suspended is not known"

log = structlog.get_logger()


class Noted(NamedTuple):
    """What has happened, and the entry of the audit log that is written with it, without its outcome.

    `also` writes what else is to be durable with it, or not at all.
    """

    event: Event
    entry: Entry | None = None
    also: Callable[[Transaction], object] = lambda _: None


class _Obeyed(NamedTuple):
    """What a gate's kernel obeys: since when the trial is suspended; no trial where it follows none."""

    gate: str
    trial: str | None
    suspended: datetime | None


class TrialJournal:
    """The trials of one gate in a store; `on_news` is called where it says what nobody here has done."""

    def __init__(self, store: Store, *, utc: Callable[[], datetime], on_news: Callable[[], object]) -> None:
        self.store, self._utc, self._on_news = store, utc, on_news
        self._suspensions: dict[str, Suspension | None] = {}  # by trial
        self._waiting: list[Noted] = []  # to be written
        self._state = threading.Lock()  # of both
        self._writing = threading.Lock()  # taken before: what waits is written once
        self._attempts = Attempts()
        self._bell, self._stopping = threading.Event(), threading.Event()
        self._obeys: _Obeyed | None = None  # to be written
        self._told: tuple[_Obeyed, datetime] | None = None  # written last, and when
        self._news = TrialNews(store, on_news=self._bell.set)
        self._thread = threading.Thread(target=self._run, name="trial log")

    def start(self) -> None:
        """Begin to write, and to learn what is not known."""
        self._thread.start()
        self._news.start()

    def stop(self) -> None:
        """Write what waits, if it can be."""
        self._news.stop()
        self._stopping.set()
        self._bell.set()
        if self._thread.is_alive():
            self._thread.join()
        with suppress(StoreError):
            self._flush()
            self._tell()
        if self._waiting:
            log.error("what happened to the trial is lost: the store is away", events=len(self._waiting))

    @property
    def is_alive(self) -> bool:
        """Tell whether the threads run."""
        return self._thread.is_alive() and self._news.is_alive

    def expect(self, trial: str) -> None:
        """Learn whether a trial is suspended, unless that is known; it counts as such if nobody can say."""
        with self._state:
            if trial in self._suspensions:
                return
        try:
            self._learn(trial)
        except StoreError as error:
            with self._state:
                self._suspensions.setdefault(trial, self._assumed())
            log.error(  # noqa: TRY400 - the message says it all
                "the trial counts as suspended and its classes are observed: the store is away, and cannot "
                "say whether it is",
                trial=trial,
                why=str(error),
            )

    def suspension(self, trial: str) -> Suspension | None:
        """Return what a trial is suspended by; one that was not expected counts as suspended."""
        with self._state:
            if trial not in self._suspensions:
                self._suspensions[trial] = self._assumed()
                self._bell.set()
            return self._suspensions[trial]

    def is_durable(self, suspension: Suspension) -> bool:
        """Tell whether a suspension is in the store."""
        with self._state:
            waiting = {one.event.at for one in self._waiting if one.event.what is What.SUSPENDED}
        return not suspension.is_assumed and suspension.since not in waiting

    def note(self, noted: Noted) -> None:
        """Take down what has happened; it holds from now on, and is written soon."""
        event = noted.event
        with self._state:
            self._waiting.append(noted)
            if event.what is What.SUSPENDED:
                self._suspensions[event.trial] = Suspension(event.at, event.by, event.reason, event.uid)
        self._bell.set()

    def obeys(self, gate: str, standing: Standing | None) -> None:
        """Take down what the kernel of a gate obeys by now; others learn it from the store soon."""
        if standing is None:
            obeys = _Obeyed(gate, None, None)
        else:
            suspension = standing.suspension
            obeys = _Obeyed(gate, standing.plan.name, None if suspension is None else suspension.since)
        if obeys != self._obeys:
            self._obeys = obeys
            self._bell.set()

    def try_to_write(self) -> str | None:
        """Write what waits; return why that cannot be now, if so."""
        try:
            self._flush()
        except StoreError as error:
            log.error("what happened to the trial is written when the store is back", why=str(error))  # noqa: TRY400 - the message says it all
            return str(error)
        return None

    def resume(self, trial: str, write: Callable[[Callable[[Transaction], object]], object]) -> None:
        """Let a trial be suspended no more, when that is durable.

        `write` opens a transaction, does what it is given there, and writes that the trial is resumed. Raises
        what it does, with nothing changed.
        """
        with self._writing:
            with self._state:
                waiting = tuple(self._waiting)
            write(lambda transaction: _write(transaction, waiting))
            with self._state:
                del self._waiting[: len(waiting)]
                self._suspensions[trial] = None

    def _run(self) -> None:
        while not self._stopping.is_set():
            for trial in tuple(self._suspensions):
                self._attempts.attempt("whether the trial is suspended", partial(self._learn, trial))
            self._attempts.attempt("the trial's log", self._flush)
            self._attempts.attempt("what the gate obeys", self._tell)
            self._bell.wait(RETRY_SECONDS)
            self._bell.clear()

    def _learn(self, trial: str) -> None:
        """Read whether a trial is suspended. Raises StoreError."""
        with self._writing:  # or what is read could be of before what is being written
            with self._state:
                is_new, before = trial not in self._suspensions, self._suspensions.get(trial)
                if any(
                    one.event.trial == trial and one.event.what is What.SUSPENDED for one in self._waiting
                ):
                    return  # which the store does not know yet
            with self.store.reading() as transaction:
                found = transaction.trial_suspension(trial)
            with self._state:
                if self._suspensions.get(trial) is not before:
                    return  # somebody here has suspended it meanwhile
                self._suspensions[trial] = found
        if not is_new and found != before:
            said = _KNOWN_AGAIN if before and before.is_assumed else _ELSEWHERE
            log.warning(said, trial=trial, suspended=bool(found))
            self._on_news()

    def _flush(self) -> None:
        """Write what waits. Raises StoreError."""
        with self._writing:
            with self._state:
                waiting = tuple(self._waiting)
            if not waiting:
                return
            with self.store.transaction() as transaction:
                _write(transaction, waiting)
            with self._state:
                del self._waiting[: len(waiting)]

    def _tell(self) -> None:
        """Write what the gate obeys: where that is news, and each minute. Raises StoreError."""
        obeys, now = self._obeys, self._utc()
        if obeys is None or (self._told is not None and not _is_due(*self._told, obeys, now)):
            return
        with self.store.transaction() as transaction:
            transaction.leave_trials(obeys.gate, but=obeys.trial)
            if obeys.trial is not None:
                transaction.put_obeying(obeys.trial, Obeying(obeys.gate, obeys.suspended, now))
        self._told = obeys, now

    def _assumed(self) -> Suspension:
        return Suspension(self._utc(), DAEMON, _UNKNOWN, is_assumed=True)


def _is_due(told: _Obeyed, at: datetime, obeys: _Obeyed, now: datetime) -> bool:
    return obeys != told or (obeys.trial is not None and abs(now - at) >= HEARD_EVERY)


def _write(transaction: Transaction, waiting: tuple[Noted, ...]) -> None:
    for event, entry, also in waiting:
        also(transaction)
        transaction.add_trial_event(event)
        if entry is not None:
            transaction.record(replace(entry, outcome=event.what))
