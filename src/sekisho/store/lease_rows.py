"""Leases as rows, and what happens to those of one address when some are removed and others added."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from sekisho.lines.events import Ending, Lease
from sekisho.model import Address
from sekisho.store.many import Row
from sekisho.store.moments import from_us, to_us
from sekisho.store.packing import pack_address, unpack_address
from sekisho.store.schema import lease, past_lease

_ENDINGS: Final = (Ending.STOP, Ending.NEXT_LOGIN, Ending.NAS, Ending.LIST, Ending.RELEASE)  # by number
_NUMBERS: Final = {ending: number for number, ending in enumerate(_ENDINGS)}
_NAMES: Final = ("address", "begin", "login", "line", "end", "ending")

LAST_COLUMNS: Final = tuple(lease.c[name] for name in _NAMES)
PAST_COLUMNS: Final = tuple(past_lease.c[name] for name in _NAMES)
"""What `read_lease` takes."""


class Key(NamedTuple):
    """By which the leases of an address are ordered."""

    begin: datetime
    login: bytes


@dataclass(slots=True)
class Edit:
    """What is to be done to the leases of one address; who is added is not gone."""

    gone: set[Key] = field(default_factory=set)
    new: dict[Key, Lease] = field(default_factory=dict)

    def gone_but(self, one: Lease | None) -> Iterator[Key]:
        """Yield the keys of what is gone, but for that of a lease."""
        but = None if one is None else key_of(one)
        return (key for key in self.gone if key != but)

    def loses(self, one: Lease | None) -> bool:
        """Tell whether a lease is taken away and does not come back."""
        return one is not None and key_of(one) in self.gone and key_of(one) not in self.new


def key_of(one: Lease) -> Key:
    """Return the key of a lease among those of its address."""
    return Key(one.begin, one.login)


def edits(removed: Iterable[Lease], added: Iterable[Lease]) -> dict[Address, Edit]:
    """Return what is to be done, by address."""
    found: dict[Address, Edit] = {}
    for one in removed:
        found.setdefault(one.address, Edit()).gone.add(key_of(one))
    for one in added:
        found.setdefault(one.address, Edit()).new[key_of(one)] = one
    return found


def followed(edit: Edit, known: Lease | None) -> tuple[Lease | None, list[Lease]]:
    """Return the last lease of an address after an edit, and those to be written among the past.

    `known`: the last before, or the last of the past where the edit takes that away.
    """
    leases = dict(edit.new)
    if known is not None:
        leases.setdefault(key_of(known), known)
    if not leases:
        return None, []
    last = max(leases)
    return leases.pop(last), list(leases.values())


def read_lease(row: Sequence[Any]) -> Lease:
    """Make a lease of a row's columns."""
    key, begin, login, line, end, ending = row
    return Lease(
        unpack_address(key),
        from_us(begin),
        login,
        line,
        from_us(end),
        None if ending is None else _ENDINGS[ending],
    )


def last_row(one: Lease, *, static: bool) -> Row:
    """Return the row of an address's last lease."""
    return *_head(one), static, pack_address(one.address), one.login


def past_row(one: Lease) -> Row:
    """Return the row of a past lease."""
    return *_head(one), pack_address(one.address), one.login


def past_key(address: Address, key: Key) -> Row:
    """Return the primary key of a past lease."""
    return pack_address(address), to_us(key.begin), key.login


def _head(one: Lease) -> Row:
    return to_us(one.begin), one.line, to_us(one.end), None if one.ending is None else _NUMBERS[one.ending]
