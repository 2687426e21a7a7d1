"""Who held an address at a moment: the question of every report.

The clocks of NASes and reporters differ a little. Where the holder changes within the skew around the
moment, or where somebody held it only within the skew, the answer is ambiguous and names the candidates:
nobody shall be accused by a second.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import zip_longest

from sekisho.lines.events import Ending, Lease


class Certainty(StrEnum):
    """How far an answer goes."""

    HELD = "held"
    AMBIGUOUS = "ambiguous"
    NOBODY = "nobody"


class Close(StrEnum):
    """How a lease ended that the next holder's superseded."""

    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A line that held the address at the moment or within the skew around it, and the span it did."""

    line: int
    begin: datetime
    end: datetime | None
    ending: Ending | Close | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Who held the address: one candidate where `certainty` is held, none where it is nobody."""

    certainty: Certainty
    candidates: tuple[Candidate, ...] = ()


def holder(leases: Iterable[Lease], at: datetime, skew: timedelta) -> Answer:
    """Answer from the leases of one address.

    `leases`: in whatever order, all that begin within `skew` around `at`, and the last that began before.
    """
    near = [span for span in spans(leases) if span.begin <= at + skew and not _is_over(span, at - skew)]
    if not near:
        return Answer(Certainty.NOBODY)
    held = tuple(span for span in near if span.begin <= at and not _is_over(span, at))
    if held and all(span.line == held[0].line for span in near):
        return Answer(Certainty.HELD, held)
    return Answer(Certainty.AMBIGUOUS, tuple(near))


def spans(leases: Iterable[Lease]) -> list[Candidate]:
    """Return the spans in which an address was held, in order: whoever begins later ends the one before."""
    ordered = sorted(leases, key=lambda lease: (lease.begin, lease.login))
    nexts = (lease.begin for lease in ordered[1:])
    found = [_span(lease, following) for lease, following in zip_longest(ordered, nexts)]
    return [span for span in found if span.end is None or span.begin < span.end]


def _span(lease: Lease, following: datetime | None) -> Candidate:
    if following is not None and (lease.end is None or following < lease.end):
        return Candidate(lease.line, lease.begin, following, Close.SUPERSEDED)
    superseded = Close.SUPERSEDED if lease.end is not None else None  # as retention has written it down
    return Candidate(lease.line, lease.begin, lease.end, lease.ending or superseded)


def _is_over(span: Candidate, at: datetime) -> bool:
    return span.end is not None and span.end <= at
