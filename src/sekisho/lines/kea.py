"""Leases of Kea (DHCPv4, DHCPv6 with prefix delegation), as its run_script hook tells them.

Kea runs a program at each hook point, with what it knows in environment variables. Looked at in Kea 2.2:

    leases4_committed, leases6_committed   LEASES4_AT0_…: held from now on, or still (also each renewal);
                                           DELETED_LEASES4_AT0_…: given back
    lease4_release, _expire, _decline      LEASE4_…: given back, run out, found in use by somebody else;
    (and lease6_…)                         a declined lease is then committed with a state of its own

A renewal goes straight to the server, without what the relay adds (option 82), and so may a release. So a
line keeps the name that it got with the address, as long as the same client holds it (`heard`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import NamedTuple

from sekisho.lines.events import Heard, Kind, login_key
from sekisho.model import Address

NAS = "kea"  # whatever the server's name: two that stand in for each other tell of the same leases

_COMMITTED = re.compile(r"leases([46])_committed")
_GIVEN_BACK = re.compile(r"lease([46])_(?:release|expire|decline)")
_SAID_OTHERWISE = re.compile(r"lease[46]_(?:renew|rebind|recover)")  # committed tells, or nobody holds it
_IN_USE = "default"
_CLIENT_BYTES = 8  # of a login's 16; the others tell which time the client has the address
_CLOCKS_AHEAD = timedelta(seconds=5)  # as much as look-ups allow for
_LATEST = timedelta(days=31)  # after which nothing is sent again
_MOST_LEASES = 1_000  # of one call of the hook


class KeaNaming(StrEnum):
    """By which property of a DHCP client its line is named."""

    CIRCUIT_ID = "circuit-id"  # option 82, sub-option 1
    REMOTE_ID = "remote-id"  # option 82, sub-option 2
    CLIENT_ID = "client-id"  # option 61, the DUID in DHCPv6
    HARDWARE = "hardware"


class UnparsableReportError(Exception):
    """A call of the hook that says nothing that could be kept."""


class Report(NamedTuple):
    """That a client holds an address, or does not any more; what may name its line."""

    at: datetime
    is_held: bool
    address: Address
    client: str
    names: Mapping[KeaNaming, str]


class Holder(NamedTuple):
    """Who holds an address: the login by which, and the line's name."""

    login: bytes
    name: str


def read_call(event: str, at: datetime, variables: Mapping[str, str]) -> tuple[Report, ...]:
    """Read one call of the hook: its name, when it was called, its environment.

    Raises UnparsableReportError.
    """
    if (committed := _COMMITTED.fullmatch(event)) is not None:
        version = committed[1]
        held = _leases(f"LEASES{version}_", variables, at, is_held=True)
        freed = _leases(f"DELETED_LEASES{version}_", variables, at, is_held=False)
        return (*freed, *held)
    if (given_back := _GIVEN_BACK.fullmatch(event)) is not None:
        report = _report(f"LEASE{given_back[1]}_", variables, at, is_held=False)
        return () if report is None else (report,)
    if _SAID_OTHERWISE.fullmatch(event) is not None:
        return ()
    raise UnparsableReportError(f"{event[:40]!a} is no event of Kea's leases")


def believed(at: datetime, now: datetime) -> tuple[datetime, bool]:
    """Return when a call was made, and whether it tells a time that cannot be: then it is now."""
    if at > now + _CLOCKS_AHEAD or at < now - _LATEST:
        return now, True
    return at, False


def heard(
    reports: Iterable[Report], holders: Mapping[Address, Holder], naming: Sequence[KeaNaming]
) -> tuple[Heard, ...]:
    """Return what reports say of lines.

    `holders`: who holds their addresses now. Raises UnparsableReportError where nothing names a line.
    """
    now: dict[Address, Holder | None] = dict(holders)
    found: list[Heard] = []
    for report in sorted(reports, key=lambda report: report.at):
        one = _heard(report, now.get(report.address), naming)
        now[report.address] = Holder(one.login, one.name) if report.is_held else None
        found.append(one)
    return tuple(found)


def _heard(report: Report, holder: Holder | None, naming: Sequence[KeaNaming]) -> Heard:
    name, is_best = _name(report, naming)
    kind = Kind.START if report.is_held else Kind.STOP
    login = None
    if holder is not None and _is_of(holder, report):
        is_moved = name != holder.name and (is_best or holder.name in report.names.values())
        if not report.is_held or not is_moved:
            name, login = holder.name, holder.login
            kind = Kind.INTERIM if report.is_held else Kind.STOP
    addresses = (report.address,) if report.is_held else ()
    return Heard(kind, report.at, NAS, login or _login(report, name), name, 0, addresses)


def _name(report: Report, naming: Sequence[KeaNaming]) -> tuple[str, bool]:
    """Return the line's name, and whether it is by the first of the properties."""
    for rank, by in enumerate(naming):
        if name := report.names.get(by):
            return name, rank == 0
    raise UnparsableReportError(f"there is none of {', '.join(naming)}")


def _login(report: Report, name: str) -> bytes:
    """Return a login of its own for each time that a client gets an address, or one would grow for ever."""
    return _client_key(report, name) + login_key(NAS, report.at.isoformat(), name)[_CLIENT_BYTES:]


def _is_of(holder: Holder, report: Report) -> bool:
    """Tell whether it is the client of a report that holds the address."""
    return holder.login[:_CLIENT_BYTES] == _client_key(report, holder.name)


def _client_key(report: Report, name: str) -> bytes:
    network, length, _ = report.address
    return login_key(NAS, f"{ip_address(network)}/{length} {report.client}", name)[:_CLIENT_BYTES]


def _leases(prefix: str, variables: Mapping[str, str], at: datetime, *, is_held: bool) -> Iterator[Report]:
    size = variables.get(f"{prefix}SIZE", "0")
    if not size.isdecimal() or int(size) > _MOST_LEASES:
        raise UnparsableReportError(f"{prefix}SIZE is not a number of leases")
    for index in range(int(size)):
        report = _report(f"{prefix}AT{index}_", variables, at, is_held=is_held)
        if report is not None:
            yield report


def _report(prefix: str, variables: Mapping[str, str], at: datetime, *, is_held: bool) -> Report | None:
    """Read one lease; None where nobody has it, as after a DHCPDECLINE."""
    client = variables.get(f"{prefix}CLIENT_ID") or variables.get(f"{prefix}DUID", "")
    hardware = variables.get(f"{prefix}HWADDR", "")
    if not client and not hardware:
        return None
    iaid = variables.get(f"{prefix}IAID", "")
    names = {
        KeaNaming.CIRCUIT_ID: _option(variables.get("QUERY4_OPTION_82_SUB_OPTION_1", "")),
        KeaNaming.REMOTE_ID: _option(variables.get("QUERY4_OPTION_82_SUB_OPTION_2", "")),
        KeaNaming.CLIENT_ID: _text(client),
        KeaNaming.HARDWARE: _text(hardware),
    }
    return Report(
        at,
        is_held and variables.get(f"{prefix}STATE", _IN_USE) == _IN_USE,
        _address(prefix, variables),
        f"{client or hardware} {iaid}".strip(),
        {by: name for by, name in names.items() if name},
    )


def _address(prefix: str, variables: Mapping[str, str]) -> Address:
    """Read the address of a lease, or the prefix that is delegated by it."""
    try:
        address = ip_address(variables.get(f"{prefix}ADDRESS", ""))
        length = int(variables.get(f"{prefix}PREFIX_LEN") or address.max_prefixlen)
    except ValueError as error:
        raise UnparsableReportError(f"{prefix}ADDRESS or {prefix}PREFIX_LEN is none") from error
    host_bits = address.max_prefixlen - length
    if not 0 <= host_bits <= address.max_prefixlen or int(address) & ((1 << host_bits) - 1):
        raise UnparsableReportError(f"{prefix}PREFIX_LEN does not fit the address")
    return Address(address.packed, length)


def _option(text: str) -> str:
    """Read an option, which Kea writes as 0x and digits: as the text that it is, else as these digits."""
    try:
        value = bytes.fromhex(text.removeprefix("0x")).decode("utf-8")
    except ValueError:
        return _text(text)
    return value if value.isprintable() and value.strip() == value else _text(text)


def _text(value: str) -> str:
    return value.lower() if value.isascii() and value.isprintable() else ""
