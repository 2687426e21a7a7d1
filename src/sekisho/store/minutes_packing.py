"""Histograms as bytes, and the last reading of a gate as JSON.

A histogram is the width of its numbers (1, 2, 4 or 8 bytes) and then these, little-endian, up to the last
that is not zero; nothing where all are. Most take some 20 bytes.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sekisho.measure.equipment import Equipment, Meter
from sekisho.measure.readings import Held, Reading
from sekisho.model import ClassCounters
from sekisho.store.moments import from_us, to_us

_CODES: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}


def pack_histogram(counts: tuple[int, ...]) -> bytes:
    """Return the counts of buckets as bytes; zeros at the end are lost."""
    size = max((number for number, count in enumerate(counts, 1) if count), default=0)
    if not size:
        return b""
    width = next(width for width in _CODES if max(counts) < 1 << 8 * width)
    return bytes((width,)) + struct.pack(f"<{size}{_CODES[width]}", *counts[:size])


def unpack_histogram(packed: bytes) -> tuple[int, ...]:
    """Return the counts of buckets, up to the last that is not zero."""
    if not packed:
        return ()
    width = packed[0]
    return struct.unpack_from(f"<{(len(packed) - 1) // width}{_CODES[width]}", packed, 1)


def pack_reading(reading: Reading) -> str:
    """Return a reading as JSON, moments in microseconds."""
    return json.dumps(
        {
            "run": reading.run,
            "at": to_us(reading.at),
            "uptime_ns": reading.uptime_ns,
            "classes": [[*key, asdict(counts)] for key, counts in reading.classes.items()],
            "held": {
                name: [one.arm, one.phase, to_us(one.since), one.washout, to_us(one.until)]
                for name, one in reading.held.items()
            },
            "equipment": None if reading.equipment is None else asdict(reading.equipment),
        }
    )


def unpack_reading(gate: str, packed: str) -> Reading:
    """Return the reading of a gate."""
    read: dict[str, Any] = json.loads(packed)
    classes = {(name, arm): _counters(counts) for name, arm, counts in read["classes"]}
    held = {
        name: Held(arm, phase, from_us(since), washout, from_us(until))
        for name, (arm, phase, since, washout, until) in read["held"].items()
    }
    at: datetime = from_us(read["at"])
    equipment = read.get("equipment")  # not there in what was kept before it was read
    return Reading(
        gate, read["run"], at, read["uptime_ns"], classes, held, equipment and _equipment(equipment)
    )


def _equipment(read: dict[str, Any]) -> Equipment:
    meters = {name: Meter(one["run"], tuple(one["counts"])) for name, one in read["meters"].items()}
    return Equipment(meters, read["waiting"], read["highest"])


def _counters(read: dict[str, Any]) -> ClassCounters:
    return ClassCounters(
        **{**read, "concurrency": tuple(read["concurrency"]), "length": tuple(read["length"])}
    )
