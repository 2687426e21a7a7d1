"""Processes of the daemon's own."""

from __future__ import annotations

import errno
import sys


def command(module: str, *arguments: object) -> tuple[str, ...]:
    """Return how a module of ours is run as a process."""
    # -P: whatever lies in the directory from which somebody starts the daemon is no module of ours.
    return (sys.executable, "-P", "-m", module, *map(str, arguments))


def why_not_started(error: OSError) -> str:
    """Say what was missing and the way out."""
    way_out = {
        errno.EAGAIN: "let this machine run more processes (TasksMax=, ulimit -u)",
        errno.EMFILE: "let the daemon open more files (LimitNOFILE=, ulimit -n)",
        errno.ENFILE: "let this machine open more files (fs.file-max)",
        errno.ENOMEM: "give this machine more memory",
    }
    return f"{error.strerror}: {way_out.get(error.errno or 0, f'see that {sys.executable} can be run')}"
