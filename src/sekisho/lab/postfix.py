"""A Postfix of the laboratory: a mail system of its own, with its own config, queue and log."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

# Nothing in a chroot, no listener.
_SERVICES = (
    "pickup unix n - n 60 1 pickup",
    "cleanup unix n - n - 0 cleanup",
    "qmgr unix n - n 300 1 qmgr",
    "rewrite unix - - n - - trivial-rewrite",
    "bounce unix - - n - 0 bounce",
    "defer unix - - n - 0 bounce",
    "trace unix - - n - 0 bounce",
    "flush unix n - n 1000? 0 flush",
    "proxymap unix - - n - - proxymap",
    "tlsmgr unix - - n 1000? 1 tlsmgr",
    "smtp unix - - n - - smtp",
    "showq unix n - n - - showq",
    "error unix - - n - - error",
    "retry unix - - n - - error",
    "scache unix - - n - 1 scache",
    "postlog unix-dgram n - n - 1 postlogd",
)


def lay_out(directory: Path, host: str, settings: Iterable[str], services: Iterable[str] = ()) -> Path:
    """Write the config and the empty queue below `directory`; return the config's directory."""
    etc = directory / "etc"
    for path in (etc, directory / "queue", directory / "data"):
        path.mkdir(parents=True)
    for name, text in config(directory, host, settings, services).items():
        (etc / name).write_text(text)
    subprocess.run(("chown", "postfix", str(directory / "data")), check=True, capture_output=True)
    return etc


def config(
    directory: Path, host: str, settings: Iterable[str], services: Iterable[str] = ()
) -> Mapping[str, str]:
    """Write the two files of the config.

    `settings`, `services`: rows of main.cf and master.cf beside those that every Postfix here has.
    """
    main = (
        "compatibility_level = 3.6",
        f"queue_directory = {directory}/queue",
        f"data_directory = {directory}/data",
        f"maillog_file = {directory}/log",
        f"maillog_file_prefixes = {directory}",
        "inet_protocols = all",
        f"myhostname = {host}",
        f"myorigin = {host}",
        "mydestination =",
        "alias_maps =",
        "alias_database =",
        "local_recipient_maps =",
        "smtp_host_lookup = native",
        *settings,
    )
    return {"main.cf": "\n".join(main) + "\n", "master.cf": "\n".join((*_SERVICES, *services)) + "\n"}


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
