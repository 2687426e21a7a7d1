"""What sources say of lines, and the leases that follow: frozen values.

A login is one span of accounting: a NAS, an Acct-Session-Id and a user (RFC 2866). A session, in this
program, is a TCP connection; so logins have a word of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple

from sekisho.model import Address

LOGIN_KEY_BYTES = 16
MOST_ATTRIBUTE_BYTES = 253  # RFC 2865 §5


class Kind(StrEnum):
    """What happened to a login."""

    START = "start"
    INTERIM = "interim"
    STOP = "stop"


class Said(NamedTuple):
    """What names a login to its NAS: its Acct-Session-Id and its User-Name, "" where nothing tells them."""

    session: str = ""
    user: str = ""


NOTHING_SAID = Said()


@dataclass(frozen=True, slots=True)
class Heard:
    """An event as its source tells it: the line has a name yet, not a number. Else as `Event`."""

    kind: Kind
    at: datetime
    nas: str
    login: bytes
    name: str
    rank: int = 0
    addresses: tuple[Address, ...] = ()
    said: Said = NOTHING_SAID


@dataclass(frozen=True, slots=True)
class Event:
    """What a source says of one login.

    `at`: when it happened (aware UTC). `line`: the line's number. `rank`: 0 where the line is named by the
    first of the attributes that may name it, more where by a later one. `addresses` may be empty.
    """

    kind: Kind
    at: datetime
    nas: str
    login: bytes  # login_key()
    line: int
    rank: int = 0
    addresses: tuple[Address, ...] = ()
    said: Said = NOTHING_SAID


class Boot(NamedTuple):
    """A NAS says that all its logins have ended (Accounting-On, Accounting-Off)."""

    nas: str
    at: datetime


class Named(NamedTuple):
    """When a login has named an address: the first and the last time, and in which Starts."""

    first: datetime
    last: datetime
    starts: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Login:
    """All that was said of one login, as sets and extremes: in whatever order it was heard, and how often.

    `line` and its `rank` are those of the best name, the earliest (`line_at`) among equals.
    """

    nas: str
    line: int
    rank: int
    line_at: datetime
    first: datetime
    seen: datetime
    starts: tuple[datetime, ...] = ()
    stops: tuple[datetime, ...] = ()
    named: Mapping[Address, Named] = field(default_factory=dict)
    said: Said = NOTHING_SAID


class Ending(StrEnum):
    """Why a lease has ended; a lease that the next holder's supersedes has no ending of its own."""

    STOP = "stop"
    NEXT_LOGIN = "next-login"  # the same login started again
    NAS = "nas"  # Accounting-On or -Off
    LIST = "list"  # taken off a static list
    RELEASE = "release"  # given back, or expired (DHCP)


class Lease(NamedTuple):
    """The span in which a line holds an address; whoever begins later on the same address ends it.

    Rows of one address are ordered by (begin, login). `login` is the login's key, or the source's for leases
    of other sources. `end` and `ending` are None while it goes on.
    """

    address: Address
    begin: datetime
    login: bytes
    line: int
    end: datetime | None = None
    ending: Ending | None = None


class OpenLogin(NamedTuple):
    """A login by which a line holds addresses now: its key, and since when it holds the first of them.

    `login`: all that was said of it; None where its source tells of leases alone.
    """

    key: bytes
    begin: datetime
    addresses: tuple[Address, ...]
    login: Login | None

    @property
    def heard(self) -> datetime:
        """Return when the login was last heard of."""
        return self.begin if self.login is None else self.login.seen


class Holding(NamedTuple):
    """Who holds an address now: the line's number, by which lease, and whether a static list says so."""

    line: int
    login: bytes
    static: bool


def said(session: str, user: str) -> Said:
    """Return what names a login to its NAS; nothing does that no attribute has room for."""
    if any(len(text.encode()) > MOST_ATTRIBUTE_BYTES for text in (session, user)):
        return NOTHING_SAID
    return Said(session, user)


def login_key(nas: str, login: str, user: str) -> bytes:
    """Return the 16 bytes by which a login is known; ids repeat after a NAS restarts, and across NASes."""
    parts = (nas, login, user)
    text = b"".join(len(part.encode()).to_bytes(2, "big") + part.encode() for part in parts)
    return blake2b(text, digest_size=LOGIN_KEY_BYTES).digest()
