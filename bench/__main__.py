"""`python -m bench [GROUP …]`: measure all groups of rows or those named, print tables, write gate.json.

Exit status: 0 all that is wanted holds, 1 something does not.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

from bench import cost, holding, lab, loading, packets, programs, roster, rows, sessions
from bench.rows import Row
from sekisho.gate import GateError

GROUPS: Final[dict[str, Callable[[], Iterator[Row]]]] = {
    "packets": packets.measure,
    "sessions": sessions.measure,
    "cost": cost.measure,
    "hold": holding.measure,
    "loading": loading.measure,
    "roster": roster.measure,
    "lab": lab.measure,
}


def main(names: list[str]) -> int:
    """Measure; a group's rows are shown as soon as they are there."""
    if unknown := set(names) - set(GROUPS):
        print(f"bench: no group {', '.join(sorted(unknown))}; there are: {', '.join(GROUPS)}")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that all is taken down
    programs.compile_helpers()
    measured: list[Row] = []
    for name in names or GROUPS:
        print(f"bench: measuring {name} …", flush=True)
        start = time.monotonic()
        group = _measured(name)
        rows.show(f"{name}, {time.monotonic() - start:.0f} s", group)
        measured += group
    rows.write(measured, programs.BUILD / "gate.json")
    failing = [row.name for row in measured if row.holds is False]
    for name in failing:
        print(f"bench: does not hold: {name}")
    return 1 if failing else 0


def _measured(name: str) -> list[Row]:
    """Measure a group; that it could not be is a row too, and the others go on."""
    try:
        return list(GROUPS[name]())
    except (GateError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        return [Row(f"{name}: not measured: {error}", 0, "", "measured", holds=False)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
