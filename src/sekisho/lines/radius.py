"""What an Accounting-Request says of a line.

Sources: RFC 2866 §5, RFC 2869 §5.3, RFC 3162 §2, RFC 4818 §3, RFC 6911 §3.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from sekisho.lines.events import Boot, Heard, Kind, login_key, said
from sekisho.lines.radius_packet import (
    ACCT_DELAY_TIME,
    ACCT_SESSION_ID,
    ACCT_STATUS_TYPE,
    CLASS,
    DELEGATED_IPV6_PREFIX,
    EVENT_TIMESTAMP,
    FRAMED_IP_ADDRESS,
    FRAMED_IPV6_ADDRESS,
    FRAMED_IPV6_PREFIX,
    NAS_IDENTIFIER,
    NAS_IP_ADDRESS,
    NAS_IPV6_ADDRESS,
    USER_NAME,
    Request,
)
from sekisho.model import Address

_OF_ONE_LOGIN = re.compile(r"ai:[0-9a-f]{32}")
_KINDS = {1: Kind.START, 2: Kind.STOP, 3: Kind.INTERIM}
_BOOTS = (7, 8)  # Accounting-On, Accounting-Off
# "The NAS lets the user choose" and "the NAS chooses" (RFC 2865 §5.8), and what NASes send before it is known
NO_IPV4 = (b"\xff\xff\xff\xff", b"\xff\xff\xff\xfe", b"\0\0\0\0")
_IPV6_BITS = 128
_MASKS = tuple((1 << _IPV6_BITS) - (1 << _IPV6_BITS - length) for length in range(_IPV6_BITS + 1))
CLOCKS_BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
CLOCKS_AHEAD = timedelta(seconds=5)  # of a NAS's clock that is not worth telling: look-ups allow for it


class Naming(StrEnum):
    """By which attribute a line is named."""

    CLASS = "class"
    USER_NAME = "user-name"


class UnparsableError(Exception):
    """An authenticated record that says nothing that could be kept; the peer's fault."""


class Record(NamedTuple):
    """What an Accounting-Request says. Texts are "" where it does not; `classes` are those that are text."""

    status: int
    login: str
    user: str
    nas: str
    classes: tuple[str, ...]
    happened: datetime | None
    delay_seconds: int
    addresses: tuple[Address, ...]


def read_record(request: Request) -> Record:
    """Read what an Accounting-Request says. Raises UnparsableError."""
    if not request.is_whole:
        raise UnparsableError("an attribute is broken")
    values = request.attributes
    status = _number(values, ACCT_STATUS_TYPE)
    if status is None:
        raise UnparsableError("there is no Acct-Status-Type")
    timestamp = _number(values, EVENT_TIMESTAMP)
    return Record(
        status,
        _text(values, ACCT_SESSION_ID),
        _text(values, USER_NAME),
        _nas(values),
        tuple(_readable(values.get(CLASS, ()))),
        None if timestamp is None else datetime.fromtimestamp(timestamp, UTC),
        _number(values, ACCT_DELAY_TIME) or 0,
        _addresses(values),
    )


def tell(record: Record, *, at: datetime, source: str, naming: Sequence[Naming]) -> Heard | Boot | None:
    """Return what a record tells of a login, or of a NAS; None where we keep nothing of its kind.

    `at`: `time_of` it. `source`: the address it came from. Raises UnparsableError where the login or the
    line has no name.
    """
    nas = record.nas or source
    if record.status in _BOOTS:
        return Boot(nas, at)
    kind = _KINDS.get(record.status)
    if kind is None:
        return None
    if not record.login:
        raise UnparsableError("there is no Acct-Session-Id")
    name, rank = _name(record, naming)
    key = login_key(nas, record.login, record.user)
    return Heard(kind, at, nas, key, name, rank, record.addresses, said(record.login, record.user))


def time_of(record: Record, received: datetime) -> tuple[datetime, bool]:
    """Return when it happened, and whether the NAS tells a time that cannot be.

    That is the earlier of what its clock says, unless that was never set, and of the receipt less the delay
    it tells: so a clock that is ahead makes no difference between a packet and its repetition.
    """
    happened, before = record.happened, received - timedelta(seconds=record.delay_seconds)
    is_absurd = before < CLOCKS_BEGIN
    if is_absurd:
        before = received
    if happened is None:
        return before, is_absurd
    if happened < CLOCKS_BEGIN:
        return before, True
    return min(happened, before), is_absurd or happened > received + CLOCKS_AHEAD


def _name(record: Record, naming: Sequence[Naming]) -> tuple[str, int]:
    """Return the line's name and the rank of the attribute that gave it."""
    for rank, by in enumerate(naming):
        name = record.user if by is Naming.USER_NAME else next(iter(record.classes), "")
        if name:
            return name, rank
    raise UnparsableError("no attribute names the line")


def _addresses(values: Mapping[int, Sequence[bytes]]) -> tuple[Address, ...]:
    found = [
        Address(_sized(value, 4), 32) for value in values.get(FRAMED_IP_ADDRESS, ()) if value not in NO_IPV4
    ]
    for kind in (FRAMED_IPV6_PREFIX, DELEGATED_IPV6_PREFIX):
        if kind in values:
            found += map(_prefix, values[kind])
    if FRAMED_IPV6_ADDRESS in values:
        found += (Address(_sized(value, 16), _IPV6_BITS) for value in values[FRAMED_IPV6_ADDRESS])
    return tuple(found)


def _prefix(value: bytes) -> Address:
    """Read a prefix: a reserved byte, its length in bits, and as many of its bytes as were sent."""
    if not 2 <= len(value) <= 18 or value[1] > _IPV6_BITS:
        raise UnparsableError("an IPv6 prefix cannot be")
    length = value[1]
    bits = int.from_bytes(value[2:].ljust(16, b"\0"), "big") & _MASKS[length]
    return Address(bits.to_bytes(16, "big"), length)


def _nas(values: Mapping[int, Sequence[bytes]]) -> str:
    """Return what a NAS calls itself."""
    if name := _text(values, NAS_IDENTIFIER):
        return name
    for kind, size in ((NAS_IP_ADDRESS, 4), (NAS_IPV6_ADDRESS, 16)):
        if kind in values:
            return _address_text(_sized(values[kind][0], size))
    return ""


@lru_cache(maxsize=4_096)  # NASes are few
def _address_text(packed: bytes) -> str:
    return str(ip_address(packed))


def _number(values: Mapping[int, Sequence[bytes]], kind: int) -> int | None:
    return int.from_bytes(_sized(values[kind][0], 4), "big") if kind in values else None


def _sized(value: bytes, size: int) -> bytes:
    if len(value) != size:
        raise UnparsableError(f"an attribute has {len(value)} bytes where {size} belong")
    return value


def _readable(classes: Sequence[bytes]) -> Iterator[str]:
    """Yield the values of Class that are text; others mean something to whoever made them alone."""
    for value in classes:
        try:
            text = value.decode()
        except UnicodeDecodeError:
            continue
        if is_naming(text):
            yield text


def is_naming(class_text: str) -> bool:
    """Tell whether a Class may name a line: FreeRADIUS's insert_acct_class makes one anew for each login."""
    is_text = class_text.isprintable() and not class_text.isspace() and bool(class_text)
    return is_text and _OF_ONE_LOGIN.fullmatch(class_text) is None


def _text(values: Mapping[int, Sequence[bytes]], kind: int) -> str:
    """Return an attribute as text that every store takes: what cannot be printed is escaped."""
    if kind not in values:
        return ""
    text = values[kind][0].decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
