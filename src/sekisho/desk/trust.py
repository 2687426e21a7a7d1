"""How far a reporter's word goes: by what came of its reports, by how many there are, and the same only once.

Reporters are parties: all addresses under one registered domain are one, or a domain would be many at will.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b

from publicsuffixlist import PublicSuffixList

UNKNOWN_PARTY = "unknown"
"""The party of all whose domain cannot be told."""

MOST_INCIDENTS = 1_000
"""That one report counts for, whatever it claims."""

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
    """What a report counts for: all steps, the stop request alone, or nothing."""

    SOUND = "sound"
    WEAK = "weak"
    DOUBTED = "doubted"
    TOO_MANY = "too-many"


@dataclass(frozen=True, slots=True)
class Reporter:
    """What is known of a party: in how many cases its reports were confirmed and dismissed.

    `left`: how many more of its reports count now, at `at`.
    """

    party: str
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


def first_seen(party: str, now: datetime, rate: int) -> Reporter:
    """Return what is known of a party that has never reported; `rate`: as in `weigh`."""
    return Reporter(party, now, float(rate))


def standing(reporter: Reporter) -> Standing:
    """Return how a party stands; without history it is new, and the party of the unknown never more."""
    share = (reporter.confirmed + 1) / (reporter.confirmed + reporter.dismissed + 2)
    if share < _DOUBTED:
        return Standing.DOUBTED
    is_trusted = share >= _TRUSTED and reporter.party != UNKNOWN_PARTY
    return Standing.TRUSTED if is_trusted else Standing.NEW


def weigh(reporter: Reporter, now: datetime, rate: int, *, is_structured: bool) -> tuple[Reporter, Weight]:
    """Tell what a report counts for, and how its reporter stands after it.

    `rate`: how many reports of a party count in an hour; more are kept, and count for nothing. A clock that
    was set back gives nothing.
    """
    filled = reporter.left + rate * max(timedelta(), now - reporter.at) / _HOUR
    left = min(float(rate), filled)
    if left < 1:
        return replace(reporter, at=max(now, reporter.at), left=left), Weight.TOO_MANY
    after = replace(reporter, at=max(now, reporter.at), left=left - 1)
    stands = standing(reporter)
    if stands is Standing.DOUBTED:
        return after, Weight.DOUBTED
    is_sound = stands is Standing.TRUSTED or (is_structured and reporter.party != UNKNOWN_PARTY)
    return after, Weight.SOUND if is_sound else Weight.WEAK


def folded(party: str, line: int, moment: datetime, message_id: str | None, report_id: str | None) -> bytes:
    """Return the key under which the same counts once: of one party, about one message, line and hour.

    The message's id goes before the report's, which a reporter makes anew; with neither, an hour counts once.
    """
    hour = int(moment.astimezone(UTC).timestamp() // _HOUR.total_seconds())
    about = ("message", message_id) if message_id else ("report", report_id or "")
    parts = (party, str(line), str(hour), *about)
    text = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    return blake2b(text, digest_size=FOLDED_BYTES).digest()


def counted_incidents(claimed: int) -> int:
    """Return how many incidents a report counts for that claims so many (RFC 5965 §3.2)."""
    return max(1, min(claimed, MOST_INCIDENTS))


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
