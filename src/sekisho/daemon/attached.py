"""Where a gate is attached, and how it is taken off, whether or not a daemon runs."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sekisho.api.models import InterfaceStatus
from sekisho.gate.kernel import PIN_ROOT, gate_state, remove_gate
from sekisho.gate.rules import remove_rules


def interfaces_now(name: str) -> tuple[InterfaceStatus, ...]:
    """Look where a gate is attached. Raises GateError."""
    booted_at = datetime.now(UTC) - timedelta(
        microseconds=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000
    )
    return tuple(
        InterfaceStatus(
            name=one.name,
            role=one.role,
            hook=one.hook,
            program=one.tag,
            since=booted_at + timedelta(microseconds=one.loaded_ns // 1_000),
        )
        for one in gate_state(name).interfaces
    )


def is_there(name: str) -> bool:
    """Tell whether anything of a gate is in the kernel."""
    return Path(PIN_ROOT, name).exists()


def take_down(name: str) -> None:
    """Detach a gate and remove its rules and pins. Raises GateError."""
    remove_rules(name)  # first: it refuses, before anything is changed, from another network namespace
    remove_gate(name)
