"""A thread that brings changes of the roster into the gate: what has gathered meanwhile, in one batch."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from sekisho.api.problems import RefusalError
from sekisho.gate import GateError
from sekisho.model import RosterChange
from sekisho.store import StoreError

RETRY_SECONDS = 5.0  # after the gate, or the store, has refused

log = structlog.get_logger()


class RosterWriter:
    """Writes what it is told; the whole roster first, and again when something has failed.

    `apply` writes a change, `reconcile` the whole roster. Both
    raise GateError, the latter StoreError too, and RefusalError when the daemon is ending.
    """

    def __init__(self, apply: Callable[[RosterChange], object], reconcile: Callable[[], object]) -> None:
        self._apply, self._reconcile = apply, reconcile
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._ending = threading.Event()
        self._pending = RosterChange()
        self._is_whole = self._again = False
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
        return self._is_whole

    def tell(self, change: RosterChange) -> None:
        """Take a change; it is in the gate shortly after."""
        with self._lock:
            self._pending = RosterChange(
                {**self._pending.lines, **change.lines}, {**self._pending.addresses, **change.addresses}
            )
        self._woken.set()

    def start_over(self) -> None:
        """Write the whole roster again."""
        self._again = True
        self._is_whole = False
        self._woken.set()

    def _run(self) -> None:
        while not self._ending.is_set():
            self._woken.wait(None if self._is_whole else RETRY_SECONDS)
            self._woken.clear()
            try:
                self._write()
            except RefusalError:
                return  # the keeper has ended
            except (GateError, StoreError) as error:
                self._is_whole = False
                log.error("lines are not up to date in the gate; trying again", why=str(error))  # noqa: TRY400 - the message says it all
                self._ending.wait(RETRY_SECONDS)

    def _write(self) -> None:
        with self._lock:
            pending, self._pending = self._pending, RosterChange()
        if self._is_whole:
            if pending.lines or pending.addresses:
                self._apply(pending)
            return
        self._again = False
        self._reconcile()
        self._is_whole = not self._again  # what was told meanwhile is written after this
