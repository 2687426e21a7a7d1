"""The thread that reads what came in, in its order, and lets time do what it does to cases.

What fails by our fault is set aside for people, with the reason, and keeps nothing else from being read. What
no key opens stays unread, which people are told with the reason; it is tried again when the key file is
another, and once an hour, since a damaged row may be put back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from sekisho.daemon.attempts import Attempts
from sekisho.daemon.desk_cases import Desk, pass_time
from sekisho.daemon.desk_corrections import MOST, ask_anew
from sekisho.daemon.desk_originals import read_original
from sekisho.daemon.desk_reading import Looked, look_up, write_outcome
from sekisho.daemon.threads import require_thread
from sekisho.desk.actions import Action
from sekisho.desk.report import Parsed
from sekisho.sealing import NoKeyError, Sealer
from sekisho.store import NumberedReport, Store, StoreError, Transaction, UnfitError

LOOK_SECONDS: Final = 1.0
TRY_AGAIN: Final = timedelta(hours=1)
_BATCH: Final = 32  # reports that are written in one transaction
_MOST_INCIDENTS: Final = 200  # of the reports of one transaction, so that nobody waits for it long

_Read = tuple[NumberedReport, Parsed | str]
"""A report, and what it says, or why that cannot be told."""

log = structlog.get_logger()


class DeskSettler:
    """Reads what came in; `desk` is what it goes by now, `sealer` opens originals.

    `settle_lines` returns when what was heard of leases before is in the store; `on_actions` is told of what
    was asked for when it is durable, and `act` carries it out. Any of them may raise StoreError.
    """

    def __init__(
        self,
        store: Store,
        *,
        desk: Callable[[], Desk],
        sealer: Callable[[], Sealer],
        settle_lines: Callable[[], object],
        on_actions: Callable[[Sequence[Action]], object],
        act: Callable[[], object] = lambda: None,
        utc: Callable[[], datetime],
    ) -> None:
        self._store, self._desk, self._sealer, self._utc = store, desk, sealer, utc
        self._settle_lines, self._on_actions, self._act = settle_lines, on_actions, act
        self._after = 0  # the last report that was read, or passed over
        self._unopened: dict[int, str] = {}  # by number: why
        self._tried = b""  # the fingerprint of the keys that do not open these
        self._tried_at = utc()
        self._attempts = Attempts()
        self._stopping, self._bell = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="desk")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is being written."""
        self._stopping.set()
        self._bell.set()
        if self._thread.is_alive():
            self._thread.join()

    def check(self) -> None:
        """Raise GateError where the thread has ended by itself."""
        require_thread("reads reports", self._thread.is_alive())

    def look(self) -> None:
        """Look at once: something has come in."""
        self._bell.set()

    def step(self) -> bool:
        """Read the next reports; tell whether there may be more. Raises StoreError."""
        if self._unopened and self._may_open():
            log.info("what could not be opened is tried again", reports=len(self._unopened))
            self._after = min(self._unopened) - 1
            self._unopened.clear()
        with self._store.reading() as transaction:
            waiting = transaction.unread_reports(self._after, _BATCH)
            is_anew = not waiting and transaction.last_report() < self._after
        if is_anew:  # all before were forgotten, and numbers begin at 1 again
            self._after = 0
        if not waiting:
            return is_anew
        self._settle_lines()
        read = list(self._opened(waiting))
        while read:
            some = _few(read)
            self._write_all(some)
            read = read[len(some) :]
            self._after = some[-1][0].number
        self._after = waiting[-1].number
        return True

    @property
    def unopened(self) -> Mapping[int, str]:
        """Return which reports stay unread since no key opens them, by their numbers, and why."""
        return dict(self._unopened)

    def pass_time(self) -> None:
        """Let time do what it does to cases. Raises StoreError."""
        desk, now = self._desk(), self._utc()
        with self._store.reading() as transaction:
            if not transaction.due_cases(now, most=1):
                return
        with self._store.transaction() as transaction:
            actions = pass_time(transaction, desk, now)
        self._tell(actions)

    def correct(self) -> bool:
        """Ask anew whose some incidents are, as leases have changed; tell whether there may be more.

        Raises StoreError.
        """
        with self._store.reading() as transaction:
            touched = transaction.touched(self._utc(), MOST)
        if not touched:
            return False
        try:
            self._ask_anew(len(touched))
        except Exception as error:
            if _is_away(error):
                raise
            log.exception("reports cannot be asked anew together, our fault: please report it")
            for _ in touched:
                self._ask_one_anew()
        return len(touched) == MOST

    def _ask_anew(self, most: int) -> None:
        desk, now = self._desk(), self._utc()
        with self._store.transaction() as transaction:
            actions = ask_anew(transaction, desk, transaction.touched(now, most), now)
        self._tell(actions)

    def _ask_one_anew(self) -> None:
        """Ask anew of one incident; where that fails by our fault, it stays as it is."""
        try:
            self._ask_anew(1)
        except Exception as error:
            if _is_away(error):
                raise
            with self._store.transaction() as transaction:
                for one in transaction.touched(self._utc(), 1):
                    why = "a report stays with its line, our fault: please report it"
                    log.exception(why, report=one.incident.report)
                    transaction.put_asked(one.incident)

    def _opened(self, waiting: Iterable[NumberedReport]) -> Iterator[_Read]:
        """Yield reports that can be opened, and what they say."""
        sealer, servers = self._sealer(), self._desk().servers
        for one in waiting:
            try:
                yield one, read_original(one.report, sealer, servers)
            except NoKeyError as error:
                self._pass_over(one.number, sealer, error)

    def _pass_over(self, number: int, sealer: Sealer, error: NoKeyError) -> None:
        if not self._unopened:
            log.error("reports cannot be opened and stay unread", first=number, why=str(error))
        self._unopened[number] = str(error)
        self._tried, self._tried_at = sealer.fingerprint, self._utc()

    def _may_open(self) -> bool:
        """Tell whether what could not be opened may be now; also where the clock was set."""
        is_time = abs(self._utc() - self._tried_at) >= TRY_AGAIN
        return is_time or self._sealer().fingerprint != self._tried

    def _write_all(self, some: Sequence[_Read]) -> None:
        """Write some together, and where that fails by our fault, each on its own."""
        try:
            self._write(some)
        except Exception as error:
            if _is_away(error):
                raise
            log.exception("reports cannot be taken in together, our fault: please report it")
            for one in some:
                self._write_alone(one)

    def _write(self, some: Sequence[_Read]) -> None:
        desk, now = self._desk(), self._utc()
        with self._store.reading() as transaction:
            looked = [self._looked(transaction, desk, *one) for one in some]
        actions: list[Action] = []
        with self._store.transaction() as transaction:
            for report, found in zip((one for one, _ in some), looked, strict=True):
                if isinstance(found, str):
                    transaction.put_read(report.number, replace(report.report, refusal=found, is_queued=True))
                else:
                    actions += write_outcome(transaction, desk, found, now)
        self._tell(actions)

    @staticmethod
    def _looked(
        transaction: Transaction, desk: Desk, report: NumberedReport, parsed: Parsed | str
    ) -> Looked | str:
        return parsed if isinstance(parsed, str) else look_up(transaction, desk, report, parsed)

    def _write_alone(self, one: _Read) -> None:
        """Write one report; where that fails by our fault, people look at it."""
        report = one[0]
        try:
            self._write([one])
        except Exception as error:
            if _is_away(error):
                raise
            log.exception("a report cannot be taken, our fault: please report it", report=report.number)
            why = f"it cannot be taken in, which is our fault ({type(error).__name__}): please report it"
            with self._store.transaction() as transaction:
                transaction.put_read(report.number, replace(report.report, refusal=why, is_queued=True))

    def _tell(self, actions: Sequence[Action]) -> None:
        if actions:
            self._on_actions(actions)

    def _run(self) -> None:
        others_at = 0.0  # when, at the latest, what is no report has its turn, in a flood of reports too
        while not self._stopping.is_set():
            more = self._attempts.attempt("reports that came in", self.step, rests=True)
            if not more or time.monotonic() >= others_at:
                corrected = self._attempts.attempt("accounting that came late", self.correct, rests=True)
                more = more or corrected
                self._attempts.attempt("cases whose time has come", self.pass_time, rests=True)
                self._attempts.attempt("what is asked of the gate", self._act, rests=True)
                others_at = time.monotonic() + LOOK_SECONDS
            if not more:
                self._bell.wait(LOOK_SECONDS)
                self._bell.clear()


def _is_away(error: Exception) -> bool:
    """Tell whether it is the store that is away, which is no report's fault."""
    return isinstance(error, StoreError) and not isinstance(error, UnfitError)


def _few(read: Sequence[_Read]) -> Sequence[_Read]:
    """Return the first of many, of which there are no more incidents than one transaction may have."""
    incidents = 0
    for count, (_, parsed) in enumerate(read):
        incidents += len(getattr(parsed, "incidents", ()))
        if incidents > _MOST_INCIDENTS and count:
            return read[:count]
    return read
