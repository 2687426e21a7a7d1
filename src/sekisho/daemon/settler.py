"""What was heard and is durable becomes leases, in the order of its coming, in batches as it gathers.

One event that can never be settled, by whosever fault, stops no other: it is found by halving its batch, and
set aside in the journal until somebody looks. Where nothing of a batch can be settled the reason may pass,
and it is tried some times.

A source has its answer when what it said is in the journal; whoever looks a line up waits until all that was
there when it asked is in the leases too (`settle`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import structlog

from sekisho.daemon.bell import Bell
from sekisho.lines.events import Boot, Heard
from sekisho.store import Journal, StoreError, UnfitError
from sekisho.store.heard_packing import pack_batch

BATCH = 2_000  # events in one transaction
LOOK_SECONDS = 1.0  # between looks at a store that has failed
TRIES = 5  # of a batch of which nothing can be settled
PATIENCE_SECONDS = 10.0  # of whoever waits for what was heard before to be settled
_TURN_SECONDS = 0.05  # of waiting for a turn to settle: meanwhile the thread may have done it

log = structlog.get_logger()


class Settler:
    """Has a thread that settles what is in a journal, whenever `bell` rings.

    `take` brings a batch into the leases, or raises StoreError with nothing changed. `set_aside`: how much
    is.
    """

    def __init__(
        self, journal: Journal, take: Callable[[Sequence[Heard | Boot]], object], bell: Bell
    ) -> None:
        self._journal, self._take, self._bell = journal, take, bell
        self._settling = threading.Lock()
        self.set_aside = journal.aside()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="settler")

    def start(self) -> None:
        """Begin to settle."""
        self._thread.start()

    def stop(self) -> None:
        """End after the batch in hand; what is not settled is by the next one."""
        self._stopping.set()
        self._bell.ring()
        self._thread.join()

    @property
    def is_alive(self) -> bool:
        """Tell whether the thread runs."""
        return self._thread.is_alive()

    def settle(self) -> None:
        """Return when all that was durable before is in the leases. Raises StoreError."""
        last, until = self._journal.newest(), time.monotonic() + PATIENCE_SECONDS
        while self._journal.is_left(last):
            if time.monotonic() > until:
                raise StoreError("the store is busy with what sources say: ask again shortly")
            if self._settling.acquire(timeout=_TURN_SECONDS):
                try:
                    self._settle_oldest()
                finally:
                    self._settling.release()

    def _settle_some(self) -> bool:
        """Settle the oldest batch; tell whether there was any."""
        with self._settling:
            return self._settle_oldest()

    def _settle_oldest(self) -> bool:
        pending = self._journal.pending(BATCH)
        if pending is None:
            return False
        self._finish(pending.numbers, (*pending.broken, *self._left_over(pending.batch)))
        return True

    def _left_over(self, batch: Sequence[Heard | Boot]) -> list[bytes]:
        """Settle a batch, and return what of it can never be. Raises StoreError, and MemoryError."""
        for _ in range(TRIES):
            left = list(self._unsettled(batch))
            if len(left) < len(batch) or not batch:
                break
            self._stopping.wait(LOOK_SECONDS)
        for _, error in left[:1]:  # the others most likely fail alike
            log.error("what was heard cannot be settled: please report it", exc_info=error)
        return [packed for packed, _ in left]

    def _unsettled(self, batch: Sequence[Heard | Boot]) -> Iterator[tuple[bytes, Exception]]:
        """Settle a batch but for what cannot be, which is yielded with the reason."""
        try:
            if batch:
                self._take(batch)
        except MemoryError:
            raise
        except Exception as error:
            if isinstance(error, StoreError) and not isinstance(error, UnfitError):
                raise
            half = len(batch) // 2
            if half:
                yield from self._unsettled(batch[:half])
                yield from self._unsettled(batch[half:])
                return
            yield pack_batch(batch), error

    def _finish(self, numbers: Sequence[int], aside: Sequence[bytes]) -> None:
        if aside:
            self._journal.set_aside(numbers, aside)
            self.set_aside += len(aside)
            log.error("set aside until somebody looks, see docs/store.md", set_aside=self.set_aside)
        else:
            self._journal.strike(numbers)

    def _run(self) -> None:
        failing = False
        while not self._stopping.is_set():
            try:
                more = self._settle_some()
            except StoreError as error:
                if not failing:
                    log.error("what was heard waits to be settled", why=str(error))  # noqa: TRY400 - the message says it all
                failing = True
                self._stopping.wait(LOOK_SECONDS)
                continue
            except Exception:
                log.exception("what was heard waits to be settled, our fault: please report it")
                self._stopping.wait(LOOK_SECONDS)
                continue
            if failing:
                log.info("what was heard is being settled again")
            failing = False
            if not more:
                self._bell.wait()
