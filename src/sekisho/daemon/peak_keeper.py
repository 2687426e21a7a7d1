"""Turns the gate's peaks each hour, and keeps how many lines had which: never any line's own.

turn ─► folded in the kernel ─► store ─► forgotten in the kernel

What is folded stays in the kernel until it is stored, so that a daemon that ends loses nothing. While the
store is away for more than an hour that hour is lost: no line's peak is kept for longer to save it.

At each turn it also reads what lines with open cases have sent. That is of few lines, so it stays in memory,
and an hour in which the daemon begins has none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from typing import Final, Protocol

import structlog

from sekisho.api.problems import RefusalError
from sekisho.daemon.attempts import Attempts
from sekisho.daemon.keeper import Keeper
from sekisho.daemon.threads import require_thread
from sekisho.gate.peaks import KernelPeaks
from sekisho.measure.stages import Counts, hours_kept
from sekisho.measure.turns import is_turn_due
from sekisho.model import Peaks
from sekisho.store import Store

LOOK_SECONDS: Final = 1.0  # between looks at a clock that may be set

log = structlog.get_logger()


class PeakGate(Protocol):
    """What is needed of the gate's keeper."""

    def peaks(self) -> AbstractContextManager[KernelPeaks]:
        """Give what counts lines by their peaks. Raises GateError, RefusalError at the end."""


class PeakKeeper:
    """The peaks of the gate of a name; without a store they are forgotten each hour all the same."""

    def __init__(
        self, gate: PeakGate, name: str, store: Store | None, *, utc: Callable[[], datetime]
    ) -> None:
        self._gate, self._name, self._store, self._utc = gate, name, store, utc
        self._attempts = Attempts()
        self._is_folded = False  # what a turn has left, a former daemon's too
        self._sent: dict[datetime, Counts] = {}  # by the turns, of this and of the last
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="peaks")

    def start(self) -> None:
        """Make good what a former daemon has left, and go on."""
        self._attempts.attempt("counting lines by their most sessions", self.begin)
        self._thread.start()

    def stop(self) -> None:
        """Turn no more; what is in the kernel waits for the next daemon."""
        self._stopping.set()
        self._thread.join()

    def check(self) -> None:
        """Raise GateError where the thread has ended by itself."""
        require_thread("counts lines by their most sessions", self._thread.is_alive())

    def begin(self) -> None:
        """Fold what was left. Raises GateError, StoreError."""
        with suppress(RefusalError), self._gate.peaks() as peaks:
            peaks.begin(self._utc())
        self.tick()

    def tick(self) -> None:
        """Turn if it is time, and store what is folded. Raises GateError, StoreError."""
        with suppress(RefusalError):  # `gate down` has ended the keeper and ends us next
            self._fold()
            try:
                self._store_folded()
            finally:
                self._turn_if_due()
            self._fold()
            self._store_folded()

    def _turn_if_due(self) -> None:
        now = self._utc()
        with self._gate.peaks() as peaks:
            since = peaks.since()
            if since is not None and not is_turn_due(since, now):
                return
            if peaks.folded() is not None:
                log.warning("the store was away for an hour: how many sessions lines had then is not known")
            peaks.forget()
            self._is_folded = False
            peaks.turn(now)
            self._read_sent(peaks, since)

    def _read_sent(self, peaks: KernelPeaks, last_turn: datetime | None) -> None:
        """Read what lines with open cases have sent until this turn, and forget all but the last."""
        turn = peaks.since()
        if turn is not None:
            self._sent = {at: counts for at, counts in self._sent.items() if at == last_turn}
            self._sent[turn] = peaks.sent()

    def _fold(self) -> None:
        """Fold all that is left: a part would be stored as the whole, and the rest a turn later."""
        while not self._is_folded:  # others may have the gate in between
            with self._gate.peaks() as peaks:
                self._is_folded = not peaks.fold()

    def _store_folded(self) -> None:
        with self._gate.peaks() as peaks:
            folded = peaks.folded()
        if folded is not None:
            self._put(folded)
            with self._gate.peaks() as peaks:
                peaks.forget()

    def _put(self, folded: Peaks) -> None:
        if self._store is None:
            return
        before, after = (self._sent.get(at, {}) for at in (folded.since, folded.until))
        kept = tuple(hours_kept(folded, before, after))
        with self._store.transaction() as transaction:
            transaction.put_peaks(self._name, folded)
            transaction.put_stage_hours(self._name, kept)

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            self._attempts.attempt("counting lines by their most sessions", self.tick)


@contextmanager
def peaks_kept(gate: Keeper, store: Store | None) -> Iterator[PeakKeeper]:
    """Let lines be counted by their peaks each hour."""
    keeper = PeakKeeper(gate, gate.kept.config.gate.name, store, utc=lambda: datetime.now(UTC))
    keeper.start()
    try:
        yield keeper
    finally:
        keeper.stop()
