"""Moments by the clock on a zone's walls, which skips an hour in one night and repeats one in another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from math import ceil, floor

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def first_at(zone: tzinfo, wall: datetime) -> datetime:
    """Return the first moment (UTC) at which the zone's clock reads `wall`, or more where it skips that.

    `wall` is naive. Where the clock repeats an hour, this is in the first of the two.
    """
    moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _read(zone, moment) == wall:
        return moment
    return _skip(zone, wall.replace(tzinfo=zone, fold=1).astimezone(UTC), moment)


def day_begin(zone: tzinfo, day: date) -> datetime:
    """Return the moment (UTC) at which a day begins in a zone."""
    return first_at(zone, datetime.combine(day, time()))


def days(zone: tzinfo, begin: datetime, end: datetime) -> Iterator[date]:
    """Go through the days of a zone that the span from `begin` to before `end` touches."""
    last = _read(zone, end).date() + DAY  # more, where the clock goes back over midnight
    day = _read(zone, begin).date() - DAY
    while day <= last:
        if day_begin(zone, day) < end and begin < day_begin(zone, day + DAY):
            yield day
        day += DAY


def _read(zone: tzinfo, moment: datetime) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _skip(zone: tzinfo, before: datetime, after: datetime) -> datetime:
    """Find the moment at which the zone's clock skips, after one moment and up to another."""
    early = before.astimezone(zone).utcoffset()
    low, high = floor(before.timestamp()), ceil(after.timestamp())  # clocks are changed at whole seconds
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == early:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)
