"""When what is held goes on: the pure part of the hold.

Theory of operation. A netfilter queue gives its packets ids in strict order, 32 bits and wrapping, and
tells the last one given. A *sample* is that id, read before `now`: every packet up to it had arrived
before `now`, so all of them are due at `now` + delay. A packet is therefore never released before its own
arrival + delay, and later at most by the time since the previous sample.

A verdict releases everything up to an id: a queue is first in, first out. After a delay was lowered, what
arrives waits for what is before it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

ID_MASK: Final = 0xFFFF_FFFF
ID_HALF: Final = 1 << 31  # a distance from here on is one backwards, as in the kernel's signed comparison

BATCH_PACKETS: Final = 256  # the kernel sends them on inside one system call: some 2 ms of it

TICK_NS: Final = 2_000_000  # between samples while packets arrive
PAUSE_NS: Final = 100_000  # at least between two turns, so that others come to the core
QUIET_NS: Final = 1_000_000_000  # at most: bounds what a lost wake-up would cost

LATENESS_EDGES_MS: Final = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100, 200, 500, 1000)


class Batch(NamedTuple):
    """Everything in `queue` up to `last_id` goes on: `packets` ids, the first of them due at `due_ns`."""

    queue: int
    last_id: int
    packets: int
    due_ns: int


@dataclass(slots=True)
class _Queue:
    delay_ns: int
    seen: int = 0  # the last id of the latest sample; the kernel's first id is 1
    released: int = 0
    waiting: deque[tuple[int, int]] = field(default_factory=deque)  # (last id, due_ns) of each sample

    def advance(self, now_ns: int, most: int) -> tuple[int, int]:
        """Release what is due, `most` packets at most; return the last id and how many."""
        start = self.released
        while self.waiting and self.waiting[0][1] <= now_ns:
            last_id = self.waiting[0][0]
            if (last_id - start) & ID_MASK > most:
                self.released = (start + most) & ID_MASK
                break
            self.released = last_id
            self.waiting.popleft()
        return self.released, (self.released - start) & ID_MASK


class Schedule:
    """What is held in each queue, and when it is due. Times are monotonic nanoseconds."""

    def __init__(self) -> None:
        self._queues: dict[int, _Queue] = {}

    def set_delay(self, queue: int, delay_ns: int) -> None:
        """Set what later samples of a queue wait; a queue not known yet is one just bound, its last id 0."""
        known = self._queues.setdefault(queue, _Queue(delay_ns))
        known.delay_ns = delay_ns

    def forget(self, queue: int) -> None:
        """Drop a queue that has been unbound."""
        del self._queues[queue]

    def restart(self) -> None:
        """Forget what was held: the same queues have been bound anew, their ids start again."""
        self._queues = {number: _Queue(queue.delay_ns) for number, queue in self._queues.items()}

    def last_ids(self) -> dict[int, int]:
        """Return queue → the last id seen."""
        return {number: queue.seen for number, queue in self._queues.items()}

    def delay_ns(self, queue: int) -> int:
        """Return what a packet that arrives now waits in a queue."""
        return self._queues[queue].delay_ns

    def held(self, queue: int) -> int:
        """Return how many ids of a queue were seen and not released."""
        known = self._queues[queue]
        return (known.seen - known.released) & ID_MASK

    def sample(self, last_ids: Iterable[tuple[int, int]], now_ns: int) -> bool:
        """Take (queue, last id) pairs that were read before `now_ns`; tell whether anything has arrived.

        Queues that are not ours are passed over.
        """
        arrived = False
        for number, last_id in last_ids:
            queue = self._queues.get(number)
            if queue is None or not 0 < (last_id - queue.seen) & ID_MASK < ID_HALF:
                continue
            queue.waiting.append((last_id, now_ns + queue.delay_ns))
            queue.seen = last_id
            arrived = True
        return arrived

    def next_due_ns(self) -> int | None:
        """Return when the next packet is due, None when nothing is held."""
        return min((queue.waiting[0][1] for queue in self._queues.values() if queue.waiting), default=None)

    def next_batches(self, now_ns: int, most: int = BATCH_PACKETS) -> list[Batch]:
        """Return what to release next: the longest due first, `most` packets in all; empty: nothing due."""
        due = sorted(
            (queue.waiting[0][1], number)
            for number, queue in self._queues.items()
            if queue.waiting and queue.waiting[0][1] <= now_ns
        )
        batches = []
        for due_ns, number in due:
            if most > 0:
                batches.append(Batch(number, *self._queues[number].advance(now_ns, most), due_ns))
                most -= batches[-1].packets
        return batches


def cover(old: Mapping[int, int], new: Mapping[int, int]) -> dict[int, int]:
    """Return the banks that release nothing early while the kernel's limits change from `old` to `new`.

    Bank → delay in one unit: every bank of both, with the longer delay. Install it before the limits change
    and `new` after.
    """
    return {bank: max(old.get(bank, 0), new.get(bank, 0)) for bank in old.keys() | new.keys()}


def pause_ns(quiet: bool, due_in_ns: int | None) -> int:
    """Return how long to wait after a turn; `quiet`: an arrival ends the wait early.

    While packets arrive a turn waits up to half a tick more or less to fall together with a release, which
    else would need a turn of its own.
    """
    if due_in_ns is None:
        return QUIET_NS if quiet else TICK_NS
    if quiet or due_in_ns <= 0:
        return max(PAUSE_NS, min(due_in_ns, QUIET_NS))
    return max(TICK_NS // 2, due_in_ns) if due_in_ns < TICK_NS * 3 // 2 else TICK_NS


class Lateness:
    """A histogram of how long after its due time each packet went on."""

    def __init__(self) -> None:
        self._counts = [0] * (len(LATENESS_EDGES_MS) + 1)

    def add(self, late_ns: int, packets: int) -> None:
        """Count packets that were `late_ns` late."""
        self._counts[bisect_left(LATENESS_EDGES_MS, late_ns / 1e6)] += packets

    def counts(self) -> tuple[int, ...]:
        """Return the packets per bucket: up to each of `LATENESS_EDGES_MS`, then beyond."""
        return tuple(self._counts)


class Dropped:
    """How many packets queues have dropped, all together; the kernel counts of each since it was bound."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}
        self._total = 0

    def look(self, counts: Mapping[int, int]) -> int:
        """Return the total by what the kernel says now (queue → drops)."""
        for queue, count in counts.items():
            before = self._seen.get(queue, 0)
            self._total += count - before if count >= before else count
            self._seen[queue] = count
        return self._total

    def bound_anew(self, queue: int) -> None:
        """Note that a queue counts from zero again."""
        self._seen.pop(queue, None)


def quantile_ms(counts: Iterable[int], share: float) -> float | None:
    """Return the upper edge in ms of the lateness bucket that holds a quantile; None without packets.

    Beyond the last edge: infinity.
    """
    counts = tuple(counts)
    wanted = share * sum(counts)
    if not wanted:
        return None
    passed = 0
    for count, edge in zip(counts, LATENESS_EDGES_MS, strict=False):
        passed += count
        if passed >= wanted:
            return edge
    return float("inf")
