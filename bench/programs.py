"""The gate's programs and the bench's own, loaded but attached nowhere."""

from __future__ import annotations

import platform
import struct
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sekisho.gate import Tables, bpf, libbpf, tables
from sekisho.gate.kernel import GateSpec, KernelGate, load
from sekisho.model import Wanted

BUILD: Final = Path(__file__).parent.parent / "build" / "bench"
HELPERS: Final = BUILD / "helpers.bpf.o"

_SOURCE: Final = Path(__file__).with_name("helpers.bpf.c")
_FIRST: Final = bytes(4)


def compile_helpers() -> None:
    """Compile the bench's own programs with the newest clang there is."""
    BUILD.mkdir(parents=True, exist_ok=True)
    include = f"/usr/include/{platform.machine()}-linux-gnu"
    flags = ("-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Werror", f"-I{include}")
    subprocess.run([newest_clang(), *flags, "-c", _SOURCE, "-o", HELPERS], check=True)


def newest_clang() -> str:
    """Return the newest clang's path; Debian 12 has only clang-14 under its number."""
    numbered = [path for path in Path("/usr/bin").glob("clang-*") if path.name[6:].isdecimal()]
    newest = max(numbered, key=lambda path: int(path.name[6:]), default=Path("/usr/bin/clang"))
    return str(newest)


@contextmanager
def helpers() -> Iterator[libbpf.Loaded]:
    """Load the bench's own programs."""
    loaded = libbpf.load(HELPERS, pin_dir=None, sizes={})
    try:
        yield loaded
    finally:
        loaded.close()


@contextmanager
def gate(
    programs: frozenset[str], *, lines: int, slots: int, known: int
) -> Iterator[tuple[libbpf.Loaded, KernelGate]]:
    """Load some of the gate's programs with tables of these sizes."""
    spec = GateSpec("bench", (), (), lines, slots, known, addresses=known)
    loaded = load(spec, programs, pin_dir=None)
    try:
        yield loaded, KernelGate(loaded)
    finally:
        loaded.close()


def install(gate: KernelGate, wanted: Wanted) -> Tables:
    """Write what is wanted into an empty gate, and return the tables."""
    encoded = tables.encode(wanted, tables.EMPTY, hold_by_queue=True, learning_until_ns=0)
    gate.apply(tables.diff(tables.EMPTY, encoded))
    return encoded


def vary(maps: Mapping[str, int], line_mask: int, headers: bytes = b"", ifindex: int = 0) -> None:
    """Let `fresh` or `vary` start anew, with these low bits of the line's address varying in a frame."""
    bpf.update(maps["variation"], _FIRST, struct.pack("=II54s2xI", 0, line_mask, headers, ifindex))


def put_under_test(maps: Mapping[str, int], program_fd: int) -> None:
    """Let `fresh` run a program."""
    bpf.update(maps["under_test"], _FIRST, struct.pack("=I", program_fd))
