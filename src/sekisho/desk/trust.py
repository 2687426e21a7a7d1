"""How far a reporter's word goes: by who it is, by what came of its reports, and the same only once.

Reporters are parties: all addresses under one registered domain are one, or a domain would be many at will.
Anybody can report in anybody's name. So a party that is proved to be it and one that only claims to be are
two, with a history and a rate each: what is forged in a name neither spends nor spoils its bearer's word.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from publicsuffixlist import PublicSuffixList

UNKNOWN_PARTY = "unknown"
"""The party of all whose domain cannot be told."""

MOST_INCIDENTS = 1_000
"""That one report counts for, whatever it claims."""

ALL_CLAIMED = "all that is only claimed"
"""The party, which no domain can be, of all reports together of which nothing proves whose they are."""

FOLDED_BYTES = 16
_HOUR = timedelta(hours=1)
_TRUSTED = 0.6  # a share that one confirmed case reaches (2 of 3)
_DOUBTED = 0.3  # and that two dismissed ones fall below (1 of 4)
_LONGEST_DOMAIN = 253  # RFC 1035 §2.3.4


class Standing(StrEnum):
    """How a party stands by what came of its reports."""

    TRUSTED = "trusted"
    NEW = "new"
    DOUBTED = "doubted"


class Weight(StrEnum):
    """What a report counts for: all steps, the stop request alone, nothing without a person, or nothing."""

    SOUND = "sound"
    WEAK = "weak"
    CLAIMED = "claimed"
    DOUBTED = "doubted"
    TOO_MANY = "too-many"


COUNT = (Weight.SOUND, Weight.WEAK, Weight.CLAIMED)
"""What belongs to a case."""

PROVED = (Weight.SOUND, Weight.WEAK)
"""What figures count: anybody can claim, and could make any figure of it."""


class Party(NamedTuple):
    """Whose word a report is; `is_authenticated`: that is proved, and not only claimed."""

    name: str
    is_authenticated: bool


@dataclass(frozen=True, slots=True)
class Reporter:
    """What is known of a party: in how many cases its reports were confirmed and dismissed.

    `left`: how many more of its reports count now, at `at`.
    """

    party: Party
    at: datetime
    left: float
    confirmed: int = 0
    dismissed: int = 0


def party_of(domain: str) -> str:
    """Return the party of a reporter's domain, by the public suffix list.

    Of the list only what registries have is heeded: under what companies lend out, names are had for nothing.
    """
    name = _ascii(domain)
    if name is None or _is_address(name):
        return UNKNOWN_PARTY
    return _suffixes().privatesuffix(name) or name


def party_of_report(claimed: str | None, proved: str | None, trusted: str | None = None) -> Party:
    """Return the party of a report: of the domain that is proved, else of the one that is claimed.

    `trusted`: the name under which it is trusted, which is a party of its own: at the domain of a feedback
    loop anybody may have an account, whose word neither spends nor spoils the loop's.
    """
    if trusted is not None:
        return Party(trusted, is_authenticated=True)
    name = party_of(proved or claimed or "")
    return Party(name, is_authenticated=proved is not None and name != UNKNOWN_PARTY)


def is_aligned(domain: str, other: str) -> bool:
    """Tell whether two domains are one organisation's (RFC 7489 §3.1), also under what companies lend out."""
    one, two = _ascii(domain), _ascii(other)
    return one is not None and two is not None and _organisation(one) == _organisation(two)


def trusted_as(author: str, trusted: Collection[str]) -> str | None:
    """Return the longest of the trusted names that is an author's address, its domain, or above that."""
    domain = author.rpartition("@")[2]
    named = (one for one in trusted if one in (author, domain) or domain.endswith(f".{one}"))
    return max(named, key=len, default=None)


def is_lent(domain: str) -> bool:
    """Tell whether anybody can have a name beneath a domain: a registry's, or what companies lend out."""
    return _lent().privatesuffix(domain) is None


def first_seen(party: Party, now: datetime, rate: int) -> Reporter:
    """Return what is known of a party that has never reported; `rate`: as in `weigh`."""
    return Reporter(party, now, float(rate))


def standing(reporter: Reporter) -> Standing:
    """Return how a party stands; without history it is new."""
    share = (reporter.confirmed + 1) / (reporter.confirmed + reporter.dismissed + 2)
    if share < _DOUBTED:
        return Standing.DOUBTED
    return Standing.TRUSTED if share >= _TRUSTED else Standing.NEW


def weigh(
    reporter: Reporter, now: datetime, rate: int, *, is_trusted: bool, is_structured: bool
) -> tuple[Reporter, Weight]:
    """Tell what a report counts for, and how its reporter stands after it.

    Only what somebody has named or vouched for (`is_trusted`) counts for all steps, forwards once a report of
    theirs was confirmed: what honest users of a provider earn, whoever opens an account there would have too.
    `rate`: how many reports of a party count in an hour; more are kept, and count for nothing. A clock that
    was set back gives nothing.
    """
    after, is_spent = spend(reporter, now, rate)
    if not is_spent:
        return after, Weight.TOO_MANY
    stands = standing(reporter)
    if stands is Standing.DOUBTED and not is_trusted:
        return after, Weight.DOUBTED
    if not reporter.party.is_authenticated:
        return after, Weight.CLAIMED
    is_believed = stands is Standing.TRUSTED or (is_structured and stands is not Standing.DOUBTED)
    return after, Weight.SOUND if is_trusted and is_believed else Weight.WEAK


def spend(reporter: Reporter, now: datetime, rate: int) -> tuple[Reporter, bool]:
    """Return a party after one more of its reports, and whether that was still among those that count."""
    filled = refilled(reporter, now, rate)
    if filled.left < 1:
        return filled, False
    return replace(filled, left=filled.left - 1), True


def refilled(reporter: Reporter, now: datetime, rate: int) -> Reporter:
    """Return a party with as many reports as count now."""
    filled = reporter.left + rate * max(timedelta(), now - reporter.at) / _HOUR
    return replace(reporter, at=max(now, reporter.at), left=min(float(rate), filled))


def stranger_rate(rate: int) -> int:
    """Return how many reports of a party that is not trusted count in an hour: a tenth."""
    return max(1, rate // 10)


def sameness(party: Party, message_id: str | None, report_id: str | None) -> bytes:
    """Return what tells the same from other things that a party reports, whatever line it is about.

    The message's id goes before the report's, which a reporter makes anew; with neither, all is the same.
    """
    about = ("message", message_id) if message_id else ("report", report_id or "")
    whose = "proved" if party.is_authenticated else "claimed"
    return _digest(party.name.encode(), whose.encode(), *(part.encode() for part in about))


def folded(same: bytes, line: int, moment: datetime) -> bytes:
    """Return the key under which the same (`sameness`) counts once: about one line, in an hour."""
    hour = int(moment.astimezone(UTC).timestamp() // _HOUR.total_seconds())
    return _digest(same, str(line).encode(), str(hour).encode())


def counted_incidents(claimed: int) -> int:
    """Return how many incidents a report counts for that claims so many (RFC 5965 §3.2)."""
    return max(1, min(claimed, MOST_INCIDENTS))


def _digest(*parts: bytes) -> bytes:
    text = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return blake2b(text, digest_size=FOLDED_BYTES).digest()


def _organisation(name: str) -> str:
    return _lent().privatesuffix(name) or name


def _ascii(domain: str) -> str | None:
    name = domain.strip().rstrip(".").lower()
    if not name.isascii():
        try:
            name = name.encode("idna").decode()
        except UnicodeError:
            return None
    labels = name.split(".")
    return name if len(labels) > 1 and all(labels) and len(name) <= _LONGEST_DOMAIN else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]").removeprefix("ipv6:"))
    except ValueError:
        return name.startswith("[")
    return True


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True)


@lru_cache(maxsize=1)
def _lent() -> PublicSuffixList:
    return PublicSuffixList()
