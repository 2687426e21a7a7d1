"""A thread that brings changes of the roster into the gate: what has gathered meanwhile, in one batch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from sekisho.api.problems import RefusalError
from sekisho.gate import FullError, GateError
from sekisho.model import Address, KnownLine, RosterChange
from sekisho.store import StoreError

RETRY_SECONDS = 5.0  # after the gate, or the store, has refused
LONGEST_REST_SECONDS = 320.0  # between two looks whether there is room for all lines now

log = structlog.get_logger()


class RosterWriter:
    """Writes what it is told; the whole roster first, and again when something has failed.

    `apply` writes a change, `reconcile` the whole roster. Both raise GateError, the latter StoreError
    too, and RefusalError when the daemon is ending. After a FullError changes go on, and the whole is
    tried ever more seldom: it costs as much as a start, and room comes by an operator.
    """

    def __init__(self, apply: Callable[[RosterChange], object], reconcile: Callable[[], object]) -> None:
        self._apply, self._reconcile = apply, reconcile
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._ending = threading.Event()
        self._lines: dict[int, KnownLine | None] = {}
        self._addresses: dict[Address, int | None] = {}
        self._is_due = True  # the whole roster, until it is written
        self._again = False  # it was asked for while it was being written
        self._lack: str | None = None
        self._rest_seconds = RETRY_SECONDS
        self._rest_until = 0.0
        self._thread = threading.Thread(target=self._run, name="roster")

    def start(self) -> None:
        """Begin to write."""
        self._woken.set()
        self._thread.start()

    def stop(self) -> None:
        """End after what is being written."""
        self._ending.set()
        self._woken.set()
        self._thread.join()

    @property
    def is_whole(self) -> bool:
        """Tell whether the gate has the whole roster."""
        with self._lock:
            return not self._is_due and self._lack is None

    @property
    def is_alive(self) -> bool:
        """Tell whether the thread runs."""
        return self._thread.is_alive()

    def tell(self, change: RosterChange) -> None:
        """Take a change; it is in the gate shortly after."""
        with self._lock:
            self._lines.update(change.lines)
            self._addresses.update(change.addresses)
        self._woken.set()

    def start_over(self) -> None:
        """Write the whole roster again."""
        with self._lock:
            self._is_due = self._again = True
        self._woken.set()

    def _run(self) -> None:
        while not self._ending.is_set():
            self._woken.wait(None if self._lack is None else max(0.0, self._rest_until - time.monotonic()))
            self._woken.clear()
            try:
                self._write()
            except RefusalError:
                self._ending.wait()  # the keeper has ended, and this is next
            except (GateError, StoreError) as error:
                log.error("lines are not up to date in the gate; trying again", why=str(error))  # noqa: TRY400 - the message says it all
                self._try_again()
            except Exception:
                log.exception("lines are not up to date in the gate, which is our fault; trying again")
                self._try_again()

    def _write(self) -> None:
        """Write the whole where it is due, else what was told; what finds no room is looked at later."""
        with self._lock:
            pending = RosterChange(self._lines, self._addresses)
            self._lines, self._addresses = {}, {}
            rested = self._lack is not None and time.monotonic() >= self._rest_until
            whole, self._again = self._is_due or rested, False
        if not whole and not pending.lines and not pending.addresses:
            return
        try:
            if whole:
                self._reconcile()  # what was told meanwhile is written after this
            else:
                self._apply(pending)
        except FullError as error:
            self._rest(str(error), whole=whole)
        else:
            if whole:
                self._lack, self._rest_seconds = None, RETRY_SECONDS
        if whole:
            with self._lock:
                self._is_due = self._again

    def _rest(self, lack: str, *, whole: bool) -> None:
        """Let time pass until the whole is tried again, each time twice as long."""
        if whole or self._lack is None:
            log.error("some lines are not in the gate", why=lack, again_in_seconds=self._rest_seconds)
            self._rest_until = time.monotonic() + self._rest_seconds
            self._rest_seconds = min(2 * self._rest_seconds, LONGEST_REST_SECONDS)
        self._lack = lack

    def _try_again(self) -> None:
        self.start_over()
        self._ending.wait(RETRY_SECONDS)
