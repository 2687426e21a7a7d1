"""The windows of what is published: hours, days and weeks of one fixed grid, so that none overlap by half.

Hours are counted from local midnight. A day that a clock change makes longer or shorter has more or fewer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_DAYS_A_WEEK = 7


class Size(StrEnum):
    """How long a window is."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"  # from Monday


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """From a moment to before another; UTC."""

    begin: datetime
    end: datetime
    size: Size


def window_at(size: Size, moment: datetime, zone: ZoneInfo) -> Window:
    """Return the window that a moment is in."""
    day = moment.astimezone(zone).date()
    if size is Size.WEEK:
        monday = day - day.weekday() * _DAY
        return Window(_midnight(monday, zone), _midnight(monday + _DAYS_A_WEEK * _DAY, zone), Size.WEEK)
    whole = Window(_midnight(day, zone), _midnight(day + _DAY, zone), Size.DAY)
    if size is Size.DAY:
        return whole
    return next(hour for hour in parts(whole, zone) if hour.begin <= moment < hour.end)


def parts(window: Window, zone: ZoneInfo) -> tuple[Window, ...]:
    """Return the windows of the next smaller size that make up a window; an hour has none."""
    if window.size is Size.HOUR:
        return ()
    size = Size.HOUR if window.size is Size.DAY else Size.DAY
    edges = _hours(window) if size is Size.HOUR else _days(window, zone)
    return tuple(Window(begin, end, size) for begin, end in pairwise(edges))


def _hours(day: Window) -> Iterator[datetime]:
    begin = day.begin
    while begin < day.end:
        yield begin
        begin += _HOUR
    yield day.end


def _days(week: Window, zone: ZoneInfo) -> Iterator[datetime]:
    monday = week.begin.astimezone(zone).date()
    for number in range(_DAYS_A_WEEK + 1):
        yield _midnight(monday + number * _DAY, zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
