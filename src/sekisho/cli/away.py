"""What can be told and done while no daemon runs: the kernel has it all in the gate's pins."""

from __future__ import annotations

from sekisho.api.client import socket_path
from sekisho.api.models import Status
from sekisho.daemon.attached import interfaces_before, interfaces_now, is_there, take_down
from sekisho.daemon.describe import NOT_ATTACHED, describe
from sekisho.daemon.lock import only_daemon
from sekisho.gate.kernel import read_pinned
from sekisho.plan import installed_limits


def status_without_daemon(name: str) -> Status:
    """Describe a gate from its pins. Raises GateError when they cannot be read."""
    interfaces = interfaces_now(name)
    if not interfaces:
        return Status(name=name, state=NOT_ATTACHED)
    tables, counters = read_pinned(name)
    return describe(name, interfaces, installed_limits(tables), counters, configured=interfaces_before(name))


def down_without_daemon(name: str) -> bool:
    """Take a gate down; tell whether there was one. Raises GateError."""
    with only_daemon(name):
        was_there = is_there(name)
        take_down(name)
        socket_path(name).unlink(missing_ok=True)  # of a daemon that was killed
        return was_there
