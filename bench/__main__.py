"""`python -m bench [GROUP …]`: measure all groups of rows or those named, print tables, write JSON.

Exit status: 0 all that is wanted holds, 1 something does not.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

from bench import (
    accounting,
    cost,
    desk,
    desk_way,
    following,
    freeradius,
    history,
    holding,
    lab,
    listing,
    loading,
    packets,
    programs,
    restart,
    roster,
    rows,
    sessions,
    storm,
)
from bench.rows import Row
from sekisho.gate import GateError
from sekisho.store import StoreError

Measure = Callable[[], Iterator[Row]]

FILES: Final[dict[str, dict[str, Measure]]] = {
    "gate.json": {
        "packets": packets.measure,
        "sessions": sessions.measure,
        "cost": cost.measure,
        "hold": holding.measure,
        "loading": loading.measure,
        "following": following.measure,
        "lab": lab.measure,
    },
    "lines.json": {
        "roster": roster.measure,
        "restart": restart.measure,
        "listing": listing.measure,
        "accounting": accounting.measure,
        "freeradius": freeradius.measure,
        "storm": storm.measure,
        "history": history.measure,
    },
    "desk.json": {
        "reports": desk.measure,
        "way": desk_way.measure,
    },
}
GROUPS: Final = [name for groups in FILES.values() for name in groups]


def main(names: list[str]) -> int:
    """Measure; a group's rows are shown as soon as they are there."""
    if unknown := set(names) - set(GROUPS):
        print(f"bench: no group {', '.join(sorted(unknown))}; there are: {', '.join(GROUPS)}")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that all is taken down
    programs.compile_helpers()
    failing: list[str] = []
    for file, groups in FILES.items():
        measured = [row for name in groups if name in (names or GROUPS) for row in _shown(name, groups[name])]
        if measured:
            rows.write(measured, programs.BUILD / file)
        failing += [row.name for row in measured if row.holds is False]
    for name in failing:
        print(f"bench: does not hold: {name}")
    return 1 if failing else 0


def _shown(name: str, measure: Measure) -> list[Row]:
    """Measure a group and show it."""
    print(f"bench: measuring {name} …", flush=True)
    start = time.monotonic()
    group = _measured(name, measure)
    rows.show(f"{name}, {time.monotonic() - start:.0f} s", group)
    return group


def _measured(name: str, measure: Measure) -> list[Row]:
    """Measure a group; that it could not be is a row too, and the others go on."""
    try:
        return list(measure())
    except (GateError, StoreError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        return [Row(f"{name}: not measured: {error}", 0, "", "measured", holds=False)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
