"""New port-25 sessions through the gateway, without delay: a closed loop of real TCP at both ends.

Everything happens on one core and in one thread that nobody disturbs (sessions.c), HAProxy beside it on the
same core: so sessions a second tell what a session costs in all, ends and gateway together. Ends without any
gateway between them are measured too; what a session costs more than there is the gateway's.

The gate is judged against plain forwarding by the loop, against HAProxy by the gateway's part: with ends
so costly that 0.9 of plain forwarding can be reached, five times HAProxy cannot (docs/bench.md).
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final

from bench import programs, ways
from bench.quiet import CORE
from bench.rows import Row, above, at_least
from bench.ways import COUNTING, DIRECT, GATE, HAPROXY, PLAIN, TRACKING, Way

ROUNDS: Final = 18
SECONDS: Final = 0.25  # of a core for itself, at a time
AT_ONCE: Final = 64
AT_ONCE_DELAYED: Final = 128  # so that HAProxy's delay (10 ms) is not what bounds it
COMPARED: Final = (DIRECT, PLAIN, GATE, TRACKING, COUNTING, HAPROXY)

_SOURCE: Final = Path(__file__).with_suffix(".c")
_PROGRAM: Final = programs.BUILD / "sessions"


def measure() -> Iterator[Row]:
    """Measure all ways by turns; a ratio is the median over the turns."""
    flags = ("-O2", "-Wall", "-Wextra", "-Werror")
    subprocess.run([programs.newest_clang(), *flags, _SOURCE, "-o", _PROGRAM], check=True)
    with ways.ways(*COMPARED) as built:
        for way in built:
            way.lines.sysctl("net.ipv4.ip_local_port_range", "1024 65535")
        turns = [_rotated(built, number) for number in range(ROUNDS)]
        rounds = [{way.name: _sessions_per_second(way) for way in turn} for turn in turns]
    yield from judge(rounds)


def judge(rounds: list[dict[str, float]]) -> Iterator[Row]:
    """Give the rows of some rounds: by way, sessions a second."""
    for name in COMPARED:
        yield Row(f"sessions: {name}", median(r[name] for r in rounds), "sessions/s")

    def over(one: str, other: str) -> tuple[str, float, str]:
        return f"sessions: {one} over {other}", median(r[one] / r[other] for r in rounds), "ratio"

    yield at_least(*over(GATE, PLAIN), 0.9)
    yield Row(*over(TRACKING, PLAIN))
    yield above(*over(GATE, COUNTING), 1)
    yield Row(*over(GATE, HAPROXY))
    cost = {name: median(1e6 / r[name] - 1e6 / r[DIRECT] for r in rounds) for name in COMPARED}
    for name in COMPARED[1:]:
        yield Row(f"sessions, gateway's part: {name}", cost[name], "µs a session")
    parts = f"sessions, gateway's part: {HAPROXY} over {GATE}"
    yield at_least(parts, cost[HAPROXY] / cost[GATE], "ratio", 5)


def _rotated(ways: list[Way], number: int) -> list[Way]:
    """Return the ways in an order in which each comes first in its turn: what one leaves behind hits all."""
    start = number % len(ways)
    return ways[start:] + ways[:start]


def _sessions_per_second(way: Way) -> float:
    at_once = AT_ONCE_DELAYED if way.name == HAPROXY else AT_ONCE
    ends = (way.lines.path, way.servers.path, ways.SERVER)
    numbers = (ways.LINES, at_once, SECONDS, CORE)
    done = subprocess.run([_PROGRAM, *ends, *map(str, numbers)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"sessions through {way.name}: {done.stderr.strip()}")
    completed, failed, seconds = done.stdout.split()
    if int(failed):
        raise RuntimeError(f"sessions through {way.name}: {failed} failed beside {completed}")
    return int(completed) / float(seconds)
