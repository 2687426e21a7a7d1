"""The gate: what the office wants, as bytes in kernel tables, and the door through which they go.

`tables` computes (pure), `kernel` applies, `hold` releases what waits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

Tables = Mapping[str, Mapping[bytes, bytes]]
"""Map name → key → value, the exact bytes in the kernel; an array's entries of zeros are left out."""


class GateError(Exception):
    """Something the gate needs is missing or in the way: who, which value, and the way out."""


class FullError(GateError):
    """A table of lines has no room for all; what has room has been written."""


@dataclass(frozen=True, slots=True)
class Change:
    """What to delete from one map and then to write into it, by key."""

    map_name: str
    deletes: Collection[bytes] = ()
    updates: Mapping[bytes, bytes] = field(default_factory=dict)
