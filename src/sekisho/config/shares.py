"""What must hold of the rules by which lines share IPv4 addresses."""

from __future__ import annotations

from collections.abc import Iterator

from sekisho.config.draft import Draft
from sekisho.config.holdings import Place, overlaps
from sekisho.config.problems import Finding, dotted
from sekisho.config.schema import MapTable, NatTable

MAX_SHARED = 1 << 16  # bpf/maps.h: room in `shared`
_PORT_BITS = 16
_IPV4_BITS = 32
_LONGEST_LINE_PREFIX = 64


def check_shares(draft: Draft) -> Iterator[Finding]:
    """Tell which rules cannot be, and which give one address away twice."""
    for index, table in draft.maps.items():
        yield from _map(index, table)
    for index, nat in draft.nats.items():
        yield from _nat(index, nat)
    places = [
        *(Place(table.ipv4, ("map", index, "ipv4")) for index, table in draft.maps.items()),
        *(Place(nat.outside, ("nat", index, "outside")) for index, nat in draft.nats.items()),
    ]
    sources = [
        *(Place(table.ipv6, ("map", index, "ipv6")) for index, table in draft.maps.items()),
        *(Place(nat.inside, ("nat", index, "inside")) for index, nat in draft.nats.items()),
    ]
    for earlier, later in (*overlaps(places), *overlaps(sources)):
        what = f'"{later.network}" overlaps with "{earlier.network}" of {dotted(earlier.path)}'
        yield Finding(later.path, what, "let each address be in one rule")
    yield from _room(places)


def _map(index: int, table: MapTable) -> Iterator[Finding]:
    rule, path = table.rule, ("map", index, "ea_bits")
    rest = _IPV4_BITS - rule.ipv4.prefixlen
    if rule.psid_bits < 0:
        what = f'{rule.ea_bits} EA bits do not name the addresses of "{rule.ipv4}"'
        yield Finding(path, what, f"write {rest} or more: its {rest} bits, and those of the port-set id")
    elif rule.psid_offset + rule.psid_bits > _PORT_BITS:
        what = f"an offset of {rule.psid_offset} and {rule.psid_bits} bits are more than a port has"
        yield Finding(path, what, f"{rest} of the EA bits name the address, the others the port set")
    if rule.line_length > _LONGEST_LINE_PREFIX:
        what = f"the line's prefix would have {rule.line_length} bits"
        yield Finding(path, what, f"prefix and EA bits are {_LONGEST_LINE_PREFIX} at most")


def _nat(index: int, table: NatTable) -> Iterator[Finding]:
    rule = table.rule
    if not rule.blocks:
        what = f"from port {rule.first} on there are no {rule.size} ports"
        yield Finding(("nat", index, "ports"), what, "use fewer, or a lower `first`")
        return
    lines, room = rule.inside.num_addresses, rule.outside.num_addresses * rule.blocks
    if lines > room:
        what = f"{lines:,} inside addresses do not fit: {rule.blocks} blocks an outside address make {room:,}"
        yield Finding(("nat", index, "outside"), what, "use a larger prefix, or fewer `ports` a line")


def _room(places: list[Place]) -> Iterator[Finding]:
    shared = 0
    for network, path in places:
        shared += network.num_addresses
        if shared > MAX_SHARED:
            what = f"{shared:,} IPv4 addresses would be shared, more than a gate's {MAX_SHARED:,}"
            yield Finding(path, what, "divide the lines among several gates")
            return
