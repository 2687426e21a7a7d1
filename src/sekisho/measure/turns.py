"""When the kernel's sides of peaks are turned: at each full hour. Apart from `peaks`, which loads scipy."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Protocol

HOUR: Final = timedelta(hours=1)
LATE: Final = timedelta(seconds=5)
"""How much later than the hour a turn may be for the hour to be whole."""


class _Span(Protocol):
    @property
    def since(self) -> datetime: ...
    @property
    def until(self) -> datetime: ...


def is_turn_due(since: datetime, now: datetime) -> bool:
    """Tell whether another hour has begun since the last turn, or the clock was set back."""
    return hour_of(since) != hour_of(now)


def is_whole(span: _Span) -> bool:
    """Tell whether a span is one whole hour, as far as a turn is punctual."""
    begin = hour_of(span.since)
    return span.since <= begin + LATE and begin + HOUR <= span.until <= begin + HOUR + LATE


def hour_of(moment: datetime) -> datetime:
    """Return the full hour that a moment is in."""
    return moment.replace(minute=0, second=0, microsecond=0)
