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
    rows = sums_by_class(maps, abi.COUNTERS, OF_CLASS)
    classes = {(name, 0): _class_counters(row) for name, row in rows.items()}
    sums = read_totals(maps)
    return Counters(classes, Totals(**{of.name: sums[of.name] for of in fields(Totals)}))


def read_totals(maps: Mapping[str, int]) -> dict[str, int]:
    """Return all sums of what belongs to no class, by name; OSError."""
    sums = _sums(bpf.read_all(maps["totals"])[_FIRST], abi.TOTALS.size)
    return dict(zip(abi.TOTAL_SUMS, sums, strict=True))


def read_sent(maps: Mapping[str, int]) -> dict[tuple[str, Stage], tuple[Sent, ...]]:
    """Return what the lines of each class and stage have sent, by the parts of the stage; OSError."""
    parts = {
        stage: [sums_by_class(maps, abi.COUNTERS, [arm]) for arm in stage_arms(stage)] for stage in Stage
    }
    return {
        (name, stage): tuple(_sent(one[name]) for one in some)
        for stage, some in parts.items()
        for name in some[0].keys() & some[-1].keys()
    }


def sums_by_class(
    maps: Mapping[str, int], table: abi.Layout, arms: Iterable[int]
) -> dict[str, tuple[int, ...]]:
    """Return the sums of a table named as its struct, by class, added up over some arms; OSError."""
    names = class_names({"class_names": bpf.read_all(maps["class_names"])})
    fd, some = maps[table.name], tuple(arms)
    room = bpf.value_room(bpf.map_info(fd))
    return {
        name: _sums(b"".join(bpf.lookup(fd, counter_key(index, arm), room) for arm in some), table.size)
        for name, index in names.items()
        if name
    }


def counter_key(class_index: int, arm: int) -> bytes:
    """Return the key of a class's arm in a table of what is counted."""
    return (class_index * abi.MAX_ARMS + arm).to_bytes(4, "little")


def _sums(values: bytes, size: int) -> tuple[int, ...]:
    """Add up the u64 of entries, and of all CPUs, that follow one another."""
    return tuple(map(sum, zip(*struct.iter_unpack(f"<{size // 8}Q", values), strict=True)))


def _sent(sums: tuple[int, ...]) -> Sent:
    counted = _class_counters(sums)
    return Sent(counted.admitted, counted.bytes_out)


def _class_counters(sums: tuple[int, ...]) -> ClassCounters:
    plain = len(abi.COUNTER_SUMS)
    concurrency = sums[plain : plain + abi.CONCURRENCY_BUCKETS]
    named = dict(zip(abi.COUNTER_SUMS, sums, strict=False))
    return ClassCounters(**named, concurrency=concurrency, length=sums[plain + abi.CONCURRENCY_BUCKETS :])
