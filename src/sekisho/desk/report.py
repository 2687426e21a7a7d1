"""A report as the desk's parsers give it, or why there is none: frozen values.

A report is what its sender *claims*: nobody has looked yet whether an address is ours or who held it. Of the
enclosed message only what attribution needs is kept: its hops and its id, no subject, no text, nobody it was
sent to.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

HostAddress = IPv4Address | IPv6Address


class Format(StrEnum):
    """How a report was written."""

    ARF = "arf"  # RFC 5965, 6692
    X_ARF = "x-arf"  # X-ARF 0.2: mail with YAML
    XARF = "xarf"  # XARF 4: JSON
    SPAMCOP = "spamcop"
    HOTMAIL = "hotmail"  # JMRP before 2026
    FORWARD = "forward"  # somebody's mail with the message or its headers in it


class Trust(StrEnum):
    """How far a report is to be believed for the way it is written, whoever wrote it."""

    STRUCTURED = "structured"
    PLAIN = "plain"


class Feedback(StrEnum):
    """What is reported (RFC 5965 §7.3, RFC 6430, RFC 6591); people read reports of any other type."""

    ABUSE = "abuse"
    FRAUD = "fraud"
    VIRUS = "virus"
    NOT_SPAM = "not-spam"
    OPT_OUT = "opt-out"
    AUTH_FAILURE = "auth-failure"

    @property
    def is_abuse(self) -> bool:
        """Tell whether it speaks against the line."""
        return self in {Feedback.ABUSE, Feedback.FRAUD, Feedback.VIRUS}


class TimeSource(StrEnum):
    """Where a time was written; never the message's `Date:` nor the report's."""

    ARRIVAL_DATE = "arrival-date"
    RECEIVED_DATE = "received-date"
    HOP = "hop"
    BODY = "body"  # in the words of a report, as SpamCop's "Email from … / …"


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as somebody wrote it; `at` is aware UTC, None where that cannot be told for certain.

    That is where its zone is unknown or not given, or its day of the week is another's. Then no line can be
    told for certain either, and nothing may happen by itself.
    """

    source: TimeSource
    at: datetime | None
    written: str


@dataclass(frozen=True, slots=True)
class Hop:
    """A Received field: who sent (`address`, `port` if written), who took (`by`), when.

    `address` is None where none is written: a program on the same machine. `is_clear` is False where the
    field cannot be read with certainty, as with two addresses in the place of one; then `address` is None
    too, and no field below can be believed.
    """

    address: HostAddress | None
    port: int | None
    by: str | None
    moment: Moment | None
    is_clear: bool = True


@dataclass(frozen=True, slots=True)
class Incident:
    """One message, or `count` alike, that somebody complains of.

    `address`: as claimed by the report's own field, None where it names none; IPv4 within IPv6 is IPv4.
    `port`: the sender's, None where unknown; a report that names 25 has the service's in mind.
    `times`: what the report's own fields say, the better source first; those of the hops are with them.
    `chain`: the Received fields from the top; `is_cut`: there were more than are kept.
    """

    address: HostAddress | None
    port: int | None
    times: tuple[Moment, ...]
    chain: tuple[Hop, ...] = ()
    is_cut: bool = False
    message_id: str | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who reports, as the report says: anybody can write any address, in its `From:` and in its fields.

    `domain`: in lower case, that of the address; for XARF the reporter's own where one is given.
    """

    address: str | None
    domain: str | None


@dataclass(frozen=True, slots=True)
class Answerable:
    """Whom the acknowledgement of a report may reach; `message_id`: the report's, "" where it has none."""

    to: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Report:
    """A report that was understood; `incidents` are one or more.

    `report_id`: the reporter's own number for it, else the Message-ID of the report, else None.
    `authenticated`, `author`: the domain of its `From:`, and the address, both in lower case, where a mail
    server of ours says that it is from there.
    `answerable`: None where nobody is to be thanked for it.
    """

    format: Format
    trust: Trust
    reporter: Reporter
    report_id: str | None
    feedback: Feedback
    incidents: tuple[Incident, ...]
    authenticated: str | None = None
    author: str | None = None
    answerable: Answerable | None = None


class Why(StrEnum):
    """Why something is no report that a program may follow; people read it."""

    TOO_LARGE = "too-large"
    TOO_DEEP = "too-deep"
    TOO_MANY_PARTS = "too-many-parts"
    TOO_MANY_HEADERS = "too-many-headers"
    TOO_MANY_INCIDENTS = "too-many-incidents"
    LONG_HEADER = "long-header"
    EMPTY = "empty"
    MALFORMED = "malformed"
    UNKNOWN_FORMAT = "unknown-format"
    UNKNOWN_TYPE = "unknown-type"
    REPORT_WITHIN = "report-within"
    ANSWER = "answer"
    NO_SOURCE = "no-source"
    BAD_ADDRESS = "bad-address"
    BAD_TIME = "bad-time"
    BAD_EVIDENCE = "bad-evidence"
    NOT_MAIL = "not-mail"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What came is no report that a program may follow; `reason` says it in words, for people."""

    why: Why
    reason: str


Parsed = Report | Refusal
