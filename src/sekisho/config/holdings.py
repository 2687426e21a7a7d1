"""Who holds what among the known lines, and what no two may hold at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from sekisho.config.problems import Finding, Path, dotted
from sekisho.config.schema import LineTable
from sekisho.gate.abi import MAX_PREFIX_LENGTHS
from sekisho.model import Network


class Place(NamedTuple):
    """A network and where it stands in the file."""

    network: Network
    path: Path


class PortRange(NamedTuple):
    """The ports of an address that one line holds, and where that stands in the file."""

    first: int
    last: int
    path: Path


def overlaps(places: Iterable[Place]) -> Iterator[tuple[Place, Place]]:
    """Find overlapping networks: pairs, the one that stands first in the file first."""
    cover: Place | None = None
    for place in sorted(places, key=lambda place: (_order(place.network), place.path[1])):
        if cover is not None and _order(place.network)[:2] <= _end(cover.network):
            yield (cover, place) if cover.path < place.path else (place, cover)
        else:
            cover = place


def _order(network: Network) -> tuple[int, int, int]:
    return network.version, int(network.network_address), network.prefixlen


def _end(network: Network) -> tuple[int, int]:
    return network.version, int(network.broadcast_address)


def count_addresses(lines: Mapping[int, LineTable]) -> int:
    """Count the entries of the gate's table of addresses: IPv4 one by one, IPv6 by prefix."""
    held = (held.network for line in lines.values() for held in line.addresses)
    return sum(network.num_addresses if network.version == 4 else 1 for network in held)


def check_holdings(lines: Mapping[int, LineTable]) -> Iterator[Finding]:
    """Tell who holds nothing, or what another line holds; `lines` by place in the file."""
    whole: list[Place] = []
    shared: dict[Network, list[PortRange]] = defaultdict(list)
    for index, line in lines.items():
        if not line.addresses:
            yield Finding(
                ("line", index, "addresses"),
                f'"{line.name}" holds no address',
                "list its addresses, or take it out",
            )
        for number, (network, ports) in enumerate(line.addresses):
            path = ("line", index, "addresses", number)
            if ports is None:
                whole.append(Place(network, path))
            else:
                shared[network].append(PortRange(*ports, path))
    whole += [Place(network, min(one.path for one in ranges)) for network, ranges in shared.items()]
    yield from _held_twice(whole)
    yield from _prefix_lengths(whole)
    for network, ranges in shared.items():
        yield from check_port_ranges(str(network.network_address), sorted(ranges))


def _held_twice(whole: list[Place]) -> Iterator[Finding]:
    for earlier, later in overlaps(whole):
        yield Finding(
            later.path,
            f'"{later.network}" is held twice: "{earlier.network}" stands in {dotted(earlier.path)}',
            "leave each address to one line",
        )


def check_port_ranges(address: str, ranges: Sequence[PortRange]) -> Iterator[Finding]:
    """Tell which port ranges of one address do not go together; `ranges`: in order."""
    lowest = ranges[0]
    size = lowest.last - lowest.first + 1
    for before, one in pairwise(ranges):
        shown = f"ports {one.first}-{one.last} of {address}"
        if one[:2] == before[:2]:
            yield Finding(one.path, f"{shown} are held twice", "leave each range to one line")
        elif (one.first - lowest.first) % size or one.last - one.first + 1 != size:
            yield Finding(
                one.path,
                f"{shown} do not fit beside {lowest.first}-{lowest.last}",
                "divide an address into ranges of one size, counted from the lowest",
            )


def _prefix_lengths(whole: list[Place]) -> Iterator[Finding]:
    lengths: dict[int, Path] = {}
    for network, path in whole:
        if network.version == 6:
            lengths.setdefault(network.prefixlen, path)
    if len(lengths) > MAX_PREFIX_LENGTHS:
        yield Finding(
            list(lengths.values())[MAX_PREFIX_LENGTHS],
            f"the IPv6 prefixes here have {len(lengths)} lengths, more than a gate's {MAX_PREFIX_LENGTHS}",
            "use fewer lengths: a line may list several prefixes",
        )
