"""FreeRADIUS's table of accounting, `radacct`: what its rows say of lines.

A row is a session of FreeRADIUS, a login here, and is written anew with each packet: its start, the time of
the last packet, its stop. By the rules of `lines.leases` it may be read as often as one likes. What a table
does not keep: a session's addresses but the last of each kind, and that a NAS has another name than its
address. Columns as in FreeRADIUS 3.2.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import NamedTuple

from sekisho.lines.events import Heard, Kind, login_key, said
from sekisho.lines.quick import read_quickly
from sekisho.lines.radius import CLOCKS_BEGIN, NO_IPV4, Naming, is_naming
from sekisho.model import Address

NEEDED = (
    *("radacctid", "acctsessionid", "username", "nasipaddress"),
    *("acctstarttime", "acctupdatetime", "acctstoptime", "framedipaddress"),
)
"""The columns that every `radacct` has."""
OPTIONAL = ("framedipv6address", "framedipv6prefix", "delegatedipv6prefix", "class")
"""Those that are only there in newer ones, or are not filled before they are configured."""

_ADDRESSES = ("framedipaddress", *OPTIONAL[:3])
_NO_ADDRESS = (*NO_IPV4, bytes(16))
CLOCKS_AHEAD = timedelta(hours=1)  # of rows that are read, as if what they tell of happened now
_OVERLAP = timedelta(minutes=1)  # for rows that are committed late, and for clocks of NASes that are behind


class NoZoneError(Exception):
    """The table keeps times without a zone, and nobody has said which it is; the operator's fault."""


class UnparsableRowError(Exception):
    """A row that says nothing that could be kept."""


class Row(NamedTuple):
    """What a row says; times are aware UTC. `class_name` is "" unless Class is text."""

    number: int
    login: str
    user: str
    nas: str
    start: datetime | None
    update: datetime | None
    stop: datetime | None
    addresses: tuple[Address, ...]
    class_name: str


class Mark(NamedTuple):
    """How far a table has been read.

    `row`: up to this number; `update`: what was written up to this moment; `swept`: up to this number, it
    was looked at again lately.
    """

    row: int = 0
    update: datetime | None = None
    swept: int = 0

    @property
    def overlap(self) -> datetime | None:
        """Return from when on rows are to be read again."""
        return None if self.update is None else self.update - _OVERLAP


def show_mark(mark: Mark) -> str:
    """Write a mark as a text that `read_mark` reads."""
    return json.dumps([mark.row, None if mark.update is None else mark.update.isoformat(), mark.swept])


def read_mark(text: str) -> Mark:
    """Read a mark from its text."""
    row, update, swept = json.loads(text)
    return Mark(row, None if update is None else datetime.fromisoformat(update), swept)


def read_row(values: Mapping[str, object], zone: tzinfo | None) -> Row:
    """Read a row; `zone` is that of times that have none. Raises NoZoneError, UnparsableRowError."""
    number, login, nas = values["radacctid"], values["acctsessionid"], values["nasipaddress"]
    if not isinstance(number, int) or not login or not nas:
        raise UnparsableRowError("there is no AcctSessionId or no NASIPAddress")
    return Row(
        number,
        str(login),
        str(values["username"] or ""),
        _nas(str(nas)),
        _moment(values["acctstarttime"], zone),
        _moment(values["acctupdatetime"], zone),
        _moment(values["acctstoptime"], zone),
        tuple(_addresses(values)),
        _class(str(values.get("class") or "")),
    )


def heard(row: Row, naming: Sequence[Naming], now: datetime) -> tuple[Heard, ...]:
    """Return what a row says of a line. Raises UnparsableRowError.

    A start in the table may be an interim's time, until the true one arrives: so it only tells that the
    login was there. It is a start where it stands behind a stop, as when a NAS uses a session's id again.
    """
    name, rank = _name(row, naming)
    key = login_key(row.nas, row.login, row.user)
    is_again = row.start is not None and row.stop is not None and row.stop < row.start
    times = {
        (Kind.START if is_again else Kind.INTERIM, row.start),
        (Kind.STOP, row.stop),
    }
    if row.update not in (row.start, row.stop):
        times.add((Kind.INTERIM, row.update))
    told = sorted((at, kind) for kind, at in times if at is not None)
    if any(not CLOCKS_BEGIN <= at <= now + CLOCKS_AHEAD for at, _ in told):
        raise UnparsableRowError("its NAS has no clock")
    rest = (name, rank, row.addresses, said(row.login, row.user))
    return tuple(Heard(kind, min(at, now), row.nas, key, *rest) for at, kind in told)


def later(mark: Mark, row: Row, now: datetime) -> Mark:
    """Return the mark with a row read; a NAS whose clock is ahead does not hide what the others say."""
    moments = [moment for moment in (mark.update, row.update) if moment is not None]
    return mark._replace(row=max(mark.row, row.number), update=min(now, max(moments)) if moments else None)


def _name(row: Row, naming: Sequence[Naming]) -> tuple[str, int]:
    for rank, by in enumerate(naming):
        name = row.class_name if by is Naming.CLASS else row.user
        if name:
            return name, rank
    raise UnparsableRowError("no column names the line")


def _moment(value: object, zone: tzinfo | None) -> datetime | None:
    """Read a time; databases without a type of their own for it give text."""
    if value is None or value == "":
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise UnparsableRowError("a time is none") from error
    if moment.tzinfo is None:
        if zone is None:
            raise NoZoneError
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(UTC)


def _addresses(values: Mapping[str, object]) -> Iterator[Address]:
    for column in _ADDRESSES:
        if value := values.get(column):
            address = _address(str(value))
            if address.network not in _NO_ADDRESS:
                yield address


def _address(text: str) -> Address:
    quick = read_quickly(text.removesuffix("/32"))  # PostgreSQL writes the length of IPv4 addresses too
    if quick is not None:
        return quick
    network = _interface(text).network
    return Address(network.network_address.packed, network.prefixlen)


@lru_cache(maxsize=4_096)  # NASes are few
def _nas(text: str) -> str:
    return str(_interface(text).ip)


def _interface(text: str) -> IPv4Interface | IPv6Interface:
    try:
        return ip_interface(text)
    except ValueError as error:
        raise UnparsableRowError("an address is none") from error


def _class(text: str) -> str:
    """Read Class, which FreeRADIUS writes as 0x and digits; what is no text names no line."""
    if text.startswith("0x"):
        try:
            text = bytes.fromhex(text[2:]).decode()
        except ValueError:
            return ""
    return text if is_naming(text) else ""
