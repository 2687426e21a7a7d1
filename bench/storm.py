"""A storm: 100,000 lines that are online reconnect within a minute, each with an address of another.

Stop and Start of each follow one another, evenly over the minute, and what is not acknowledged is sent again.
All that while the kernel's table is read again and again. A line counts as without its limit from when its
Start was acknowledged to the end of the first reading that has its address: a bound from above.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench import nas
from bench.accounting import starts
from bench.nas import Status, Told
from bench.rows import Row, at_most
from bench.site import Site, expected_holders, site

LINES: Final = 100_000
SECONDS: Final = 60
AT_ONCE: Final = 4_096  # that wait for an answer: as many as there are identifiers, since nobody holds back
ROOM: Final = 1 << 18

_PAUSE_SECONDS: Final = 0.1  # between readings
_SHIFT: Final = 31_337  # whose address each line gets


class Sampler(threading.Thread):
    """Reads the kernel's table until it is stopped, and notes when it first had each address's new line."""

    def __init__(self, where: Site, holders: NDArray[np.uint64]) -> None:
        super().__init__(name="sampler")
        self._where, self._holders = where, holders
        self._stopping = threading.Event()
        self.seen_ns = np.zeros(len(holders), np.uint64)
        self.longest_ns = 0

    def run(self) -> None:
        """Read, and once more after all is there or it was stopped."""
        before = time.monotonic_ns()
        while not self._stopping.wait(_PAUSE_SECONDS):
            found = self._where.holders(len(self._holders))
            now = time.monotonic_ns()
            self.seen_ns[(self.seen_ns == 0) & (found == self._holders)] = now
            self.longest_ns, before = max(self.longest_ns, now - before), now

    def stop(self) -> None:
        """End after the reading in hand."""
        self._stopping.set()
        self.join()


def measure() -> Iterator[Row]:
    """Bring the lines online, then let them reconnect."""
    nas.compile_client()
    with site() as where:
        where.configure(where.file_url, ROOM)
        daemon = where.up()
        requests = where.directory / "requests"
        nas.write_requests(starts(0, LINES), requests)
        _ = where.send(requests, at_once=1_024).per_second
        where.wait_until_settled()
        nas.write_requests(reconnections(), requests)
        sampler = Sampler(where, expected_holders(LINES, _SHIFT))
        sampler.start()
        try:
            sent = where.send(requests, at_once=AT_ONCE, rate=2 * LINES / SECONDS)
            where.wait_until_settled()
            time.sleep(1)  # so that a reading begins after all of it
        finally:
            sampler.stop()
        daemon.end()
    yield from judge(sent, by_line(sampler.seen_ns), sampler.longest_ns)


def reconnections() -> Iterator[Told]:
    """Tell that each line went, and came back with its new address."""
    now = int(time.time())
    for line in range(LINES):
        yield Told(Status.STOP, line, 0, line, now)
        yield Told(Status.START, line, 1, new_address(line), now + 1)


def new_address(line: int) -> int:
    """Return the address that a line gets."""
    return (line + _SHIFT) % LINES


def by_line(by_address: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Put values of new addresses in the order of their lines."""
    return by_address[[new_address(line) for line in range(len(by_address))]]


def judge(sent: nas.Sent, seen_ns: NDArray[np.uint64], reading_ns: int) -> Iterator[Row]:
    """Give the rows; `seen_ns` of each line, 0 where never; `reading_ns` is the longest between readings."""
    acknowledged_ns = sent.times[1::2]  # of the Starts
    there = (seen_ns > 0) & (acknowledged_ns > 0)
    if not there.any():
        raise RuntimeError("none of the lines that reconnected is in the kernel's table")
    waits = (seen_ns[there].astype(np.int64) - acknowledged_ns[there].astype(np.int64)) / 1e9
    missing = int(np.count_nonzero(seen_ns == 0))
    name = f"storm, {LINES:,} lines in {SECONDS} s"
    yield Row(f"{name}: requests acknowledged", sent.acknowledged / sent.seconds, "requests/s")
    yield Row(f"{name}: requests sent again", sent.repeated, "requests")
    yield at_most(f"{name}: never acknowledged", sent.count - sent.acknowledged, "requests", 0)
    yield at_most(f"{name}: lines that never got their limit", missing, "lines", 0)
    yield Row(f"{name}: acknowledged, not in the kernel: median", float(np.median(waits)), "s")
    yield at_most(f"{name}: acknowledged, not in the kernel: longest", float(waits.max()), "s", 1)
    yield Row(f"{name}: longest between two readings of the table", reading_ns / 1e9, "s")
