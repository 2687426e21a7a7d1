"""A list of a million lines imported into a running daemon, and one in which every address is another's."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

import numpy as np

from bench import nas
from bench.rows import Row, at_most
from bench.site import Site, expected_holders, memory_mib, site
from sekisho.api.client import ask

LINES: Final = 1_000_000
ROOM: Final = 1 << 20
PATIENCE_SECONDS: Final = 600.0
_LOOK_SECONDS: Final = 0.2


def measure() -> Iterator[Row]:
    """Import both lists, and wait each time until the kernel has them."""
    with site() as where:
        where.configure(where.file_url, ROOM)
        daemon = where.start()
        daemon.wait_for("READY=1")
        for moved, what in (0, "a first list"), (1, "every address moved"):
            name = f"list of {LINES:,} lines, {what}"
            yield Row(f"{name}: imported and answered", _import(where, moved), "s")
            yield Row(f"{name}: in the kernel after that", _wait_until_whole(where), "s")
            if wrong := np.count_nonzero(where.holders(LINES) != expected_holders(LINES, moved)):
                raise RuntimeError(f"{wrong:,} addresses are not in the kernel as in the list")
        yield at_most(
            f"list of {LINES:,} lines: memory of the daemon, at most", memory_mib(daemon), "MiB", 1024
        )
        daemon.end()


def _import(where: Site, moved: int) -> float:
    """Import a list by the command that operators use; return the seconds that it takes."""
    file = _written(where.directory / "lines.csv", moved)
    program = Path(sys.executable).with_name("sekisho")
    start = time.monotonic()
    subprocess.run(
        [program, "line", "import", file, "--name", where.name], check=True, stdout=subprocess.DEVNULL
    )
    return time.monotonic() - start


def _written(file: Path, moved: int) -> Path:
    """Write a list in which each line has the address so many places after its own."""
    with file.open("w", encoding="ascii") as out:
        out.write("line,class,addresses\n")
        for line in range(LINES):
            address = IPv4Address(nas.FIRST + (line + moved) % LINES)
            out.write(f"{nas.name_of(line)},dynamic,{address}\n")
    return file


def _wait_until_whole(where: Site) -> float:
    """Wait until the gate has all lines; return the seconds."""
    start = time.monotonic()
    while not ask(where.name, "GET", "/v1/lines/status")["gate_is_whole"]:
        if time.monotonic() > start + PATIENCE_SECONDS:
            raise RuntimeError("the list is not in the kernel in time")
        time.sleep(_LOOK_SECONDS)
    return time.monotonic() - start
