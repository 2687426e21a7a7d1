"""Packed entries behave as the mappings of bytes that they stand for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.gate.packed import KEY_SIZES, difference, joined_keys, joined_values, packed, unpacked

Entries = dict[bytes, bytes]

VALUES = [bytes(8), bytes(7) + b"\1", b"\xff" * 8]
KEYS = {
    name: [(first + bytes(size - 2) + last) for first in (b"\0", b"\x80") for last in (b"\0", b"\1", b"\xff")]
    for name, size in (("known", 9), ("addresses", 25))
}


def entries(name: str) -> st.SearchStrategy[Entries]:
    keys = [key[: KEY_SIZES[name]] for key in KEYS[name]] + [key[1:] for key in KEYS[name]]
    return st.dictionaries(st.sampled_from(keys), st.sampled_from(VALUES))


@given(st.data(), st.sampled_from(sorted(KEY_SIZES)))
def test_the_difference_leads_from_one_to_the_other(data: st.DataObject, name: str) -> None:
    before, after = data.draw(entries(name)), data.draw(entries(name))
    found = difference(name, packed(name, before), packed(name, after))
    now = dict(before)
    for change in (found.deletes, found.updates):
        for key in change.deletes:
            assert key not in after
            del now[key]
        for key, value in change.updates.items():
            assert before.get(key) != value
            now[key] = value
    assert now == after


@given(st.data(), st.sampled_from(sorted(KEY_SIZES)))
def test_what_needs_no_room_is_written_first(data: st.DataObject, name: str) -> None:
    before, after = data.draw(entries(name)), data.draw(entries(name))
    found = difference(name, packed(name, before), packed(name, after))
    is_new = [key not in before for key in found.updates.updates]
    assert is_new == sorted(is_new)


@given(st.data(), st.sampled_from(sorted(KEY_SIZES)))
def test_entries_less_some_with_others_over_them(data: st.DataObject, name: str) -> None:
    there, without, by = (data.draw(entries(name)) for _ in range(3))
    found = packed(name, there).overlaid(packed(name, without).rows, packed(name, by))
    assert found == {**{key: value for key, value in there.items() if key not in without}, **by}


@given(st.data(), st.sampled_from(sorted(KEY_SIZES)))
def test_packed_entries_are_read_one_by_one(data: st.DataObject, name: str) -> None:
    there = data.draw(entries(name))
    found = packed(name, there)
    assert (dict(found), len(found), packed(name, found) is found) == (there, len(there), True)


def test_a_key_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        packed("known", {bytes(8): bytes(8)})[b"\1" * 8]


@given(st.data(), st.sampled_from(sorted(KEY_SIZES)))
def test_keys_and_values_are_joined_alike(data: st.DataObject, name: str) -> None:
    there = data.draw(entries(name))
    found = packed(name, there)
    assert (joined_keys(found), joined_values(found)) == (joined_keys(there), joined_values(there))
    assert unpacked(name, joined_keys(found), joined_values(found)) == there
