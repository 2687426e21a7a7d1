"""Reads the gate's counters at each full minute and wherever what holds changes, and keeps what they add.

reader ─► readings that wait ─► writer ─► store: minutes, hours, marks, the last reading

Whoever reads never waits for the store: a thread of its own writes. While the store is away readings wait, a
day of them at most; of those that found no room the next one's count is long, and marked as not read.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple, Protocol

from sekisho.api.problems import RefusalError
from sekisho.daemon.attempts import Attempts
from sekisho.daemon.kept import Kept
from sekisho.daemon.threads import require_thread
from sekisho.gate import GateError
from sekisho.gate.machine import boot_id
from sekisho.measure.equipment import UNREAD, Equipment
from sekisho.measure.holding import held_now
from sekisho.measure.minutes import count, next_reading
from sekisho.measure.readings import Held, Reading
from sekisho.model import Counters
from sekisho.store import Store, StoreError

LOOK = timedelta(seconds=1)  # between looks at a clock that may be set
RETRY_SECONDS = 1.0
MOST_WAITING: Final = 1_440
_AT_ONCE: Final = 100  # readings in a transaction, so that others wait for none of them long


class CountingGate(Protocol):
    """What is needed of the gate's keeper. Each raises GateError, or RefusalError at the end."""

    @property
    def kept(self) -> Kept:
        """Return what is in force."""

    def counters(self) -> Counters:
        """Read what was counted."""

    def counters_id(self) -> int:
        """Return what tells these counters from others since the boot."""


class Moment(NamedTuple):
    """What the clock on the wall (aware UTC) and CLOCK_BOOTTIME say at the same time."""

    wall: datetime
    uptime_ns: int


class MinuteReader:
    """The readings of one gate. `boot` names the machine's boot; `following` tells when to read next.

    `equipment`: reads it; what it raises makes it unread.
    """

    def __init__(
        self,
        gate: CountingGate,
        store: Store,
        *,
        boot: str,
        clocks: Callable[[], Moment],
        following: Callable[[datetime], datetime] = next_reading,
        equipment: Callable[[], Equipment] | None = None,
    ) -> None:
        self._gate, self._store, self._boot = gate, store, boot
        self._equipment = equipment
        self._clocks, self._following = clocks, following
        self._held: Mapping[str, Held] | None = None  # since the first reading
        self._next = clocks().wall
        self._waiting: deque[Reading] = deque(maxlen=MOST_WAITING)
        self._state = threading.Lock()  # of what waits
        self._attempts = Attempts()
        self._stopping, self._bell, self._news = threading.Event(), threading.Event(), threading.Event()
        self._reader = threading.Thread(target=self._read_on, name="minutes")
        self._writer = threading.Thread(target=self._write_on, name="minutes' store")

    def start(self) -> None:
        """Read once, before anything new is counted, and go on."""
        self._attempts.attempt("reading the counters", self.read)
        self._reader.start()
        self._writer.start()

    def stop(self) -> None:
        """Read for the last time, and write what waits, if it can be."""
        self._stopping.set()
        self._bell.set()
        self._news.set()
        self._reader.join()
        self._writer.join()
        with suppress(GateError):
            self.read()
        with suppress(StoreError):
            self.write()

    def check(self) -> None:
        """Raise GateError where a thread has ended by itself."""
        require_thread("reads the counters", self._reader.is_alive())
        require_thread("writes minutes", self._writer.is_alive())

    def look(self) -> None:
        """Look at once: what holds may have changed."""
        self._bell.set()

    @property
    def waiting(self) -> int:
        """Return how many readings are not in the store yet."""
        return len(self._waiting)

    def read(self) -> None:
        """Read what was counted and what holds. Raises GateError."""
        standing = self._gate.kept.standing  # first: what changes meanwhile rings again
        with suppress(RefusalError):  # `gate down` has ended the keeper and ends us next
            run = f"{self._boot}/{self._gate.counters_id()}"
            before = self._held_before() if self._held is None else self._held
            now = self._clocks()
            counted = self._gate.counters().classes
            equipment = self._read_equipment()
            held = held_now(standing, before, now.wall)
            name = self._gate.kept.config.gate.name
            with self._state:
                self._waiting.append(Reading(name, run, now.wall, now.uptime_ns, counted, held, equipment))
            self._held, self._next = held, self._following(now.wall)
            self._news.set()

    def write(self) -> None:
        """Write what waits. Raises StoreError; what is written until then waits no more."""
        while batch := self._batch():
            with self._store.transaction() as transaction:
                last = transaction.last_reading(batch[0].gate)
                for reading in batch:
                    counted = count(last, reading)
                    transaction.put_counted(counted)
                    last = counted.last
            with self._state:
                for reading in batch:
                    if self._waiting and self._waiting[0] is reading:
                        self._waiting.popleft()

    def read_if_due(self) -> timedelta:
        """Read if it is time, or something else holds; return how long to wait for the next look."""
        now = self._clocks().wall
        held = held_now(self._gate.kept.standing, self._held or {}, now)
        was_set_back = self._next > self._following(now) + LOOK
        if now >= self._next or held != self._held or was_set_back:
            self.read()
            now = self._clocks().wall
        ends = (one.until for one in held.values() if one.until is not None and one.until > now)
        return max(timedelta(), min(LOOK, self._next - now, *(end - now for end in ends)))

    def _read_equipment(self) -> Equipment | None:
        if self._equipment is None:
            return None
        return self._attempts.attempt("reading the equipment", self._equipment) or UNREAD

    def _batch(self) -> tuple[Reading, ...]:
        with self._state:
            return tuple(islice(self._waiting, _AT_ONCE))

    def _held_before(self) -> Mapping[str, Held]:
        """Return what held by the last reading of a daemon before, where the store tells."""
        with suppress(StoreError), self._store.reading() as transaction:
            last = transaction.last_reading(self._gate.kept.config.gate.name)
            return {} if last is None else last.held
        return {}

    def _read_on(self) -> None:
        while not self._stopping.is_set():
            pause = self._attempts.attempt("reading the counters", self.read_if_due)
            self._bell.wait((LOOK if pause is None else pause).total_seconds())
            self._bell.clear()

    def _write_on(self) -> None:
        attempts = Attempts()
        while not self._stopping.is_set():
            self._news.wait(RETRY_SECONDS if self._waiting else None)
            self._news.clear()
            attempts.attempt("minutes", self.write, rests=True)


@contextmanager
def read_by_the_minute(
    gate: CountingGate, store: Store, equipment: Callable[[], Equipment]
) -> Iterator[MinuteReader]:
    """Let the gate be read by the minute, and its equipment with it."""
    reader = MinuteReader(gate, store, boot=boot_id(), clocks=read_clocks, equipment=equipment)
    reader.start()
    try:
        yield reader
    finally:
        reader.stop()


def read_clocks() -> Moment:
    """Read both clocks."""
    return Moment(datetime.now(UTC), time.clock_gettime_ns(time.CLOCK_BOOTTIME))
