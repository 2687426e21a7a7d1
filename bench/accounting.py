"""Accounting: requests a second that one client on the same machine has acknowledged, each durable then.

What is acknowledged is settled into the leases later; how fast stands beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from bench import nas
from bench.nas import Sent, Status, Told
from bench.rows import Row, at_least
from bench.site import Site, fsync_ms, memory_mib, site

COUNT: Final = 200_000
WARMUP: Final = 20_000
AT_ONCE: Final = 1_024  # that wait for an answer
ROOM: Final = 1 << 20


class Figures(NamedTuple):
    """Requests that were acknowledged and settled in a second, and how long the leases lagged behind."""

    acknowledged: float
    settled: float
    lag_seconds: float


def measure() -> Iterator[Row]:
    """Measure the whole daemon with a SQLite file on the disk of the repository."""
    nas.compile_client()
    with site() as where:
        yield Row(
            "accounting: a write of 4 KiB until it is durable on this disk", fsync_ms(where.directory), "ms"
        )
        where.configure(where.file_url, ROOM)
        daemon = where.up()
        figures(where, starts(0, WARMUP))
        only_starts = figures(where, starts(WARMUP, COUNT))
        mixed = figures(where, lives(WARMUP + COUNT, COUNT))
        yield from judge(only_starts, mixed)
        yield Row("accounting, SQLite: memory of the daemon, at most", memory_mib(daemon), "MiB")
        daemon.end()


def judge(only_starts: Figures, mixed: Figures) -> Iterator[Row]:
    """Give the rows of SQLite."""
    name = f"accounting, SQLite: {COUNT:,} Starts"
    yield at_least(f"{name}: acknowledged", only_starts.acknowledged, "requests/s", 10_000)
    yield from _settled(name, only_starts)
    name = f"accounting, SQLite: {COUNT:,} Start, Interim, Stop by turns"
    yield Row(f"{name}: acknowledged", mixed.acknowledged, "requests/s")
    yield from _settled(name, mixed)


def _settled(name: str, found: Figures) -> Iterator[Row]:
    yield Row(f"{name}: settled into leases", found.settled, "requests/s")
    yield Row(f"{name}: from the last acknowledgement until all is in the leases", found.lag_seconds, "s")


def figures(where: Site, told: Iterable[Told]) -> Figures:
    """Send requests to the daemon, and wait until they are in the leases. Raises RuntimeError."""
    requests = where.directory / "requests"
    nas.write_requests(told, requests)
    sent, settled_ns = _timed(lambda: where.send(requests, at_once=AT_ONCE), where.wait_until_settled)
    last_ns = int(sent.times.max())
    lag = max(0.0, (settled_ns - last_ns) / 1e9)
    return Figures(sent.per_second, sent.count / (sent.seconds + lag), lag)


def starts(first: int, count: int) -> Iterator[Told]:
    """Tell that lines came online, each with an address of its own."""
    now = int(time.time())
    return (Told(Status.START, line, 0, line, now) for line in range(first, first + count))


def lives(first: int, count: int) -> Iterator[Told]:
    """Tell that lines came online, stayed and went, each with an address of its own, a hundred at a time."""
    now = int(time.time())
    order = (Status.START, Status.INTERIM, Status.STOP)
    for number in range(count):
        group, rest = divmod(number, 300)
        which, line = divmod(rest, 100)
        line += first + group * 100
        yield Told(order[which], line, 0, line, now + which)


def _timed(send: Callable[[], Sent], wait: Callable[[], object]) -> tuple[Sent, int]:
    sent = send()
    wait()
    return sent, time.monotonic_ns()
