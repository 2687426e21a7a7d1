"""Reads what the kernel program has counted, but for lines with a limit of their own, which stay untold."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import fields
from typing import Final

from sekisho.gate import abi, bpf
from sekisho.gate.indices import class_names
from sekisho.model import OWN_LIMIT_ARM, ClassCounters, Counters, Totals

_FIRST: Final = bytes(4)
_TOLD: Final = tuple(arm for arm in range(abi.MAX_ARMS) if arm != OWN_LIMIT_ARM)


def read_counters(maps: Mapping[str, int]) -> Counters:
    """Return what was counted by (class, arm), the arms beyond the first with anything in them; OSError.

    `maps`: their descriptors by name.
    """
    classes = {
        key: _class_counters(_sums(row, abi.COUNTERS.size))
        for key, row in rows_by_class(maps, "counters").items()
    }
    sums = read_totals(maps)
    return Counters(classes, Totals(**{of.name: sums[of.name] for of in fields(Totals)}))


def read_totals(maps: Mapping[str, int]) -> dict[str, int]:
    """Return all sums of what belongs to no class, by name; OSError."""
    sums = _sums(bpf.read_all(maps["totals"])[_FIRST], abi.TOTALS.size)
    return dict(zip(abi.TOTAL_SUMS, sums, strict=True))


def rows_by_class(maps: Mapping[str, int], table: str) -> dict[tuple[str, int], bytes]:
    """Return a table's values by (class, arm), the arms beyond the first with anything in them; OSError."""
    names = class_names({"class_names": bpf.read_all(maps["class_names"])})
    rows = bpf.read_all(maps[table])
    found = {
        (name, arm): rows[counter_key(index, arm)] for name, index in names.items() if name for arm in _TOLD
    }
    return {(name, arm): row for (name, arm), row in found.items() if arm == 0 or any(row)}


def counter_key(class_index: int, arm: int) -> bytes:
    """Return the key of a class's arm in a table of what is counted."""
    return (class_index * abi.MAX_ARMS + arm).to_bytes(4, "little")


def _sums(per_cpu: bytes, size: int) -> tuple[int, ...]:
    """Add up one entry's u64 over all CPUs."""
    return tuple(map(sum, zip(*struct.iter_unpack(f"<{size // 8}Q", per_cpu), strict=True)))


def _class_counters(sums: tuple[int, ...]) -> ClassCounters:
    plain = len(abi.COUNTER_SUMS)
    concurrency = sums[plain : plain + abi.CONCURRENCY_BUCKETS]
    named = dict(zip(abi.COUNTER_SUMS, sums, strict=False))
    return ClassCounters(**named, concurrency=concurrency, length=sums[plain + abi.CONCURRENCY_BUCKETS :])
