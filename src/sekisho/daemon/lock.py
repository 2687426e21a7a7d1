"""At most one process acts on a gate: a lock beside its socket."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sekisho.api.client import lock_path
from sekisho.gate import GateError


@contextmanager
def only_daemon(name: str) -> Iterator[None]:
    """Hold the lock by which one daemon at most runs for a gate.

    Raises GateError when it is taken, or for want of rights.
    """
    path = lock_path(name)
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        lock = path.open("a")
    except OSError as error:
        raise GateError(f"{path} cannot be made ({error.strerror}): run this as root") from error
    with lock:
        if not _is_ours(lock.fileno(), path):
            raise GateError(
                f"another daemon runs for gate {name!r} ({path} is locked): stop it first, "
                "or give this gate another name in [gate]"
            )
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _is_ours(lock: int, path: Path) -> bool:
    """Try to take the lock; one whose file has gone meanwhile is worth nothing."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(lock).st_ino == path.stat().st_ino
    except (BlockingIOError, FileNotFoundError):
        return False
