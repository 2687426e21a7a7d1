"""The two tables of known lines, packed into arrays: a million entries as objects take ten times the memory.

Their keys and values are whole u64 words (bpf/maps.h); nothing else is used of them here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sekisho.gate import Change, abi

Words = NDArray[np.uint64]
Indices = NDArray[np.intp]
Buffer: TypeAlias = bytes | bytearray

WORD: Final = np.dtype("<u8")
KEY_SIZES: Final = {"known": WORD.itemsize, "addresses": abi.ADDRESS_KEY.size}


class Packed(Mapping[bytes, bytes]):
    """A table's entries, no key twice: `rows` has the words of each key, `words` the value of each.

    Looking at them one by one makes objects of all.
    """

    def __init__(self, rows: Words, words: Words) -> None:
        self.rows, self.words = rows, words

    def __len__(self) -> int:
        return len(self.words)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._entries)

    def __getitem__(self, key: bytes) -> bytes:
        return self._entries[key]

    def at(self, indices: Indices) -> Packed:
        """Return the entries at some places."""
        return Packed(self.rows[indices], self.words[indices])

    def overlaid(self, without: Words, by: Packed) -> Packed:
        """Return these entries less those with the keys of `without`, and with those of `by` over them."""
        if not len(without) and not len(by):
            return self
        kept = np.ones(len(self), dtype=bool)
        for rows in (without, by.rows):
            kept[_pairs(self.rows, rows)[0]] = False
        rows = np.concatenate((self.rows[kept], by.rows))
        return Packed(rows, np.concatenate((self.words[kept], by.words)))

    @cached_property
    def _entries(self) -> dict[bytes, bytes]:
        size = self.rows.shape[1] * WORD.itemsize
        return dict(zip(_pieces(self.rows, size), _pieces(self.words, WORD.itemsize), strict=True))


@dataclass(frozen=True, slots=True)
class Difference:
    """What leads from one table's entries to another's."""

    deletes: Change
    updates: Change  # what needs no room first


def joined_keys(keys: Collection[bytes]) -> bytes:
    """Return keys one after another."""
    return keys.rows.tobytes() if isinstance(keys, Packed) else b"".join(keys)


def joined_values(entries: Mapping[bytes, bytes]) -> bytes:
    """Return values one after another, in the order of their keys."""
    return entries.words.tobytes() if isinstance(entries, Packed) else b"".join(entries.values())


def unpacked(name: str, keys: Buffer, values: Buffer) -> Packed:
    """Return a table's entries from their bytes, one after another."""
    rows = np.frombuffer(keys, WORD).reshape(-1, KEY_SIZES[name] // WORD.itemsize)
    return Packed(rows, np.frombuffer(values, WORD))


def packed(name: str, entries: Mapping[bytes, bytes]) -> Packed:
    """Return a table's entries packed, as they are where they are so already."""
    if isinstance(entries, Packed):
        return entries
    return unpacked(name, joined_keys(entries), joined_values(entries))


def difference(name: str, before: Packed, after: Packed) -> Difference:
    """Compare a table's entries with others."""
    if before is after:  # a million entries are not compared with themselves
        return Difference(Change(name), Change(name))
    old, same = _pairs(before.rows, after.rows)
    changed = same[before.words[old] != after.words[same]]
    new = _others(same, len(after))
    return Difference(
        deletes=Change(name, deletes=before.at(_others(old, len(before)))),
        updates=Change(name, updates=after.at(np.concatenate((changed, new)))),
    )


def _pairs(first: Words, second: Words) -> tuple[Indices, Indices]:
    """Return where in both the same keys are: places in the first, and those in the second."""
    if not len(first) or not len(second):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    both = np.concatenate((first, second))
    order = np.lexsort(both.T)  # stable: of two that are the same the first one's comes first
    both = both[order]
    same = (both[1:] == both[:-1]).all(axis=1) & (order[:-1] < len(first)) & (order[1:] >= len(first))
    return order[:-1][same], order[1:][same] - len(first)


def _others(indices: Indices, length: int) -> Indices:
    others = np.ones(length, dtype=bool)
    others[indices] = False
    return np.flatnonzero(others)


def _pieces(words: Words, size: int) -> list[bytes]:
    data = words.tobytes()
    return [data[start : start + size] for start in range(0, len(data), size)]
