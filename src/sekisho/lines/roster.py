"""What the gate is told of lines: their addresses in force, their classes, who is released."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sekisho.lines.pools import ClassOf
from sekisho.model import Address, KnownLine, Limit, Mode

_IPV4_BYTES = 4


@dataclass(frozen=True, slots=True)
class Treatment:
    """What decides about a line beside its addresses.

    `class_of` tells the class of an address's pool; `classes` are the limits of the configuration.
    """

    class_of: ClassOf
    classes: Mapping[str, Limit]


def known_line(
    treatment: Treatment, addresses: Iterable[Address], listed: str | None, *, relieved: bool
) -> KnownLine | None:
    """Return how a line is to be treated; None where no address of it has a class.

    `addresses`: those in force; `listed`: the class that a static list gives the line, which goes first, then
    that of the pool of its lowest IPv4 address, then of an IPv6 prefix.
    """
    class_name = listed if listed in treatment.classes else _class_by_pool(treatment, addresses)
    if class_name is None:
        return None
    limit = treatment.classes[class_name]
    return KnownLine(class_name, Limit(Mode.OBSERVE, limit.cap, 0) if relieved else None)


def _class_by_pool(treatment: Treatment, addresses: Iterable[Address]) -> str | None:
    for address in sorted(addresses, key=_ipv4_first):
        class_name = treatment.class_of(address)
        if class_name is not None:
            return class_name
    return None


def _ipv4_first(address: Address) -> tuple[bool, bytes, int]:
    return len(address.network) != _IPV4_BYTES, address.network, address.length
