"""Python's view of the shared structs and limits is the built object's own."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from sekisho.gate import abi
from tests.kernel import btf
from tests.kernel.twin import OBJECT

TYPES = btf.types(OBJECT)
STRUCTS = {kind.name: kind for kind in TYPES if kind.kind == btf.STRUCT}
HEADER = Path(__file__).parents[2] / "bpf" / "gate.h"


def layout_offsets(layout: abi.Layout) -> dict[str, int]:
    offsets, at = {}, 0
    for name, code in layout.fields:
        offsets[name] = at
        at += struct.calcsize("<" + code)
    return offsets


def btf_offsets(name: str) -> dict[str, int]:
    """Bit fields of one byte are one field in Python, named after both."""
    offsets: dict[str, int] = {}
    for member, _, bit in STRUCTS[name].members:
        if bit % 8:
            first, _ = offsets.popitem()
            offsets[f"{first}_{member}"] = bit // 8
        else:
            offsets[member] = bit // 8
    return offsets


@pytest.mark.parametrize("layout", abi.LAYOUTS, ids=lambda layout: layout.name)
def test_every_shared_struct_has_the_fields_offsets_and_size_of_the_object(layout: abi.Layout) -> None:
    assert STRUCTS[layout.name].size_or_type == layout.size
    assert btf_offsets(layout.name) == layout_offsets(layout)


def test_every_struct_of_the_header_has_its_mirror() -> None:
    declared = set(re.findall(r"^struct (\w+) \{", HEADER.read_text(), re.MULTILINE))
    assert declared == {layout.name for layout in abi.LAYOUTS}


def test_every_number_of_the_header_has_its_mirror() -> None:
    text = HEADER.read_text()
    defines = dict(re.findall(r"^#define (\w+) +\(?([^/\n]+?)\)?(?: +/\*.*)?$", text, re.MULTILINE))
    enumerated = dict(re.findall(r"\b([A-Z_]+) = ([0-9 <]+)[,} ]", text))
    found = {}
    for name, value in (defines | enumerated).items():
        found[name] = eval(re.sub(r"(?<=[0-9a-f])(?:ull|u)\b", "", value))  # noqa: S307  # our own header
    assert found.keys() >= {"MAX_CLASSES", "LINE_KNOWN", "SLOT_HALF", "CONTROL_HALF_VIEW", "HOLD_MARK_MASK"}
    assert {name: getattr(abi, name) for name in found} == found


@pytest.mark.parametrize(
    ("sessions", "bucket"), [(1, 0), (16, 15), (17, 16), (32, 16), (33, 17), (10**6, 23)]
)
def test_concurrency_buckets(sessions: int, bucket: int) -> None:
    assert abi.concurrency_bucket(sessions) == bucket


@pytest.mark.parametrize(("milliseconds", "bucket"), [(0, 0), (1, 1), (2, 1), (3, 2), (999, 9), (10**9, 23)])
def test_length_buckets(milliseconds: int, bucket: int) -> None:
    assert abi.length_bucket(milliseconds) == bucket


def test_a_limit_is_one_word_and_survives_packing() -> None:
    word = abi.pack_limit(70_000, 20_000, 15, abi.MODE_ENFORCE, abi.EXCESS_RESET)
    assert len(word) == 8
    assert abi.unpack_limit(word) == (70_000, 20_000, 15, abi.MODE_ENFORCE, abi.EXCESS_RESET)
