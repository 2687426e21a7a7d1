"""Where a gate is attached, and how it is taken off, whether or not a daemon runs."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sekisho.api.models import InterfaceStatus
from sekisho.gate.kernel import PIN_ROOT, GateSpec, gate_state, open_gate, remove_gate
from sekisho.gate.links import named
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


def interfaces_before(name: str) -> set[str]:
    """Return the interfaces that a gate has been attached to; what is gone since is still among them."""
    return named(Path(PIN_ROOT, name))


def attach_missing(spec: GateSpec) -> tuple[str, ...]:
    """Attach a gate again where it has lost its interface and there is one of that name; return which.

    Raises GateError.
    """
    on = {one.name for one in gate_state(spec.name).interfaces}
    here = {name for _, name in socket.if_nameindex()}
    missing = {*spec.subscriber, *spec.uplink} - on
    back, away = missing & here, missing - here
    if back:
        subscriber, uplink = (
            tuple(name for name in names if name not in away) for names in (spec.subscriber, spec.uplink)
        )
        open_gate(replace(spec, subscriber=subscriber, uplink=uplink)).close()
    return tuple(sorted(back))


def is_there(name: str) -> bool:
    """Tell whether anything of a gate is in the kernel."""
    return Path(PIN_ROOT, name).exists()


def take_down(name: str) -> None:
    """Detach a gate and remove its rules and pins. Raises GateError."""
    remove_rules(name)  # first: it refuses, before anything is changed, from another network namespace
    remove_gate(name)
