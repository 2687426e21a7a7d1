"""The honest office's Postfix: a mail system of its own, with its own config, queue and log."""

from __future__ import annotations

import subprocess
from pathlib import Path

from sekisho.lab import programs


def lay_out(directory: Path) -> Path:
    """Write the config and the empty queue below `directory`; return the config's directory."""
    etc = directory / "etc"
    for path in (etc, directory / "queue", directory / "data"):
        path.mkdir(parents=True)
    (etc / "main.cf").write_text(programs.postfix_main(directory))
    (etc / "master.cf").write_text(programs.postfix_master())
    subprocess.run(("chown", "postfix", str(directory / "data")), check=True, capture_output=True)
    return etc


def start_argv(etc: Path) -> tuple[str, ...]:
    """Run Postfix in the foreground."""
    return ("postfix", "-c", str(etc), "start-fg")


def flush_argv(etc: Path) -> tuple[str, ...]:
    """Try what was deferred now; Postfix would by itself within minutes."""
    return ("postqueue", "-c", str(etc), "-f")


def is_up(etc: Path) -> bool:
    """Tell whether the queue takes mail and somebody picks it up."""
    return (etc.parent / "queue/public/pickup").exists()


def queued(etc: Path) -> int:
    """Count the messages in the queue."""
    queue = etc.parent / "queue"
    directories = ("maildrop", "incoming", "active", "deferred")
    return sum(1 for name in directories for path in (queue / name).rglob("*") if path.is_file())


def log(etc: Path) -> str:
    """Return what Postfix has logged."""
    path = etc.parent / "log"
    return path.read_text(errors="replace") if path.exists() else ""
