"""The hold's figures, by `bench.hold` in a process of its own, whose threads it measures."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

from bench.rows import Row


def measure() -> Iterator[Row]:
    """Run `bench.hold` and take its rows."""
    done = subprocess.run([sys.executable, "-m", "bench.hold"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"bench.hold ended with status {done.returncode}: {done.stderr.strip()}")
    for line in done.stdout.splitlines():
        yield Row(**json.loads(line))
