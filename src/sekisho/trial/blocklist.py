"""Blocklist entries: how many addresses of a class came onto a blocklist, as somebody entered it.

Only numbers are entered, of a whole hour or a whole day; no address is ever known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sekisho.trial.complaints import day_of
from sekisho.trial.plan import Plan, Span
from sekisho.trial.walltime import DAY, HOUR, day_begin, days


class Of(NamedTuple):
    """What is counted: the addresses of a class that came onto a blocklist in a span."""

    class_name: str
    span: Span


Counts = Mapping[Of, int]
"""What holds of all that was entered: the last of each."""


@dataclass(frozen=True, slots=True)
class Entered:
    """So many new entries, and who entered them when (aware UTC); `reason`: of a correction, else empty."""

    at: datetime
    of: Of
    count: int
    reason: str
    by: str
    uid: int


class Became(StrEnum):
    """What became of a number that was entered."""

    ENTERED = "entered"
    UNCHANGED = "unchanged"
    CORRECTED = "corrected"


def span_of(plan: Plan, on: date | None, hour: datetime | None, now: datetime) -> Span:
    """Return a day of the trial's zone, or the hour that a moment is in; neither is given: yesterday."""
    if hour is not None:
        begin = hour.replace(minute=0, second=0, microsecond=0)
        return Span(begin, begin + HOUR)
    return _day(ZoneInfo(plan.zone), on or day_of(plan, now) - DAY)


def judge(plan: Plan, known: Counts, of: Of, count: int, reason: str, now: datetime) -> Became | str:
    """Tell what becomes of a number, or why it cannot be entered; `known`: what was entered before."""
    zone = ZoneInfo(plan.zone)
    said = f"{of.class_name}, {_said(of.span, zone)}"
    if of.span.end > now:
        return f"{said} is not over: enter its number when it is"
    if of in known:
        if known[of] == count:
            return Became.UNCHANGED
        if reason:
            return Became.CORRECTED
        return f"{known[of]} were entered for {said}: give a reason to correct them to {count}"
    if (
        other := next((one for one in _across(of.span, zone) if Of(of.class_name, one) in known), None)
    ) is None:
        return Became.ENTERED
    return f"{_said(other, zone)} was entered before: with {said} its entries would be counted twice"


def _across(span: Span, zone: ZoneInfo) -> Iterator[Span]:
    """Yield the days that an hour touches, or the hours that a day does."""
    if span.end - span.begin == HOUR:
        yield from (_day(zone, day) for day in days(zone, span.begin, span.end))
        return
    hour = span.begin.replace(minute=0)
    while hour < span.end:
        yield Span(hour, hour + HOUR)
        hour += HOUR


def _day(zone: ZoneInfo, day: date) -> Span:
    return Span(day_begin(zone, day), day_begin(zone, day + DAY))


def _said(span: Span, zone: ZoneInfo) -> str:
    begin = span.begin.astimezone(zone)
    if span.end - span.begin != HOUR:
        return str(begin.date())
    return f"the hour from {begin.isoformat(sep=' ', timespec='minutes')}"
