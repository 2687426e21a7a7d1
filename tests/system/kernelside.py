"""What the kernel holds of a gate, read from its pinned maps and from no daemon."""

from __future__ import annotations

import os
import struct
from collections import Counter
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from sekisho.gate import abi, bpf
from sekisho.gate.kernel import PIN_ROOT
from tests.system.waiting import until

_SLOT_FIELDS = [name for name, code in abi.SLOT.fields if not code.endswith("x")]
_LIVE = {abi.SLOT_SYN, abi.SLOT_OPEN, abi.SLOT_HALF}


@dataclass(frozen=True)
class Slots:
    """Live slots by the address that opened them, and sessions by line as the lines count them."""

    by_address: Counter[str]
    by_line: Counter[int]

    @property
    def total(self) -> int:
        """All live slots; the lines count the same."""
        return self.by_address.total()


def read_slots(name: str) -> Slots:
    """Read a gate's slots once its lines agree with them, each with its own.

    The two maps are read one after the other: while sessions begin or end they differ for a moment.
    """
    found = Slots(Counter(), Counter())

    def agree() -> bool:
        nonlocal found
        found = _live(name)
        return found.by_line == _charged(name)

    until(agree)
    return found


def _live(name: str) -> Slots:
    by_address: Counter[str] = Counter()
    by_line: Counter[int] = Counter()
    for key, value in _entries(name, "slots").items():
        slot = dict(zip(_SLOT_FIELDS, struct.unpack(abi.SLOT.format, value), strict=True))
        if slot["state"] in _LIVE:
            address, *_ = struct.unpack(abi.SLOT_KEY.format, key)
            by_address[_shown(address)] += 1
            by_line[slot["line"]] += 1
    return Slots(by_address, by_line)


def _charged(name: str) -> Counter[int]:
    """Return sessions by line, as the lines count them."""
    charged: Counter[int] = Counter()
    for key, value in _entries(name, "lines").items():
        _, sessions, _ = struct.unpack(abi.LINE.format, value)
        charged[int.from_bytes(key, "little")] = sessions
    return +charged


def _shown(address: bytes) -> str:
    found = ip_address(address)
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


def _entries(name: str, map_name: str) -> dict[bytes, bytes]:
    fd = bpf.get_pinned(str(Path(PIN_ROOT, name, map_name)))
    try:
        return bpf.read_all(fd)
    finally:
        os.close(fd)
