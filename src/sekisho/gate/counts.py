"""Reads what the kernel program has counted, but for lines with a limit of their own, which stay untold.

Lines with an open case are counted apart in the kernel, and towards their class all the same. What they did
by themselves is read by `read_sent` alone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Final

from sekisho.gate import abi, bpf
from sekisho.gate.indices import class_names
from sekisho.model import OWN_LIMIT_ARM, ClassCounters, Counters, Sent, Stage, Totals, stage_arms

_FIRST: Final = bytes(4)
OF_CLASS: Final = tuple(arm for arm in range(abi.MAX_ARMS) if arm != OWN_LIMIT_ARM)


def read_counters(maps: Mapping[str, int]) -> Counters:
    """Return what was counted, all of a class in its first arm; OSError.

    `maps`: their descriptors by name.
    """
    classes = {
        (name, 0): _class_counters(added((arms[arm] for arm in OF_CLASS), abi.COUNTERS))
        for name, arms in arms_by_class(maps, abi.COUNTERS).items()
    }
    sums = read_totals(maps)
    return Counters(classes, Totals(**{of.name: sums[of.name] for of in fields(Totals)}))


def read_totals(maps: Mapping[str, int]) -> dict[str, int]:
    """Return all sums of what belongs to no class, by name; OSError."""
    sums = added([bpf.read_all(maps["totals"])[_FIRST]], abi.TOTALS)
    return dict(zip(abi.TOTAL_SUMS, sums, strict=True))


def read_sent(maps: Mapping[str, int]) -> dict[tuple[str, Stage], tuple[Sent, ...]]:
    """Return what the lines of each class and stage have sent, by the parts of the stage; OSError."""
    return {
        (name, stage): tuple(_sent(added([arms[arm]], abi.COUNTERS)) for arm in stage_arms(stage))
        for name, arms in arms_by_class(maps, abi.COUNTERS).items()
        for stage in Stage
    }


def arms_by_class(maps: Mapping[str, int], table: abi.Layout) -> dict[str, tuple[bytes, ...]]:
    """Return what the table of such structs has of each class, arm by arm; OSError."""
    names = class_names({"class_names": bpf.read_all(maps["class_names"])})
    fd = maps[table.name]
    size = bpf.value_room(bpf.map_info(fd))
    return {
        name: tuple(bpf.lookup(fd, counter_key(index, arm), size) for arm in range(abi.MAX_ARMS))
        for name, index in names.items()
        if name
    }


def added(values: Iterable[bytes], table: abi.Layout) -> tuple[int, ...]:
    """Add up a struct's u64 over some values of a table, and over all CPUs of each."""
    structs = struct.iter_unpack(f"<{table.size // 8}Q", b"".join(values))
    return tuple(map(sum, zip(*structs, strict=True)))


def counter_key(class_index: int, arm: int) -> bytes:
    """Return the key of a class's arm in a table of what is counted."""
    return (class_index * abi.MAX_ARMS + arm).to_bytes(4, "little")


def _sent(sums: tuple[int, ...]) -> Sent:
    counted = _class_counters(sums)
    return Sent(counted.admitted, counted.bytes_out)


def _class_counters(sums: tuple[int, ...]) -> ClassCounters:
    plain = len(abi.COUNTER_SUMS)
    concurrency = sums[plain : plain + abi.CONCURRENCY_BUCKETS]
    named = dict(zip(abi.COUNTER_SUMS, sums, strict=False))
    return ClassCounters(**named, concurrency=concurrency, length=sums[plain + abi.CONCURRENCY_BUCKETS :])
