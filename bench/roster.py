"""A roster of a million lines: reconciled, changed by key, and the memory of the process that does it.

Measured in a process of its own (`python -m bench.roster` prints its rows as JSON), for its memory's sake.
"""

from __future__ import annotations

import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from statistics import median
from typing import Final

from bench import cost, programs
from bench.quiet import quiet
from bench.rows import Row, at_most
from sekisho.config import parse
from sekisho.daemon.keeper import Keeper
from sekisho.gate.hold import HoldState
from sekisho.gate.kernel import KernelGate
from sekisho.lines.numbers import LINE_NUMBERS
from sekisho.model import Address, KnownLine, Roster, RosterChange
from sekisho.plan import line_numbers

CHANGES: Final = 100
BATCH: Final = 500  # lines in one change
MOVED: Final = 5_000  # leases that are others than before the restart
FIRST: Final = 0x0A000000
SPREAD: Final = 0x9E3779B97F4B  # odd: numbers without order, none twice
CONFIG: Final = f"""\
[gate]
subscriber = ["lines"]
uplink = ["servers"]
known = {cost.MANY}
addresses = {cost.MANY}
[[pool]]
prefix = "10.0.0.0/8"
class = "dynamic"
[class.dynamic]
mode = "enforce"
cap = 5
delay = "1s"
"""


def measure() -> Iterator[Row]:
    """Measure in another process."""
    done = subprocess.run([sys.executable, "-m", "bench.roster"], check=True, stdout=subprocess.PIPE)
    yield from (Row(**row) for row in json.loads(done.stdout.splitlines()[-1]))


def _measure() -> Iterator[Row]:
    with programs.gate(frozenset(), lines=1 << 16, slots=1 << 18, known=cost.MANY) as (_, gate):
        office = _Office()
        keeper = office.keeper(gate)
        name = f"roster of {cost.MANY:,} lines"
        office.roster = _roster(moved=0)
        yield Row(f"{name}: into an empty gate", _seconds(keeper.reload_roster), "s")
        office.roster = Roster()  # one at a time, as in the daemon
        office.roster = _roster(moved=MOVED)
        yield at_most(f"{name}: reconciled, {MOVED:,} changed hands", _seconds(keeper.reload_roster), "s", 5)
        changes = list(islice(_changes(office.roster), CHANGES))
        office.roster = Roster()
        gc.collect()
        times = [_seconds(partial(keeper.change_roster, change)) * 1000 for change in changes]
        yield at_most(f"{name}: a change of {BATCH}: median", median(times), "ms", 5)
        yield Row(f"{name}: a change of {BATCH}: worst of {CHANGES}", max(times), "ms")
        yield at_most(f"{name}: memory of the process, at most", _peak_mib(), "MiB", 1024)


class _Office:
    """Has a roster."""

    roster = Roster()

    def keeper(self, gate: KernelGate) -> Keeper:
        """Keep a gate by it."""
        checked = parse(CONFIG.encode())
        if checked.config is None:
            raise RuntimeError("the bench's configuration has errors")
        return Keeper(
            gate,
            _NoHold(),
            checked.config,
            file="bench",
            read=lambda: checked,
            roster=lambda _: self.roster,
            numbers=line_numbers,
            trial=lambda _: None,
            utc=lambda: datetime.now(UTC),
            monotonic_ns=time.monotonic_ns,
        )


class _NoHold:
    """Holds nothing."""

    def set_banks(self, banks: Mapping[int, int]) -> None:
        """Take the delays."""

    def state(self) -> HoldState:
        """Tell what is held."""
        raise NotImplementedError

    def take_highest(self) -> int:
        """Tell the most that was held at once."""
        return 0

    def stop(self) -> None:
        """End."""


def _roster(moved: int) -> Roster:
    """Return a line for each address; the first addresses are with the line after their own."""
    numbers = [n * SPREAD % LINE_NUMBERS for n in range(cost.MANY)]
    addresses = {_address(n): numbers[n + 1 if n < moved else n] for n in range(cost.MANY)}
    return Roster(dict.fromkeys(numbers, KnownLine("dynamic")), addresses)


def _changes(roster: Roster) -> Iterator[RosterChange]:
    """Give each line the address of another, some lines at a time."""
    numbers, addresses = iter(roster.lines), reversed(list(roster.addresses))
    while batch := list(islice(numbers, BATCH)):
        yield RosterChange(
            dict.fromkeys(batch, KnownLine("dynamic")), dict(zip(addresses, batch, strict=False))
        )


def _address(number: int) -> Address:
    return Address((FIRST + number).to_bytes(4, "big"), 32)


def _seconds(action: Callable[[], object]) -> float:
    with quiet():
        start = time.monotonic()
        action()
        return time.monotonic() - start


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(json.dumps([asdict(row) for row in _measure()]))
