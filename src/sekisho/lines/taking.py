"""From what was heard to events: numbers for names, and only addresses that accounting may speak for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sekisho.lines.events import Boot, Event, Heard, Holding, Lease
from sekisho.lines.pools import ClassOf
from sekisho.lines.shared import Rule, share
from sekisho.model import Address

MOST_ADDRESSES = 64  # of one packet
MOST_NAME_BYTES = 1_000  # of a line or a NAS: an index of PostgreSQL takes 2,700
_MOMENT = timedelta(microseconds=1)
_IPV4_BYTES, _IPV4_BITS, _IPV6_BITS = 4, 32, 128
PREFIX_LENGTHS = frozenset(range(36, 65, 4))
"""Of lines' IPv6 prefixes, beside single addresses: the eight that the gate has room for."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a batch: events, and addresses that were left out.

    `outside`: in no pool; `static`: a static list says who holds them; `misfits`: of a length that the gate
    does not hold.
    """

    events: tuple[Event, ...]
    outside: int
    static: int
    misfits: int = 0


def bounded(batch: Sequence[Heard | Boot]) -> tuple[tuple[Heard | Boot, ...], int]:
    """Return what of a batch keeps within bounds, and how much of it does not: addresses, or whole events."""
    found: list[Heard | Boot] = []
    misfits = 0
    for one in batch:
        names = (one.nas,) if isinstance(one, Boot) else (one.nas, one.name)
        if not all(map(_is_name, names)):
            misfits += 1
        elif isinstance(one, Heard) and len(one.addresses) > MOST_ADDRESSES:
            misfits += len(one.addresses) - MOST_ADDRESSES
            found.append(replace(one, addresses=one.addresses[:MOST_ADDRESSES]))
        else:
            found.append(one)
    return tuple(found), misfits


def with_shares(heard: Iterable[Heard], rules: Sequence[Rule]) -> dict[Address, tuple[Address, ...]]:
    """Return what each address that was heard of stands for: itself, and the share that comes with it."""
    found: dict[Address, tuple[Address, ...]] = {}
    for one in heard:
        for address in one.addresses:
            if address not in found:
                shared = share(rules, address)
                found[address] = (address,) if shared is None else (address, shared)
    return found


def as_events(
    heard: Iterable[Heard],
    numbers: Mapping[str, int],
    stands_for: Mapping[Address, tuple[Address, ...]],
    static: Collection[Address],
    class_of: ClassOf,
    lengths: Collection[int] = (),
) -> Taken:
    """Make events of what was heard.

    `numbers`: of the lines' names; `static`: those of the addresses that a static list gives away; `lengths`:
    of lines' prefixes in pools.
    """
    allowed: dict[Address, tuple[Address, ...]] = {}
    listed, misfit = set[Address](), set[Address]()
    for address, all_of_it in stands_for.items():
        if not _fits(address, lengths):
            misfit.add(address)
        elif address in static:
            listed.add(address)
        elif class_of(address) is not None:
            allowed[address] = tuple(one for one in all_of_it if one not in static)
    events: list[Event] = []
    left_out: Counter[str] = Counter()
    for one in heard:
        addresses: list[Address] = []
        for address in one.addresses:
            if address in allowed:
                addresses += allowed[address]
            else:
                kind = "misfits" if address in misfit else "static" if address in listed else "outside"
                left_out[kind] += 1
        number = numbers[one.name]
        events.append(
            Event(one.kind, one.at, one.nas, one.login, number, one.rank, tuple(addresses), one.said)
        )
    return Taken(tuple(events), left_out["outside"], left_out["static"], left_out["misfits"])


def in_force(
    latest: Lease | None, static: Collection[bytes] = (), before: Holding | None = None
) -> Holding | None:
    """Return who holds an address now, by its latest lease.

    `static`: logins of static lists; `before`: who held it, by a list's word for as long as it stays so.
    """
    if latest is None or latest.end is not None:
        return None
    stays = before is not None and before.static and before.login == latest.login
    return Holding(latest.line, latest.login, stays or latest.login in static)


def after_others(added: Iterable[Lease], latest: Mapping[Address, Lease]) -> tuple[Lease, ...]:
    """Return a list's leases so that those that go on come after all others of their addresses.

    `latest`: the last leases, which may begin in what is the future by our clock.
    """
    return tuple(
        one._replace(begin=last.begin + _MOMENT)
        if one.end is None
        and (last := latest.get(one.address)) is not None
        and last.login != one.login
        and last.begin >= one.begin
        else one
        for one in added
    )


def _fits(address: Address, lengths: Collection[int]) -> bool:
    if len(address.network) == _IPV4_BYTES:
        return address.length == _IPV4_BITS
    return address.length == _IPV6_BITS or address.length in PREFIX_LENGTHS or address.length in lengths


def _is_name(text: str) -> bool:
    """Tell whether every store takes a name."""
    try:
        return len(text.encode()) <= MOST_NAME_BYTES and "\0" not in text
    except UnicodeEncodeError:
        return False
