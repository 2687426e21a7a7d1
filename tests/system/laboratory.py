"""The laboratory as an operator starts it, and what it leaves behind."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

LAB = (sys.executable, "-m", "sekisho.lab")
# Every program of the laboratory ends within seconds of being asked; a loaded machine needs more.
END_SECONDS = 60.0
RUN_SECONDS = 180.0


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start a laboratory by its command and options, its words on one pipe."""
    return subprocess.Popen(
        (*LAB, *arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    )


def end(process: subprocess.Popen[str]) -> str:
    """Wait for its end and return what else it said."""
    try:
        said, _ = process.communicate(timeout=RUN_SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=END_SECONDS)
        raise
    return said


def end_early(number: signal.Signals, moment: str, *arguments: str) -> set[int]:
    """End a laboratory by a signal when it says what matches; return its namespaces, none of them left."""
    with start(*arguments) as process:
        run = read_to(process, r"namespaces sekisho-lab-(\w+)-")[1]
        read_to(process, moment)
        namespaces = inside(run)
        process.send_signal(number)
        said = end(process)
    assert process.returncode == 128 + number
    assert f"ended by {number.name}; everything is cleaned up" in said
    assert left(run, namespaces) == []
    return namespaces


def read_to(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """Read what it says until a line matches."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if match := re.search(pattern, line):
            return match
    raise AssertionError(f"it ended without {pattern!r}: {''.join(said)}")


def inside(run: str) -> set[int]:
    """Name the run's network namespaces by inode, which outlives their names."""
    return {path.stat().st_ino for path in Path("/run/netns").glob(f"sekisho-lab-{run}-*")}


def left(run: str, namespaces: set[int]) -> list[str]:
    """List what a run has left on the machine."""
    paths = [
        *Path("/run/netns").glob(f"sekisho-lab-{run}-*"),
        *Path(tempfile.gettempdir()).glob(f"sekisho-lab-{run}-*"),
        *Path("/sys/fs/bpf/sekisho").glob(f"lab-{run}*"),
        *Path("/run/sekisho").glob(f"lab-{run}*"),
    ]
    return [*map(str, paths), *processes_in(namespaces)]


def processes_in(namespaces: set[int]) -> Iterator[str]:
    """List processes in network namespaces; a zombie is in none."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "ns/net").stat().st_ino in namespaces:
                yield (process / "cmdline").read_text().replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
