"""Known lines and who holds which address, as the bytes of the kernel's tables: all, or a change of some."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Final, TypeVar

import numpy as np

from sekisho.gate import Change, FullError, GateError, Tables, abi
from sekisho.gate.indices import (
    assign_banks,
    assign_own_limits,
    class_index,
    class_names,
    index_key,
    limits_by_index,
    own_limits,
    pack_limit,
)
from sekisho.gate.packed import WORD, Packed, Words, packed, unpacked
from sekisho.model import Address, KnownLine, Limit, Roster, RosterChange

CONTROL_KEY: Final = bytes(4)

_LENGTHS_AT: Final = abi.CONTROL.offset("prefix_lengths")
_LENGTHS_END: Final = _LENGTHS_AT + abi.MAX_PREFIX_LENGTHS
_HOST_SIZE: Final = 16
_HOST_BITS: Final = 128
_LENGTH_WORD, _LENGTH_SHIFT = divmod(8 * abi.ADDRESS_KEY.offset("length"), 64)  # in the key of an address
_Line = TypeVar("_Line", bound=int | None)
_address_key = struct.Struct(abi.ADDRESS_KEY.format)


def known_rows(numbers: Collection[int]) -> Words:
    """Return the keys of `known` for lines, by number."""
    return _line_words(numbers).reshape(-1, 1)


def address_rows(addresses: Collection[Address]) -> Words:
    """Return the keys of `addresses`."""
    pack, mapped = _address_key.pack_into, abi.IPV4_PREFIX  # a million at a time: one call for each, no more
    keys = bytearray(_address_key.size * len(addresses))
    offset = 0
    for network, length, port_set in addresses:
        number = 0 if port_set is None else port_set + 1
        if len(network) == _HOST_SIZE:
            pack(keys, offset, network, number, length)
        else:
            pack(keys, offset, mapped + network, number, length + abi.IPV4_BITS)
        offset += _address_key.size
    return unpacked("addresses", keys, b"").rows


def pack_known(
    lines: Mapping[int, KnownLine], classes: Mapping[str, int], limits: Mapping[Limit, int]
) -> Packed:
    """Return `known`; `limits`: the indices of lines' own. GateError for a class that is not there."""
    values: dict[KnownLine, int] = {}
    for line in set(lines.values()):
        index = class_index(classes, line.class_name)
        limit = index if line.limit is None else limits[line.limit]
        values[line] = int.from_bytes(abi.pack_known(index, limit, line.arm), "little")
    words = np.fromiter((values[line] for line in lines.values()), WORD, len(lines))
    return Packed(known_rows(lines), words)


def pack_addresses(addresses: Mapping[Address, int]) -> Packed:
    """Return `addresses`: the line of each."""
    return Packed(address_rows(addresses), _line_words(addresses.values()))


def read_known(value: bytes, tables: Tables) -> KnownLine:
    """Return the line of an entry of `known`; GateError where it refers to a class that is not there."""
    index, limit, arm = abi.unpack_known(value)
    names = {number: name for name, number in class_names(tables).items()}
    if index not in names:
        raise GateError(f"a line is of class {index}, which the gate does not have: our fault")
    if limit == index:
        return KnownLine(names[index], counted=arm)
    return KnownLine(names[index], limits_by_index(tables).get(limit))


def lines_around(tables: Tables, former: Roster, installed: Tables) -> tuple[Tables, FullError | None]:
    """Return the tables with the installed lines, less the former's, beneath theirs.

    A former line that holds an address beside the former's stays known. IPv6 prefixes that are installed
    are left to their pools where their lengths find no room beside those of `tables`, which is told.
    """
    there = packed("addresses", installed.get("addresses", {}))
    overlaid = there.overlaid(address_rows(former.addresses), packed("addresses", tables["addresses"]))
    addresses, lengths, misfits = _with_room(overlaid, installed_prefix_lengths(tables))
    gone = known_rows(former.lines)
    if len(gone):
        gone = np.setdiff1d(gone, addresses.words).reshape(-1, 1)
    known = packed("known", installed.get("known", {}))
    known = known.overlaid(gone, packed("known", tables["known"]))
    return {**_with_prefix_lengths(tables, lengths), "known": known, "addresses": addresses}, misfits


def indices_in_use(known: Packed, port_plans: Iterable[bytes]) -> set[int]:
    """Return the indices of classes and limits to which known lines and port plans refer."""
    of_lines = {index for value in np.unique(known.words) for index in abi.unpack_known(value.tobytes())[:2]}
    return of_lines.union(map(abi.port_plan_class, port_plans))


def prefix_lengths(addresses: Iterable[Address], others: Iterable[int] = ()) -> tuple[int, ...]:
    """Return the lengths that the kernel program has to try for an IPv6 address, longest first.

    `others`: lengths that are in use besides. GateError where there are too many, or an IPv4 prefix.
    """
    shapes = {(len(address.network), address.length) for address in addresses}
    for size, length in shapes:
        if size != _HOST_SIZE and length + abi.IPV4_BITS != _HOST_BITS:
            raise GateError(f"a line's IPv4 prefix of length {length}: name its addresses one by one")
    named = {length for size, length in shapes if size == _HOST_SIZE and length != _HOST_BITS}
    lengths = sorted(named.union(others), reverse=True)
    if len(lengths) > abi.MAX_PREFIX_LENGTHS:
        raise GateError(
            f"{len(lengths)} different IPv6 prefix lengths of lines ({lengths[0]} to {lengths[-1]}), "
            f"the gate has room for {abi.MAX_PREFIX_LENGTHS}: use fewer"
        )
    return tuple(lengths)


def fitting(
    addresses: Mapping[Address, _Line], lengths: Iterable[int]
) -> tuple[Mapping[Address, _Line], FullError | None]:
    """Leave out the addresses whose shape the kernel's tables cannot hold, and tell how many.

    `lengths`: of IPv6 prefixes, those that are in use besides. The most frequent others find room first.
    """
    shapes = Counter((len(one.network), one.length) for one, line in addresses.items() if line is not None)
    kept = _lengths_with_room(
        Counter({length: count for (size, length), count in shapes.items() if size == _HOST_SIZE}), lengths
    )
    left = {
        (size, length): count
        for (size, length), count in shapes.items()
        if (length not in kept if size == _HOST_SIZE else length != _HOST_BITS - abi.IPV4_BITS)
    }
    if not left:
        return addresses, None
    fit = {
        one: line
        for one, line in addresses.items()
        if line is None or (len(one.network), one.length) not in left
    }
    return fit, _misfits(left)


def _with_room(addresses: Packed, lengths: Iterable[int]) -> tuple[Packed, tuple[int, ...], FullError | None]:
    """Leave out what has a length for which there is no room beside those in use, and tell how many.

    Return also the lengths that are left, longest first.
    """
    of_each = addresses.rows[:, _LENGTH_WORD] >> _LENGTH_SHIFT
    found, times = np.unique(of_each, return_counts=True)
    counts = Counter(dict(zip(found.tolist(), times.tolist(), strict=True)))
    kept = _lengths_with_room(counts, lengths)
    tried = tuple(sorted(kept - {_HOST_BITS}, reverse=True))
    left = {(_HOST_SIZE, length): count for length, count in counts.items() if length not in kept}
    if not left:
        return addresses, tried, None
    return addresses.at(np.flatnonzero(np.isin(of_each, list(kept)))), tried, _misfits(left)


def _lengths_with_room(counts: Counter[int], lengths: Iterable[int]) -> set[int]:
    """Return the lengths of IPv6 prefixes, and hosts', that may be held; `lengths`: those in use besides.

    The most frequent others find room first.
    """
    used = set(lengths) - {_HOST_BITS}
    new = [length for length, _ in counts.most_common() if length not in {*used, _HOST_BITS}]
    return {*used, _HOST_BITS, *new[: max(0, abi.MAX_PREFIX_LENGTHS - len(used))]}


def _misfits(left: Mapping[tuple[int, int], int]) -> FullError:
    told = [
        f"{count:,} of length {length} in IPv{6 if size == _HOST_SIZE else 4}"
        for (size, length), count in sorted(left.items())
    ]
    return FullError(
        f"prefixes of lines left to their pools: {', '.join(told)}: a gate holds IPv4 addresses one by one, "
        f"and IPv6 prefixes of {abi.MAX_PREFIX_LENGTHS} lengths: hand out fewer lengths"
    )


def ipv6_lengths(addresses: Iterable[Address]) -> set[int]:
    """Return the lengths of IPv6 prefixes."""
    return {one.length for one in addresses if len(one.network) == _HOST_SIZE}


def installed_prefix_lengths(tables: Tables) -> tuple[int, ...]:
    """Return the lengths that the kernel program tries now."""
    control = tables.get("control", {}).get(CONTROL_KEY, b"")
    return tuple(length for length in control[_LENGTHS_AT:_LENGTHS_END] if length)


def settings_for(change: RosterChange, tables: Tables) -> Tables:
    """Return the tables with the limits and the prefix lengths that a change brings, nothing taken away.

    GateError where the kernel's tables have no room for them.
    """
    lines = [line for line in change.lines.values() if line is not None]
    held = [address for address, line in change.addresses.items() if line is not None]
    lengths = prefix_lengths(held, installed_prefix_lengths(tables))
    return _with_prefix_lengths(_with_limits(lines, tables), lengths)


def line_changes(change: RosterChange, tables: Tables) -> tuple[Change, ...]:
    """Return the writes of a change of lines, in their order: no address names a line that is not there.

    `tables`: as `settings_for` has returned. GateError for a class that is not there.
    """
    known = {number: line for number, line in change.lines.items() if line is not None}
    gone = [number for number, line in change.lines.items() if line is None]
    held = {address: line for address, line in change.addresses.items() if line is not None}
    free = [address for address, line in change.addresses.items() if line is None]
    changes = (
        Change("known", updates=pack_known(known, class_names(tables), own_limits(tables))),
        Change("addresses", _keys(address_rows(free)), pack_addresses(held)),
        Change("known", deletes=_keys(known_rows(gone))),
    )
    return tuple(change for change in changes if change.deletes or change.updates)


def _keys(rows: Words) -> Packed:
    return Packed(rows, np.zeros(len(rows), WORD))


def _line_words(numbers: Collection[int]) -> Words:
    return np.fromiter(numbers, WORD, len(numbers)) | WORD.type(abi.LINE_KNOWN)


def _with_limits(lines: Iterable[KnownLine], tables: Tables) -> Tables:
    named = dict.fromkeys(line.limit for line in lines if line.limit is not None)
    there = own_limits(tables)
    new = [limit for limit in named if limit not in there]
    if not new:
        return tables
    indices = assign_own_limits((*there, *new), tables)
    delays = assign_banks(
        (limit.delay_ms for limit in (*limits_by_index(tables).values(), *new)),
        tables,
    )
    added = {index_key(indices[limit]): pack_limit(limit, delays) for limit in new}
    return {**tables, "limits": {**tables["limits"], **added}}


def _with_prefix_lengths(tables: Tables, lengths: tuple[int, ...]) -> Tables:
    if lengths == installed_prefix_lengths(tables):
        return tables
    control = bytearray(tables["control"][CONTROL_KEY])
    control[_LENGTHS_AT:_LENGTHS_END] = bytes(lengths).ljust(abi.MAX_PREFIX_LENGTHS, b"\0")
    return {**tables, "control": {CONTROL_KEY: bytes(control)}}
