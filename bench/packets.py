"""Other traffic through the gateway: packets a second that it forwards, end hosts left out.

The frames are made in the kernel and received by the gateway's interface in its driver's poll; on the far
side an XDP program drops and counts them. One thread does it all, so its processor time is the gateway's and
that of a generator that costs less than a fifth of it.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Final

from bench import live, programs, ways
from bench.quiet import quiet
from bench.rows import Row, above, at_least
from bench.ways import COUNTING, GATE, HOOK, PLAIN, SPARING, TRACKING, Way
from sekisho.gate import bpf, libbpf
from tests.kernel import frames
from tests.system.netns import Namespace

ROUNDS: Final = 61
PACKETS: Final = 20_000
SOURCES: Final = 0xFFF  # low bits of the source address that vary
COMPARED: Final = (PLAIN, HOOK, GATE, TRACKING, COUNTING, SPARING)

_HEADERS: Final = frames.segment("10.1.0.0", ways.SERVER, (40_000, 443), frames.ACK, seq=1, ack=1)[12:]
_OWN_MAC: Final = bytes.fromhex("020000000001")


def measure() -> Iterator[Row]:
    """Measure all ways by turns; a ratio is the median over the turns."""
    with ways.ways(*COMPARED) as built, programs.helpers() as helpers:
        turns = {way.name: _prepare(way, helpers) for way in built}
        rounds = [{name: turn() for name, turn in turns.items()} for _ in range(ROUNDS)]
    yield from judge(rounds)


def judge(rounds: list[dict[str, float]]) -> Iterator[Row]:
    """Give the rows of some rounds: by way, packets a second."""
    for name in COMPARED:
        yield Row(f"other traffic: {name}", median(r[name] for r in rounds), "packets/s")

    def over(one: str, other: str) -> tuple[str, float, str]:
        return f"other traffic: {one} over {other}", median(r[one] / r[other] for r in rounds), "ratio"

    yield at_least(*over(GATE, PLAIN), 0.97)
    yield Row(*over(HOOK, PLAIN))
    yield at_least(*over(GATE, HOOK), 0.99)
    yield above(*over(GATE, COUNTING), 1)
    yield above(*over(GATE, SPARING), 1)


def _prepare(way: Way, helpers: libbpf.Loaded) -> Callable[[], float]:
    """Put the sink on the servers' side; return what one turn does."""
    _drop_all(way.servers, helpers.programs["sink"])
    server_mac = _mac(way.servers, "gate")
    way.gateway.run("ip", "neigh", "replace", ways.SERVER, "lladdr", server_mac, "dev", "servers")
    way.gateway.call(lambda: live.receive_by_polling("lines"))
    frame = bytes.fromhex(_mac(way.gateway, "lines").replace(":", "")) + _OWN_MAC + _HEADERS
    target = way.lines.call(lambda: socket.if_nametoindex("gate"))
    program = helpers.programs["vary"]

    def turn() -> float:
        programs.vary(helpers.maps, SOURCES, frame, target)
        before = _arrived(helpers)
        with quiet():
            start = time.thread_time_ns()
            live.inject(program, frame, "gate", PACKETS)
            spent = time.thread_time_ns() - start
        if (arrived := _arrived(helpers) - before) < PACKETS * 0.999:
            raise RuntimeError(f"{way.name}: of {PACKETS} packets {arrived} came through: nothing to compare")
        return PACKETS / spent * 1e9

    return lambda: way.lines.call(turn)


def _drop_all(servers: Namespace, program_fd: int) -> None:
    pin = Path(f"/sys/fs/bpf/sekisho_bench_{os.getpid()}")
    bpf.pin(program_fd, str(pin))
    try:
        servers.run("ip", "link", "set", "dev", "gate", "xdp", "pinned", str(pin))
    finally:
        pin.unlink()


def _arrived(helpers: libbpf.Loaded) -> int:
    counts = bpf.read_all(helpers.maps["arrived"])[bytes(4)]
    return sum(struct.unpack(f"={len(counts) // 8}Q", counts))


def _mac(namespace: Namespace, interface: str) -> str:
    link = json.loads(namespace.run("ip", "-json", "link", "show", "dev", interface).stdout)[0]
    return str(link["address"])
