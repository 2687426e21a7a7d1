"""Gathers a static list row by row, and tells what no list may hold."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from itertools import chain

from sekisho.config import Config, Finding, Severity
from sekisho.config.holdings import PortRange, check_port_ranges
from sekisho.config.problems import Path
from sekisho.config.rules import Fault
from sekisho.config.schema import share_rules
from sekisho.config.shares import MAX_SHARED
from sekisho.gate.abi import MAX_PREFIX_LENGTHS
from sekisho.lines.shared import port_plans
from sekisho.lines.static import (
    StaticLine,
    StaticList,
    block_plan,
    config_list,
    one_by_one,
    pool_classes,
    with_shares,
)
from sekisho.lines.static_rows import Portion, Row, Told
from sekisho.model import Address

_SAID = ("class", "fixed", "contact", "language")  # of a StaticLine, in its order
_LARGE_PREFIX = 16  # no line's, though a whole pool's
_LONGEST_NAME = 200
_IPV4_BITS = 32
_IPV6_BYTES, _IPV6_BITS = 16, 128
_Share = tuple[int, int, int, str]  # first and last port, row, line


class Gathering:
    """A list that grows; `place` is where its rows stand among the paths of findings."""

    def __init__(self, config: Config, told: Told, place: Path) -> None:
        self._config, self._told, self._place = config, told, place
        self._class_of = pool_classes(config)
        self._rules = share_rules(config)
        self._divided = dict(port_plans(self._rules))
        self._configured = config_list(config)
        self._kinds: dict[StaticLine, StaticLine] = {}  # one value for all lines that are alike
        self._lines: dict[str, StaticLine] = {}
        self._addresses: dict[Address, str] = {}
        self._rows = array("L")  # of the addresses, in their order
        self._shared: defaultdict[bytes, list[_Share]] = defaultdict(list)

    def add(self, row: Row) -> None:
        """Add a row; tell what is wrong with it."""
        self._judge_name(row)
        if row.class_name not in self._config.classes:
            known = ", ".join(f'"{name}"' for name in sorted(self._config.classes))
            what = f'there is no class "{row.class_name}" (known: {known})'
            self._tell(row.number, "class", what, "name one of these, or add it to the configuration")
        if row.name in self._configured.lines:
            what = f'"{row.name}" is a [[line]] of the configuration'
            self._tell(row.number, self._name_column, what, "let it stand in one place")
        line = StaticLine(row.class_name, row.fixed, row.contact, row.language)
        line = self._kinds.setdefault(line, line)
        known_as = self._lines.setdefault(row.name, line)
        if known_as != line:
            column = next(key for key, one, other in zip(_SAID, known_as, line, strict=True) if one != other)
            what = f'"{row.name}" has another {column} in a row before'
            self._tell(row.number, column, what, "say the same in every row of a line")
        for portion in row.held:
            wrong = self._hold(row, portion)
            if wrong is not None:
                self._tell(row.number, "addresses", *wrong)

    def finish(self) -> StaticList:
        """Return the list; tell what is wrong between its rows."""
        if not self._lines and not self._told.findings:
            what = "the list names no line, so nobody holds an address by it"
            self._told.add([Finding((), what, "add lines, or take the list away", Severity.WARNING)])
        self._told.add(self._nested())
        self._told.add(self._shares())
        self._told.add(self._sizes())
        plans = {
            packed: block_plan(
                self._class_of(Address(packed, _IPV4_BITS)) or "",
                [(first, last) for first, last, *_ in shares],
            )
            for packed, shares in self._shared.items()
        }
        for packed, shares in self._shared.items():
            for first, _, _, name in shares:
                number = (first - plans[packed].first) // plans[packed].size
                self._addresses[Address(packed, _IPV4_BITS, number)] = name
        return StaticList(self._lines, self._addresses, plans)

    def _tell(self, row: int, column: str, what: str, way_out: str) -> None:
        self._told.tell((*self._place, row, column), what, way_out)

    def _judge_name(self, row: Row) -> None:
        if not row.name:
            self._tell(row.number, self._name_column, "the line has no name", "give each line one")
        elif len(row.name) > _LONGEST_NAME or not row.name.isprintable():
            what = f"{ascii(row.name)[:60]} cannot name a line"
            way_out = f"use {_LONGEST_NAME} characters at most, and such as can be printed"
            self._tell(row.number, self._name_column, what, way_out)

    @property
    def _name_column(self) -> str:
        return "name" if self._place else "line"

    def _hold(self, row: Row, portion: Portion) -> Fault | None:
        """Give what is held to the row's line, or tell why not."""
        address, ports = portion
        if len(address.network) != _IPV6_BYTES and address.length < _LARGE_PREFIX:
            what = f'"{_shown(address)}" is a pool rather than what one line holds'
            return what, "make it a [[pool]], which makes each address a line"
        if self._class_of(address) is None:
            return f'"{_shown(address)}" is in no pool', "add a [[pool]] that holds it"
        singles = one_by_one(address)
        if self._divided and any(one.network in self._divided for one in singles):
            way_out = "list what its lines have for themselves, an IPv6 prefix or an inside address"
            return f'"{_shown(address)}" is shared by a rule of the configuration', way_out
        if ports is not None:
            return self._hold_ports(row, address, ports)
        return self._hold_whole(row, address, singles)

    def _hold_ports(self, row: Row, address: Address, ports: tuple[int, int]) -> Fault | None:
        if address.network in self._configured.port_plans:
            what = f'"{_shown(address)}" is divided in the configuration'
            return what, "list all lines that share it in one place"
        self._shared[address.network].append((*ports, row.number, row.name))
        return None

    def _hold_whole(self, row: Row, address: Address, singles: Sequence[Address]) -> Fault | None:
        singles = with_shares(self._rules, singles)
        for one in singles:
            holder = self._holder(one)
            if holder is not None or one.network in self._configured.port_plans:
                return _held_twice(_shown(address), holder)
        for one in singles:
            self._addresses[one] = row.name
            self._rows.append(row.number)
        return None

    def _holder(self, address: Address) -> str | None:
        return self._addresses.get(address) or self._configured.addresses.get(address)

    def _nested(self) -> Iterator[Finding]:
        """Tell of IPv6 prefixes that lie in others; IPv4 addresses stand one by one, and cannot."""
        everything = chain(self._addresses, self._configured.addresses)
        lengths = sorted({address.length for address in everything if len(address.network) == _IPV6_BYTES})
        if len(lengths) > MAX_PREFIX_LENGTHS:
            what = f"the IPv6 prefixes have {len(lengths)} lengths, more than a gate's {MAX_PREFIX_LENGTHS}"
            yield Finding((), what, "use fewer lengths: a line may list several prefixes")
        if len(lengths) < 2:
            return
        for address, row in zip(self._addresses, self._rows, strict=True):
            outer = self._outer(address, lengths)
            if outer is not None:
                yield self._twice(row, address, self._holder(outer))
        for address, name in self._configured.addresses.items():
            outer = self._outer(address, lengths)
            if outer is not None and outer in self._addresses:
                yield self._twice(self._row(outer), outer, name)

    def _outer(self, address: Address, lengths: Sequence[int]) -> Address | None:
        """Return the prefix of another holding in which an IPv6 prefix lies."""
        if len(address.network) != _IPV6_BYTES:
            return None
        bits = int.from_bytes(address.network, "big")
        for length in lengths:
            if length >= address.length:
                return None
            outer = Address(
                (bits >> (_IPV6_BITS - length) << (_IPV6_BITS - length)).to_bytes(16, "big"), length
            )
            if self._holder(outer) is not None:
                return outer
        return None

    def _row(self, address: Address) -> int:
        return next(row for one, row in zip(self._addresses, self._rows, strict=True) if one == address)

    def _twice(self, row: int, address: Address, holder: str | None) -> Finding:
        return Finding((*self._place, row, "addresses"), *_held_twice(_shown(address), holder))

    def _shares(self) -> Iterator[Finding]:
        """Tell what is wrong with the port ranges of addresses that lines share."""
        for packed, shares in self._shared.items():
            shown = _shown(Address(packed, _IPV4_BITS))
            ranges = [
                PortRange(first, last, (*self._place, row, "addresses")) for first, last, row, _ in shares
            ]
            holder = self._holder(Address(packed, _IPV4_BITS))
            if holder is not None:
                yield Finding(min(ranges, key=lambda one: one.path).path, *_held_twice(shown, holder))
            yield from check_port_ranges(shown, sorted(ranges))

    def _sizes(self) -> Iterator[Finding]:
        """Tell where the gate has no room for the list."""
        gate = self._config.gate
        ranges = sum(len(shares) for shares in self._shared.values())
        for what, needed, room, way_out in (
            ("lines", len(self._lines), gate.known, "write a larger `known` in [gate]"),
            (
                "addresses",
                len(self._addresses) + ranges,
                gate.addresses,
                "write a larger `addresses` in [gate]",
            ),
            ("shared addresses", len(self._shared), MAX_SHARED, "divide the lines among several gates"),
        ):
            if needed > room:
                yield Finding((), f"the list has {needed:,} {what}, the gate room for {room:,}", way_out)


def _shown(address: Address) -> str:
    return str(ip_network((address.network, address.length))).removesuffix(f"/{_IPV4_BITS}")


def _held_twice(network: str, holder: str | None) -> Fault:
    whose = "by lines that share it" if holder is None else f'by "{holder}" too'
    return f'"{network}" is held {whose}', "leave each address to one line"
