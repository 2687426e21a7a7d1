"""The two tables of known lines, packed into arrays: a million entries as objects take ten times the memory.

Their keys and values are whole u64 words (bpf/maps.h); nothing else is used of them here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sekisho.gate import Change, abi

Words = NDArray[np.uint64]
Indices = NDArray[np.intp]
Buffer: TypeAlias = bytes | bytearray

WORD: Final = np.dtype("<u8")
KEY_SIZES: Final = {"known": WORD.itemsize, "addresses": abi.ADDRESS_KEY.size}

_CHUNK: Final = 1 << 16  # entries of one Change: what there is at a time as objects


class Packed(Mapping[bytes, bytes]):
    """A table's entries, no key twice: `rows` has the words of each key, `words` the value of each."""

    def __init__(self, rows: Words, words: Words) -> None:
        self.rows, self.words = rows, words

    def __len__(self) -> int:
        return len(self.words)

    def __iter__(self) -> Iterator[bytes]:
        return iter(keys_of(self.rows))

    def __getitem__(self, key: bytes) -> bytes:
        """Walk through all entries: for a few look-ups only."""
        (found,) = np.nonzero((self.rows == np.frombuffer(key, WORD)).all(axis=1))
        if not len(found):
            raise KeyError(key)
        return bytes(self.words[found[:1]].tobytes())

    def entries_at(self, indices: Indices | slice = slice(None)) -> tuple[tuple[bytes, bytes], ...]:
        """Return keys with their values at these places, of all where none are given."""
        values = _pieces(self.words[indices].tobytes(), WORD.itemsize)
        return tuple(zip(keys_of(self.rows[indices]), values, strict=True))

    def overlaid(self, without: Words, by: Packed) -> Packed:
        """Return these entries less those with the keys of `without`, and with those of `by` over them."""
        kept = np.ones(len(self), dtype=bool)
        for rows in (without, by.rows):
            kept[_pairs(self.rows, rows)[0]] = False
        return Packed(
            np.concatenate((self.rows[kept], by.rows)), np.concatenate((self.words[kept], by.words))
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """What leads from one table's entries to another's: places in `before` and in `after`."""

    name: str
    before: Packed
    after: Packed
    gone: Indices
    changed: Indices
    new: Indices

    def deletes(self) -> Iterator[Change]:
        """Yield the changes that take away what is not wanted any more."""
        for part in _chunks(self.gone):
            yield Change(self.name, deletes=tuple(keys_of(self.before.rows[part])))

    def updates(self) -> Iterator[Change]:
        """Yield the changes that write what is wanted, what needs no room first."""
        for part in _chunks(np.concatenate((self.changed, self.new))):
            yield Change(self.name, updates=self.after.entries_at(part))


def keys_of(rows: Words) -> list[bytes]:
    """Return keys one by one."""
    return _pieces(rows.tobytes(), rows.shape[1] * WORD.itemsize)


def unpacked(name: str, keys: Buffer, values: Buffer) -> Packed:
    """Return a table's entries from their bytes, one after another."""
    rows = np.frombuffer(keys, WORD).reshape(-1, KEY_SIZES[name] // WORD.itemsize)
    return Packed(rows, np.frombuffer(values, WORD))


def packed(name: str, entries: Mapping[bytes, bytes]) -> Packed:
    """Return a table's entries packed, as they are where they are so already."""
    if isinstance(entries, Packed):
        return entries
    return unpacked(name, b"".join(entries), b"".join(entries.values()))


def difference(name: str, before: Packed, after: Packed) -> Difference:
    """Compare a table's entries with others."""
    old, new = _pairs(before.rows, after.rows)
    other = before.words[old] != after.words[new]
    return Difference(
        name,
        before,
        after,
        gone=_others(old, len(before)),
        changed=new[other],
        new=_others(new, len(after)),
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


def _chunks(indices: Indices) -> Iterable[Indices]:
    return (indices[start : start + _CHUNK] for start in range(0, len(indices), _CHUNK))


def _pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]
