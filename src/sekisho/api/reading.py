"""How single values of a question about lines are read: moments, addresses, ends of reliefs, texts.

What cannot be read is told with the way out; the paths record every refusal before it is told.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from sekisho.config.values import fault, toml
from sekisho.lines.purposes import Purpose

IpAddress = IPv4Address | IPv6Address

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?", re.ASCII)
_ZONED = re.compile(rf"{_MOMENT.pattern}(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_HEAD = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 1970, 9000  # no lease is from elsewhere, and further out times cannot be reckoned
_MOMENT_EXAMPLE = "2026-11-24T21:30:00+09:00"
_MOMENT_WAY_OUT = f'write date, time and zone as RFC 3339 has them: "{_MOMENT_EXAMPLE}", or "Z" for UTC'
_UNTIL_WAY_OUT = f'write the last day as in "2026-12-31", or a time as in "{_MOMENT_EXAMPLE}"'
_BEFORE_WAY_OUT = f'write a day as in "2026-12-31", or a time as in "{_MOMENT_EXAMPLE}"'

# What to write where a key is missing.
NEEDED = {
    "purpose": f"say why you look: one of {', '.join(Purpose)}",
    "at": _MOMENT_WAY_OUT,
    "until": _UNTIL_WAY_OUT,
    "reason": "say why: it is recorded",
    "address": 'write it as in "192.0.2.7"',
    "line": "name the line",
    "count": "say how many there are",
}


def read_moment(value: object) -> datetime:
    """Read a time with its zone (RFC 3339); return it in UTC, or raise a fault that tells the way out."""
    text = value if isinstance(value, str) else ""
    if _MOMENT.fullmatch(text):
        raise fault(
            f"{toml(value)} has no zone, and an hour more or less may be another line",
            f'add it: "{text}Z" for UTC, "{text}+09:00" for Japan',
        )
    if not _ZONED.fullmatch(text):
        raise fault(f"{toml(value)} is no moment", _MOMENT_WAY_OUT)
    try:
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise fault(f"{toml(value)} is no moment there is", _MOMENT_WAY_OUT) from None
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise fault(f"{toml(value)} is in no year of any lease", f"name one from {_FIRST_YEAR} on")
    return moment


def read_until(value: object) -> datetime:
    """Read an end: a moment, or a day, whose end in UTC is meant; raise a fault that tells the way out."""
    return _read_moment_or_day(value, timedelta(days=1), _UNTIL_WAY_OUT)


def read_before(value: object) -> datetime:
    """Read a moment, or a day, whose beginning in UTC is meant; raise a fault that tells the way out."""
    return _read_moment_or_day(value, timedelta(), _BEFORE_WAY_OUT)


def _read_moment_or_day(value: object, later: timedelta, way_out: str) -> datetime:
    """Read a moment, or a day, of which that is meant which is so much later than its beginning."""
    text = value if isinstance(value, str) else ""
    if _MOMENT.match(text):
        return read_moment(text)
    if not _DAY.fullmatch(text):
        raise fault(f"{toml(value)} is no date", way_out)
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC) + later
    except (ValueError, OverflowError):
        raise fault(f"{toml(value)} is no day there is", way_out) from None


def read_day(value: object) -> date:
    """Read a day; raise a fault that tells the way out."""
    text = value if isinstance(value, str) else ""
    way_out = 'write it as in "2026-12-31"'
    if not _DAY.fullmatch(text):
        raise fault(f"{toml(value)} is no date", way_out)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise fault(f"{toml(value)} is no day there is", way_out) from None
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise fault(f"{toml(value)} is of no year that anything is counted in", way_out)
    return day


def read_address(value: object) -> IpAddress:
    """Read one address; raise a fault that tells the way out."""
    try:
        address = ip_address(value) if isinstance(value, str) else None
    except ValueError:
        address = None
    if address is None:
        raise fault(f"{toml(value)} is not one address", 'write it as in "192.0.2.7" or "2001:db8::7"')
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            raise fault(f"{toml(value)} is an IPv4 address inside IPv6", f'write "{address.ipv4_mapped}"')
        if address.scope_id is not None:
            raise fault(f"{toml(value)} is an address of one machine's link", "name one that a line may hold")
    return address


def read_head(value: object) -> str:
    """Read the hash of a record of the audit log; raise a fault that tells the way out."""
    if not isinstance(value, str) or not _HEAD.fullmatch(value):
        raise fault(
            f"{toml(value)} is no head of an audit log",
            "give the 64 digits (0-9, a-f) that `sekisho audit verify` printed",
        )
    return value


def _said(value: str) -> str:
    """Take the words of a text, and refuse one that says nothing."""
    text = value.strip()
    if not text:
        raise fault("the text is empty", "write some words")
    return _printable(text)


def _printable(text: str) -> str:
    if not text.isprintable():
        raise fault("the text has characters that cannot be printed", "write one line of words")
    return text


Moment = Annotated[
    datetime,
    PlainValidator(read_moment),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="validation"),
]
Head = Annotated[
    str,
    PlainValidator(read_head),
    WithJsonSchema({"type": "string", "pattern": f"^{_HEAD.pattern}$"}, mode="validation"),
]
Until = Annotated[
    datetime,
    PlainValidator(read_until),
    WithJsonSchema({"type": "string", "examples": ["2026-12-31", _MOMENT_EXAMPLE]}, mode="validation"),
]
Before = Annotated[
    datetime,
    PlainValidator(read_before),
    WithJsonSchema({"type": "string", "examples": ["2026-12-31", _MOMENT_EXAMPLE]}, mode="validation"),
]
Day = Annotated[
    date,
    PlainValidator(read_day),
    WithJsonSchema({"type": "string", "format": "date"}, mode="validation"),
]
AddressField = Annotated[
    IpAddress,
    PlainValidator(read_address),
    WithJsonSchema({"type": "string", "examples": ["192.0.2.7"]}),
]
Port = Annotated[int, Field(strict=True, ge=1, le=65_535)]
LineName = Annotated[str, Field(strict=True, min_length=1, max_length=253), AfterValidator(_printable)]
Said = Annotated[str, Field(strict=True, max_length=200), AfterValidator(_said)]
