"""From what was heard to events: numbers for names, and only addresses that accounting may speak for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sekisho.lines.events import Event, Heard, Holding, Lease
from sekisho.lines.pools import ClassOf
from sekisho.lines.shared import Rule, share
from sekisho.model import Address


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a batch: events, and addresses that were left out.

    `outside`: in no pool; `static`: a static list says who holds them.
    """

    events: tuple[Event, ...]
    outside: int
    static: int


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
) -> Taken:
    """Make events of what was heard.

    `numbers`: of the lines' names; `static`: those of the addresses that a static list gives away.
    """
    allowed: dict[Address, tuple[Address, ...]] = {}
    outside, listed = set[Address](), set[Address]()
    for address, all_of_it in stands_for.items():
        if address in static:
            listed.add(address)
        elif class_of(address) is None:
            outside.add(address)
        else:
            allowed[address] = tuple(one for one in all_of_it if one not in static)
    events: list[Event] = []
    left_out = {True: 0, False: 0}
    for one in heard:
        addresses: list[Address] = []
        for address in one.addresses:
            if address in allowed:
                addresses += allowed[address]
            else:
                left_out[address in listed] += 1
        number = numbers[one.name]
        events.append(Event(one.kind, one.at, one.nas, one.login, number, one.rank, tuple(addresses)))
    return Taken(tuple(events), outside=left_out[False], static=left_out[True])


def in_force(latest: Lease | None, static: Collection[bytes] = ()) -> Holding | None:
    """Return who holds an address now, by its latest lease; `static`: the logins of static lists."""
    if latest is None or latest.end is not None:
        return None
    return Holding(latest.line, latest.login, latest.login in static)
