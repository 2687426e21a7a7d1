"""The thread that releases what is due.

While packets arrive it samples every queue each tick. A tick that saw nothing new arms the socket's wake-up
instead and sleeps until the next release or the next arrival, so that a quiet gate costs next to nothing
and a busy one the same at any rate.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Final

import structlog

from sekisho.gate import GateError
from sekisho.gate.nfqueue import QueueRow, QueueSocket, QueueTable
from sekisho.gate.releases import TICK_NS, Dropped, Lateness, Schedule, pause_ns

RETRY_SECONDS: Final = 1.0  # between attempts to own the queues again

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class QueueState:
    """One queue: packets held now, let go, and dropped since it was bound (no room; not told to us)."""

    delay_ns: int
    held: int
    released: int
    full_drops: int
    user_drops: int


@dataclass(frozen=True, slots=True)
class ReleaserState:
    """The queues, packets per lateness bucket, how often the queues were lost, does the thread run.

    `dropped`: by all queues there were, also those that were given up. `highest`: the most that was held at
    once since it was last taken.
    """

    queues: Mapping[int, QueueState]
    lateness: tuple[int, ...]
    reopened: int
    alive: bool
    dropped: int = 0
    highest: int = 0


class Releaser:
    """Owns queues and releases what they hold when it is due.

    One lock covers the socket and the schedule; the thread gives it up whenever it waits.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sekisho-hold", daemon=True)
        self._schedule = Schedule()
        self._lateness = Lateness()
        self._dropped = Dropped()
        self._highest = 0
        self._released: dict[int, int] = {}
        self._retiring: set[int] = set()
        self._armed: dict[int, int] = {}
        self._reopened = 0

    def start(self, delays_ns: Mapping[int, int]) -> None:
        """Own these queues (queue → delay in ns) in the caller's network namespace and start the thread.

        Errors: GateError when a queue is another's, or for want of CAP_NET_ADMIN.
        """
        with ExitStack() as opened:
            self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            opened.callback(os.close, self._wake)
            self._open()
            opened.callback(self._close_socket)
            self._table = QueueTable()  # there is none before the socket has loaded the module
            opened.callback(self._table.close)
            self.set_delays(delays_ns)
            self._opened = opened.pop_all()
        self._thread.start()

    def stop(self) -> None:
        """End the thread and give the queues up; what they hold is dropped."""
        self._stopping.set()
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        self._opened.close()

    def set_delays(self, delays_ns: Mapping[int, int]) -> None:
        """Own these queues too, and let what arrives from now on wait this long (queue → ns)."""
        with self._lock:
            self._sample()  # what has arrived until now keeps the old delay
            for queue, delay_ns in delays_ns.items():
                if queue not in self._released:
                    self._socket.bind(queue)
                    self._released[queue] = 0
                self._schedule.set_delay(queue, delay_ns)
                self._retiring.discard(queue)
        os.eventfd_write(self._wake, 1)

    def retire_others(self, queues: Collection[int]) -> None:
        """Give up all queues but these as soon as they are empty; no rule fills them any more."""
        with self._lock:
            self._retiring = self._released.keys() - queues
        os.eventfd_write(self._wake, 1)

    def state(self) -> ReleaserState:
        """Return how the work goes."""
        with self._lock:
            rows = self._table.read()
            return ReleaserState(
                queues={queue: self._queue_state(queue, row) for queue, row in self._ours(rows)},
                lateness=self._lateness.counts(),
                reopened=self._reopened,
                alive=self._thread.is_alive(),
                dropped=self._look_at_drops(rows),
                highest=self._highest,
            )

    def take_highest(self) -> int:
        """Return the most that was held at once since this was asked last."""
        with self._lock:
            self._sample()
            highest = self._highest
            self._highest = self._held(self._table.read())
            return max(highest, self._highest)

    def _queue_state(self, queue: int, row: QueueRow) -> QueueState:
        return QueueState(
            self._schedule.delay_ns(queue), row.held, self._released[queue], row.full_drops, row.user_drops
        )

    def _ours(self, rows: Mapping[int, QueueRow]) -> Iterator[tuple[int, QueueRow]]:
        return ((queue, rows[queue]) for queue in self._released if queue in rows)

    def _held(self, rows: Mapping[int, QueueRow]) -> int:
        return sum(row.held for _, row in self._ours(rows))

    def _look_at_drops(self, rows: Mapping[int, QueueRow]) -> int:
        return self._dropped.look({queue: row.full_drops + row.user_drops for queue, row in self._ours(rows)})

    def _run(self) -> None:
        _ask_realtime()
        while not self._stopping.is_set():
            try:
                with self._lock:
                    armed, due_ns = self._turn()
                self._wait(armed, due_ns)
            except OSError as error:  # the socket or a queue is gone, and what was held with it
                log.error("held packets lost with their queues", error=str(error))  # noqa: TRY400 - the message says it all
                self._reopen()

    def _turn(self) -> tuple[bool, int | None]:
        """Sample, release for a tick at most, and arm the wake-up when nothing arrives.

        System calls are few: after each one the thread may wait for the interpreter.
        """
        self._socket.drain()
        arrived = self._sample()
        end_ns = self._clock() + TICK_NS
        while (now_ns := self._clock()) < end_ns and (batches := self._schedule.next_batches(now_ns)):
            self._socket.release(batches)
            done_ns = self._clock()
            for batch in batches:
                self._released[batch.queue] += batch.packets
                self._lateness.add(done_ns - batch.due_ns, batch.packets)
        self._unbind_emptied()
        return not arrived and self._arm(), self._schedule.next_due_ns()

    def _sample(self) -> bool:
        rows = self._table.read()
        now_ns = self._clock()  # after the reading: never early
        self._highest = max(self._highest, self._held(rows))
        return self._schedule.sample(((queue, row.last_id) for queue, row in rows.items()), now_ns)

    def _arm(self) -> bool:
        """Ask to be woken by the next arrival; False when something arrived meanwhile."""
        last_ids = self._schedule.last_ids()
        if last_ids == self._armed:
            return True
        self._socket.wake_after(last_ids)
        self._armed = last_ids
        return not self._sample()

    def _unbind_emptied(self) -> None:
        for queue in tuple(self._retiring):
            if self._schedule.held(queue) == 0:
                self._look_at_drops(self._table.read())
                self._socket.unbind(queue)
                self._dropped.bound_anew(queue)
                self._schedule.forget(queue)
                self._retiring.remove(queue)
                del self._released[queue]

    def _wait(self, quiet: bool, due_ns: int | None) -> None:
        nanoseconds = pause_ns(quiet, None if due_ns is None else due_ns - self._clock())
        milliseconds = nanoseconds // 1_000_000
        if quiet and milliseconds:  # poll knows no finer steps: the next turn sleeps the rest
            self._poll.poll(milliseconds)
            _clear(self._wake)
        else:
            time.sleep(nanoseconds / 1e9)

    def _open(self) -> None:
        self._socket = QueueSocket()
        self._armed = {}
        self._poll = select.poll()
        self._poll.register(self._socket.fileno(), select.POLLIN)
        self._poll.register(self._wake, select.POLLIN)

    def _close_socket(self) -> None:
        self._socket.close()  # the one there is by then: it may have been lost and reopened

    def _reopen(self) -> None:
        """Own the same queues again, however often it takes; nothing is held in them any more."""
        while not self._stopping.is_set():
            try:
                with self._lock:
                    self._bind_again()
            except (GateError, OSError) as error:
                log.error("queues not to be had", error=str(error))  # noqa: TRY400 - as above
                self._stopping.wait(RETRY_SECONDS)
            else:
                log.info("queues owned again", queues=sorted(self._released))
                return

    def _bind_again(self) -> None:
        self._socket.close()
        self._open()
        self._schedule.restart()
        for queue in self._released:
            self._socket.bind(queue)
            self._dropped.bound_anew(queue)
        self._reopened += 1


def _clear(eventfd: int) -> None:
    try:
        os.eventfd_read(eventfd)
    except BlockingIOError:
        return


def _ask_realtime() -> None:
    """Ask for real-time scheduling of this thread, where that is permitted.

    Every millisecond the thread waits for a core or its turn is held longer than wanted, and it needs
    little of either.
    """
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
