"""What the gate is told of lines: their addresses in force, their classes, who is released."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache, partial

from sekisho.lines.pools import ClassOf
from sekisho.model import Address, Excess, KnownLine, Limit, Mode, PortPlan, Roster

_IPV4_BYTES = 4
SUSPENDED_LIMIT = Limit(Mode.ENFORCE, cap=0, delay_ms=0, excess=Excess.RESET)
"""Port 25 closed: every new session is refused, and told so at once."""


class Restriction(StrEnum):
    """What the desk has done to a line; it goes before the limit of its class, and before a relief."""

    LIMITED = "limited"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Treatment:
    """What decides about a line beside its addresses.

    `class_of` tells the class of an address's pool; `classes` are the limits of the configuration; `lengths`
    are those of the prefixes that lines have in pools; `own` are the limits, by class, of lines that the
    desk limits on their own.
    """

    class_of: ClassOf
    classes: Mapping[str, Limit]
    lengths: frozenset[int] = frozenset()
    own: Mapping[str, Limit] = field(default_factory=dict)


def known_line(
    treatment: Treatment,
    addresses: Iterable[Address],
    listed: str | None,
    *,
    relieved: bool,
    restriction: Restriction | None = None,
    counted: int = 0,
) -> KnownLine | None:
    """Return how a line is to be treated; None where no address of it has a class.

    `addresses`: those in force; `listed`: the class that a static list gives the line, which goes first, then
    that of the pool of its lowest IPv4 address, then of an IPv6 prefix. `counted`: in which arm.
    """
    class_name = _class_name(treatment, addresses, listed)
    if class_name is None:
        return None
    return _treated(treatment, class_name, restriction, counted, relieved=relieved)


def roster(
    treatment: Treatment,
    holdings: Iterable[tuple[Address, int]],
    listed: Mapping[int, str | None],
    relieved: Collection[int],
    restricted: Mapping[int, Restriction],
    counted: Mapping[int, int],
) -> Roster:
    """Return all that is in force: `holdings`, address by address with its line.

    `counted`: the arms in which lines are counted that are not counted with their class alone.
    """
    addresses = dict(holdings)
    first: dict[int, Address] = {}
    for address, line in addresses.items():
        known = first.setdefault(line, address)
        if known is not address and _order(treatment, address) < _order(treatment, known):
            first[line] = address
    treated = cache(partial(_treated, treatment))  # a million lines share a few values
    lines: dict[int, KnownLine] = {}
    for line, address in first.items():
        class_name = _class_name(treatment, (address,), listed.get(line))
        if class_name is not None:
            lines[line] = treated(
                class_name, restricted.get(line), counted.get(line, 0), relieved=line in relieved
            )
    if len(lines) < len(first):
        addresses = {address: line for address, line in addresses.items() if line in lines}
    return Roster(lines, addresses)


def usable_plans(treatment: Treatment, plans: Mapping[bytes, PortPlan]) -> dict[bytes, PortPlan]:
    """Return port plans whose class there is: another's place takes that of the address's pool, if any."""
    found: dict[bytes, PortPlan] = {}
    for network, plan in plans.items():
        by_pool = treatment.class_of(Address(network, len(network) * 8))
        class_name = plan.class_name if plan.class_name in treatment.classes else by_pool
        if class_name is not None:
            found[network] = replace(plan, class_name=class_name)
    return found


def _order(treatment: Treatment, address: Address) -> tuple[bool, bool, bytes, int]:
    return treatment.class_of(address) is None, *_ipv4_first(address)


def _treated(
    treatment: Treatment,
    class_name: str,
    restriction: Restriction | None,
    counted: int,
    *,
    relieved: bool,
) -> KnownLine:
    if restriction is Restriction.SUSPENDED:
        return KnownLine(class_name, SUSPENDED_LIMIT)
    if restriction is Restriction.LIMITED:
        return KnownLine(class_name, treatment.own.get(class_name))
    limit = treatment.classes[class_name]
    return KnownLine(class_name, Limit(Mode.OBSERVE, limit.cap, 0) if relieved else None, counted)


def _class_name(treatment: Treatment, addresses: Iterable[Address], listed: str | None) -> str | None:
    return listed if listed in treatment.classes else _class_by_pool(treatment, addresses)


def _class_by_pool(treatment: Treatment, addresses: Iterable[Address]) -> str | None:
    for address in sorted(addresses, key=_ipv4_first):
        class_name = treatment.class_of(address)
        if class_name is not None:
            return class_name
    return None


def _ipv4_first(address: Address) -> tuple[bool, bytes, int]:
    return len(address.network) != _IPV4_BYTES, address.network, address.length
