"""Programs started inside the laboratory's namespaces, and their end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryFile

_GRACE_SECONDS = 2.0
_POLL_SECONDS = 0.02
_ENTER_SECONDS = 0.001


def stdout_of(log: Path) -> Path:
    """Name the file of what a program writes to stdout, beside its log."""
    return log.with_suffix(".out")


def start(namespace: str, argv: Sequence[str], log: Path, text: str = "") -> subprocess.Popen[bytes]:
    """Start a program in a namespace, `text` on its stdin, its stderr appended to `log`.

    When this returns it is inside (or has ended): whoever looks for the namespace's processes finds it.
    It leads a process group of its own, so that Ctrl-C reaches the laboratory alone.
    `nsenter --net`, unlike `ip netns exec`, leaves the BPF file system in sight.
    """
    path = Path("/run/netns", namespace)
    with log.open("ab") as errors, stdout_of(log).open("ab") as output, TemporaryFile() as source:
        source.write(text.encode())
        source.seek(0)
        process = subprocess.Popen(
            ("nsenter", f"--net={path}", "--", *argv),
            stdin=source,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
    while process.poll() is None and _network(process.pid) != path.stat().st_ino:
        time.sleep(_ENTER_SECONDS)
    return process


def inside(namespaces: Iterable[str]) -> list[int]:
    """List the processes in network namespaces, whoever started them there."""
    paths = [Path("/run/netns", name) for name in namespaces]
    networks = {path.stat().st_ino for path in paths if path.exists()}
    pids = [int(process.name) for process in Path("/proc").glob("[0-9]*")]
    return [pid for pid in pids if _network(pid) in networks]


def _network(pid: int) -> int | None:
    """Return the inode of a process's network namespace; None when it has ended or is out of reach."""
    try:
        return Path(f"/proc/{pid}/ns/net").stat().st_ino
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def end(pids: Iterable[int]) -> None:
    """End processes by pid: SIGTERM first, SIGKILL to those that stay."""
    remaining = list(pids)
    for number in (signal.SIGTERM, signal.SIGKILL):
        remaining = _signal(remaining, number)
        deadline = time.monotonic() + _GRACE_SECONDS
        while remaining and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            remaining = [pid for pid in remaining if _alive(pid)]


def _signal(pids: Iterable[int], number: signal.Signals) -> list[int]:
    reached = []
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
        reached.append(pid)
    return reached


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
