"""Reads what the machine's processors, this process and the gate's interfaces have counted."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from sekisho.measure.equipment import (
    CPU,
    DAEMON,
    INTERFACE,
    Meter,
    cpu_meter,
    interface_counts,
    process_meter,
)

_STAT: Final = Path("/proc/stat")
_PROCESS: Final = Path("/proc/self/stat")
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_INTERFACES: Final = Path("/proc/thread-self/net/dev")  # of the network namespace of whoever reads


def boot_id() -> str:
    """Return what tells this boot of the machine from all others."""
    return _BOOT.read_text().strip()


def read_meters(interfaces: Iterable[str], boot: str) -> dict[str, Meter]:
    """Read all meters but the hold's; `boot` tells the boots of a machine apart.

    An interface that is not there has none. OSError or ValueError where a text cannot be read.
    """
    ticks = os.sysconf("SC_CLK_TCK")
    return {
        CPU: cpu_meter(_STAT.read_text(), ticks, boot),
        DAEMON: process_meter(_PROCESS.read_text(), ticks, boot),
        **dict(_of_interfaces(interfaces, boot)),
    }


def _of_interfaces(interfaces: Iterable[str], boot: str) -> Iterator[tuple[str, Meter]]:
    before = _indices(interfaces)
    counts = interface_counts(_INTERFACES.read_text())
    after = _indices(interfaces)
    for name, index in before.items():
        if name in counts and after.get(name) == index:  # else it was made anew while we read
            yield f"{INTERFACE}{name}", Meter(f"{boot}/{index}", counts[name])


def _indices(interfaces: Iterable[str]) -> dict[str, int]:
    """Return the kernel's numbers of interfaces: one that is made anew has another."""
    return {name: index for index, name in socket.if_nameindex() if name in interfaces}
