"""Structs, enums and maps as the built object's BTF describes them (kernel: Documentation/bpf/btf.rst)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

INT, PTR, ARRAY, STRUCT, UNION, ENUM, TYPEDEF, VOLATILE, CONST, RESTRICT, VAR = (
    1,
    2,
    3,
    4,
    5,
    6,
    8,
    9,
    10,
    11,
    14,
)
MODIFIERS = {TYPEDEF, VOLATILE, CONST, RESTRICT}
TAIL_SIZES = {INT: 4, ARRAY: 12, VAR: 4, 17: 4}  # bytes behind btf_type; 17: DECL_TAG
TAIL_SIZES_EACH = {STRUCT: 12, UNION: 12, ENUM: 8, 13: 8, 15: 12, 19: 12}  # 13: FUNC_PROTO, 15: DATASEC


@dataclass
class Type:
    kind: int
    name: str
    size_or_type: int
    members: list[tuple[str, int, int]] = field(default_factory=list)  # name, type, bit offset
    values: dict[str, int] = field(default_factory=dict)
    array: tuple[int, int] = (0, 0)  # element type, count


def section(path: Path, wanted: str) -> bytes:
    """Return an ELF64 section's bytes by name."""
    data = path.read_bytes()
    (table,) = struct.unpack_from("<Q", data, 0x28)
    entry_size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", data, table + n * entry_size) for n in range(count)]
    names_at = headers[names][4]
    for name, _, _, _, offset, size in headers:
        if data[names_at + name :].split(b"\0", 1)[0].decode() == wanted:
            return data[offset : offset + size]
    raise LookupError(wanted)


def types(path: Path) -> list[Type]:
    """Return all types; an id is the index."""
    data = section(path, ".BTF")
    header, types_at, types_size, strings_at = struct.unpack_from("<IIII", data, 4)
    strings = data[header + strings_at :]

    def name_at(offset: int) -> str:
        return strings[offset:].split(b"\0", 1)[0].decode()

    found = [Type(0, "void", 0)]
    at, end = header + types_at, header + types_at + types_size
    while at < end:
        name, info, size_or_type = struct.unpack_from("<III", data, at)
        kind, count = info >> 24 & 0x1F, info & 0xFFFF
        made = Type(kind, name_at(name), size_or_type)
        tail = at + 12
        if kind in (STRUCT, UNION):
            for member in struct.iter_unpack("<III", data[tail : tail + 12 * count]):
                made.members.append((name_at(member[0]), member[1], member[2] & 0xFFFFFF))
        elif kind == ENUM:
            for value in struct.iter_unpack("<Ii", data[tail : tail + 8 * count]):
                made.values[name_at(value[0])] = value[1]
        elif kind == ARRAY:
            element, _, number = struct.unpack_from("<III", data, tail)
            made.array = element, number
        found.append(made)
        at = tail + TAIL_SIZES.get(kind, 0) + TAIL_SIZES_EACH.get(kind, 0) * count
    return found


def size_of(all_types: list[Type], number: int) -> int:
    """Return a type's size in bytes."""
    kind = all_types[number]
    if kind.kind in MODIFIERS:
        return size_of(all_types, kind.size_or_type)
    if kind.kind == ARRAY:
        return size_of(all_types, kind.array[0]) * kind.array[1]
    return 8 if kind.kind == PTR else kind.size_or_type
