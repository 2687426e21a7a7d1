"""Where a source puts what it heard: within bounds, durable in the journal, and the settler is woken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from sekisho.lines.events import Boot, Heard
from sekisho.lines.taking import bounded
from sekisho.store import Journal, StoreError

MOST_WAITING = 200_000  # events; with more of them sources have to wait
LOOK_SECONDS = 1.0  # between looks at how many wait


class Inbox:
    """One process's way into the journal. Any thread may use it; `wake` wakes the settler.

    `misfits`: how many events, or addresses of them, were refused here.
    """

    def __init__(
        self,
        journal: Journal,
        wake: Callable[[], object],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal, self._wake, self._monotonic = journal, wake, monotonic
        self._look_at_seconds = monotonic()
        self._counting = threading.Lock()
        self.misfits = 0

    def append(self, batch: Sequence[Heard | Boot]) -> None:
        """Make a batch durable, as far as it keeps within bounds. Raises StoreError, with nothing taken."""
        self._refuse_too_many()
        fitting, misfits = bounded(batch)
        if fitting:
            self._journal.append(fitting)
        with self._counting:
            self.misfits += misfits
        self._wake()

    def _refuse_too_many(self) -> None:
        now_seconds = self._monotonic()
        if now_seconds < self._look_at_seconds:
            return
        waiting = self._journal.waiting()
        if waiting > MOST_WAITING:
            raise StoreError(f"{waiting:,} events wait for the store: it is too slow for what comes")
        self._look_at_seconds = now_seconds + LOOK_SECONDS
