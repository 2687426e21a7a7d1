"""The schedule against a model of the kernel's queues: what goes on, in which order, when."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.gate.releases import (
    ID_MASK,
    LATENESS_EDGES_MS,
    PAUSE_NS,
    QUIET_NS,
    TICK_NS,
    Batch,
    Dropped,
    Lateness,
    Schedule,
    cover,
    pause_ns,
    quantile_ms,
)

MS = 1_000_000
QUEUES = (2500, 2501)


@dataclass
class KernelQueue:
    """A netfilter queue: ids in order, wrapping; a verdict releases from the head up to an id."""

    last_id: int
    packets: deque[tuple[int, int, int]] = field(default_factory=deque)  # id, arrival, delay at arrival

    def arrive(self, count: int, now: int, delay: int) -> None:
        for _ in range(count):
            self.last_id = (self.last_id + 1) & ID_MASK
            self.packets.append((self.last_id, now, delay))

    def verdict(self, up_to: int) -> list[tuple[int, int, int]]:
        released = []
        while self.packets and (up_to - self.packets[0][0]) & ID_MASK < 1 << 31:
            released.append(self.packets.popleft())
        return released


def schedule_at(last_id: int, delay: int) -> Schedule:
    """Return a schedule whose queues have already given ids up to one."""
    schedule = Schedule()
    for queue in QUEUES:
        schedule.set_delay(queue, 0)
        for step in (last_id // 3, last_id // 3 * 2, last_id):  # no sample leaps over half the ids
            schedule.sample([(queue, step)], 0)
        schedule.next_batches(0, 1 << 32)
        schedule.set_delay(queue, delay)
    return schedule


@dataclass
class World:
    """A schedule and the kernel's queues, moved by one clock."""

    schedule: Schedule
    kernel: dict[int, KernelQueue]
    delay: int
    now: int = 0
    passed: list[tuple[int, int, int]] = field(default_factory=list)  # arrival, delay at arrival, release

    def sample(self) -> bool:
        return self.schedule.sample([(q, k.last_id) for q, k in self.kernel.items()], self.now)

    def tick(self, most: int) -> None:
        self.sample()
        while batches := self.schedule.next_batches(self.now, most):
            assert sum(batch.packets for batch in batches) <= most
            for batch in batches:
                released = self.kernel[batch.queue].verdict(batch.last_id)
                assert len(released) == batch.packets
                self.passed += [(arrival, delay, self.now) for _, arrival, delay in released]

    def set_delay(self, delay: int) -> None:
        self.sample()  # as the releasing thread does: what has come keeps its delay
        self.delay = delay
        for queue in QUEUES:
            self.schedule.set_delay(queue, delay)


def world(first: int, delay: int) -> World:
    return World(schedule_at(first, delay), {queue: KernelQueue(first) for queue in QUEUES}, delay)


FIRST_IDS = st.one_of(
    st.just(0), st.integers(ID_MASK - 40, ID_MASK), st.integers((1 << 31) - 40, (1 << 31) + 40)
)
DELAYS = st.integers(1, 10).map(lambda ms: ms * MS)
ARRIVALS = st.tuples(st.just("arrive"), st.sampled_from(QUEUES), st.integers(1, 20))
TICKS = st.tuples(st.just("tick"), st.just(0), st.integers(1, 64))
CHANGES = st.tuples(st.just("delay"), st.just(0), st.integers(1, 10))
STEPS = st.integers(0, 4).map(lambda ms: ms * MS)  # whole milliseconds, so that things often fall together


@given(FIRST_IDS, DELAYS, st.lists(st.tuples(STEPS, st.one_of(ARRIVALS, TICKS, CHANGES)), max_size=60))
def test_never_early_whatever_arrives_ticks_and_changes(
    first: int, delay: int, events: list[tuple[int, tuple[str, int, int]]]
) -> None:
    it = world(first, delay)
    arrived = 0
    for step, (kind, queue, number) in events:
        it.now += step
        if kind == "arrive":
            it.kernel[queue].arrive(number, it.now, it.delay)
            arrived += number
        elif kind == "tick":
            it.tick(number)
        else:
            it.set_delay(number * MS)
    for _ in range(22):  # twice the longest delay: one queue may wait for itself
        it.tick(64)
        it.now += MS
    assert all(release - arrival >= delay for arrival, delay, release in it.passed)
    assert len(it.passed) == arrived
    assert it.schedule.next_due_ns() is None
    assert not any(it.schedule.held(queue) for queue in QUEUES)


@given(
    FIRST_IDS, DELAYS, st.lists(st.tuples(st.integers(1, 4 * MS), st.sampled_from(QUEUES), st.integers(0, 9)))
)
def test_late_only_by_the_time_between_ticks(
    first: int, delay: int, arrivals: list[tuple[int, int, int]]
) -> None:
    it = world(first, delay)
    for step, queue, count in arrivals:  # something arrives anywhere within a tick of 4 ms
        it.kernel[queue].arrive(count, it.now + step, delay)
        it.now += 4 * MS
        it.tick(256)
    for _ in range(delay // (4 * MS) + 1):
        it.now += 4 * MS
        it.tick(256)
    assert len(it.passed) == sum(count for _, _, count in arrivals)
    assert all(release - arrival - delay < 8 * MS for arrival, _, release in it.passed)


@given(FIRST_IDS, st.integers(1, 100), st.integers(1, 100))
def test_a_lowered_delay_lets_nothing_overtake(first: int, before: int, after: int) -> None:
    it = world(first, 30 * MS)
    queue = it.kernel[QUEUES[0]]
    queue.arrive(before, 0, 30 * MS)
    it.set_delay(10 * MS)
    queue.arrive(after, 0, 10 * MS)
    it.now = 15 * MS
    it.tick(64)
    assert not it.passed
    it.now = 30 * MS
    it.tick(64)
    assert len(it.passed) == before + after


def test_a_large_release_comes_in_bounded_batches_longest_due_first() -> None:
    schedule = schedule_at(0, 10)
    schedule.sample([(2501, 300)], 0)
    schedule.sample([(2500, 5)], 1)
    assert schedule.next_batches(9) == []
    assert schedule.next_batches(11, 256) == [Batch(2501, 256, 256, 10)]
    assert schedule.next_batches(11, 256) == [Batch(2501, 300, 44, 10), Batch(2500, 5, 5, 11)]
    assert schedule.next_batches(11, 256) == []


def test_samples_of_others_queues_and_repeated_ones_change_nothing() -> None:
    schedule = schedule_at(7, 10)
    assert not schedule.sample([(9, 3), (2500, 7), (2501, 6)], 5)
    assert schedule.next_due_ns() is None


def test_queues_bound_anew_start_at_the_first_id() -> None:
    schedule = schedule_at(1000, 10)
    schedule.sample([(2500, 1005)], 0)
    schedule.restart()
    assert schedule.next_due_ns() is None
    assert schedule.last_ids() == {2500: 0, 2501: 0}
    assert schedule.sample([(2500, 2)], 20)
    assert schedule.next_batches(30) == [Batch(2500, 2, 2, 30)]


def test_a_retired_queue_is_empty_once_all_is_released() -> None:
    schedule = schedule_at(0, 10)
    schedule.sample([(2500, 3)], 0)
    assert schedule.held(2500) == 3
    schedule.next_batches(10)
    assert schedule.held(2500) == 0
    schedule.forget(2500)
    assert schedule.last_ids() == {2501: 0}


DELAYS_BY_BANK = st.dictionaries(st.integers(0, 15), st.integers(1, 20_000))


@given(DELAYS_BY_BANK, DELAYS_BY_BANK)
def test_cover_keeps_every_promise_of_both(old: dict[int, int], new: dict[int, int]) -> None:
    covering = cover(old, new)
    assert covering.keys() == old.keys() | new.keys()
    assert all(covering[bank] >= delay for banks in (old, new) for bank, delay in banks.items())
    assert cover(new, new) == new


@given(st.booleans(), st.one_of(st.none(), st.integers(-1000 * MS, 10_000 * MS)))
def test_a_wait_is_bounded_and_ends_by_the_next_release(quiet: bool, due_in: int | None) -> None:
    pause = pause_ns(quiet, due_in)
    assert PAUSE_NS <= pause <= (QUIET_NS if quiet else TICK_NS * 3 // 2)
    if due_in is not None and due_in > TICK_NS // 2:
        assert pause <= due_in


def test_quantiles_are_upper_edges() -> None:
    lateness = Lateness()
    assert quantile_ms(lateness.counts(), 0.5) is None
    lateness.add(500_000, 98)
    lateness.add(2 * MS, 1)
    lateness.add(10_000 * MS, 1)
    assert len(lateness.counts()) == len(LATENESS_EDGES_MS) + 1
    assert [quantile_ms(lateness.counts(), share) for share in (0.5, 0.99)] == [1, 2]
    assert quantile_ms(lateness.counts(), 1.0) == pytest.approx(float("inf"))


@given(st.lists(st.tuples(st.integers(1, 3), st.one_of(st.integers(0, 50), st.just("anew")))))
def test_drops_only_grow_and_none_is_lost_that_was_looked_at(steps: list[tuple[int, int | str]]) -> None:
    """A queue's own count begins anew when it is bound; a larger step is so many more drops."""
    dropped, counts, total = Dropped(), dict.fromkeys((1, 2, 3), 0), 0
    for queue, step in steps:
        if isinstance(step, str):
            dropped.look(counts)
            dropped.bound_anew(queue)
            counts[queue] = 0
        else:
            counts[queue] += step
            total += step
        assert dropped.look(counts) == total


def test_a_count_that_fell_unseen_began_anew() -> None:
    dropped = Dropped()
    assert [dropped.look({1: count}) for count in (7, 3, 4)] == [7, 10, 11]
