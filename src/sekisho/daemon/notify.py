"""Tells systemd how the daemon is doing (sd_notify(3)); without systemd it tells nobody."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify(*lines: str) -> None:
    """Send lines such as READY=1 to the service manager, where there is one that listens.

    The daemon's work does not wait for a manager that is slow.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
        manager.setblocking(False)
        with suppress(BlockingIOError, ConnectionRefusedError, FileNotFoundError):
            manager.sendto("\n".join(lines).encode(), address)


def wants_watchdog() -> bool:
    """Tell whether the service manager waits for WATCHDOG=1."""
    return "WATCHDOG_USEC" in os.environ
