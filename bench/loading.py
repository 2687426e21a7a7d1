"""How long a million known addresses and a change of a limit take; kernel memory of lines and slots."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final

from bench import cost, programs
from bench.quiet import quiet
from bench.rows import Row, at_most
from sekisho.gate import Tables, libbpf, tables
from sekisho.gate.kernel import KernelGate
from sekisho.model import Limit, Mode

CHANGES: Final = 200
SLOTS: Final = 1 << 18  # the config's default
LINES: Final = 1 << 16


def measure() -> Iterator[Row]:
    """Measure with one known line and with a million."""
    for lines in (1, cost.MANY):
        with programs.gate(frozenset(), lines=LINES, slots=SLOTS, known=cost.MANY + 1) as (loaded, gate):
            empty = _memory(loaded)
            wanted = cost.wanted(lines)
            gc.collect()
            with quiet():
                start = time.monotonic()
                encoded = programs.install(gate, wanted)
                seconds = time.monotonic() - start
            if lines == cost.MANY:
                yield at_most("1,000,000 known addresses, from Wanted into the kernel", seconds, "s", 5)
            yield from _changes(gate, encoded, lines)
            if lines == cost.MANY:
                yield from _memory_rows(empty, _memory(loaded))


def _changes(gate: KernelGate, encoded: Tables, lines: int) -> Iterator[Row]:
    milliseconds = []
    for cap in range(1, 1 + CHANGES):
        with quiet():
            start = time.monotonic()
            change, encoded = tables.limit_change(encoded, "full", Limit(Mode.ENFORCE, cap=cap, delay_ms=0))
            gate.apply([change])
            milliseconds.append((time.monotonic() - start) * 1000)
    name = f"changing a class's limit, {lines:,} known line{'s'[: lines - 1]}"
    yield at_most(f"{name}: median", median(milliseconds), "ms", 1)
    yield Row(f"{name}: worst of {CHANGES}", max(milliseconds), "ms")


def _memory_rows(empty: dict[str, int], full: dict[str, int]) -> Iterator[Row]:
    known = sum(_per_entry(full[name], empty[name]) for name in ("addresses", "known"))
    yield Row("kernel memory: a known line with one address", known, "bytes")
    yield Row("kernel memory: a line with sessions", empty["lines"] / LINES, "bytes")
    peaks = empty["peaks_even"] + empty["peaks_odd"]
    yield Row("kernel memory: room for the peaks of an hour, a line with sessions", peaks / LINES, "bytes")
    yield Row("kernel memory: a slot", empty["slots"] / SLOTS, "bytes")
    yield Row("kernel memory: all tables, 1,000,000 known lines", sum(full.values()) / 2**20, "MiB")


def _per_entry(full: int, empty: int) -> float:
    """Return the bytes of one of a million entries; before 6.4 the kernel knows only what the room takes."""
    return ((full - empty) or full) / cost.MANY


def _memory(loaded: libbpf.Loaded) -> dict[str, int]:
    """Return the bytes of each map, as the kernel accounts for them."""
    return {name: _memlock(fd) for name, fd in loaded.maps.items()}


def _memlock(fd: int) -> int:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines())
    return int(fields["memlock"])
