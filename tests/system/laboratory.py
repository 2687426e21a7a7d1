"""The laboratory as an operator starts it, and what it leaves behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Container, Iterator
from pathlib import Path

LAB = (sys.executable, "-m", "sekisho.lab")
# Every program of the laboratory ends within seconds of being asked; a loaded machine needs more.
END_SECONDS = 60.0
RUN_SECONDS = 400.0


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


def end_early(number: signal.Signals, moment: str, *arguments: str) -> int:
    """End a laboratory by a signal when it says what matches; return how many namespaces it had."""
    with start(*arguments) as process:
        run = read_to(process, r"namespaces sekisho-lab-(\w+)-")[1]
        read_to(process, moment)
        namespaces = inside(run)
        process.send_signal(number)
        said = end(process)
    assert process.returncode == 128 + number
    assert f"ended by {number.name}; everything is cleaned up" in said
    found = left(run, namespaces)
    assert not found, found
    return len(namespaces)


def read_to(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """Read what it says until a line matches."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if match := re.search(pattern, line):
            return match
    raise AssertionError(f"it ended without {pattern!r}: {''.join(said)}")


def inside(run: str) -> dict[int, int]:
    """Open the run's network namespaces; return their inodes, which outlive their names.

    While they are open, no namespace that others make gets the number of one that has ended.
    """
    paths = Path("/run/netns").glob(f"sekisho-lab-{run}-*")
    opened = [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in paths]
    return {os.fstat(namespace).st_ino: namespace for namespace in opened}


def left(run: str, namespaces: dict[int, int]) -> list[str]:
    """List what a run has left on the machine; closes its namespaces."""
    paths = [
        *Path("/run/netns").glob(f"sekisho-lab-{run}-*"),
        *Path(tempfile.gettempdir()).glob(f"sekisho-lab-{run}-*"),
        *Path("/sys/fs/bpf/sekisho").glob(f"lab-{run}*"),
        *Path("/run/sekisho").glob(f"lab-{run}*"),
    ]
    found = [*map(str, paths), *processes_in(namespaces)]
    for namespace in namespaces.values():
        os.close(namespace)
    return found


def processes_in(namespaces: Container[int]) -> Iterator[str]:
    """List processes in network namespaces; a zombie is in none."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "ns/net").stat().st_ino in namespaces:
                yield (process / "cmdline").read_text().replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
