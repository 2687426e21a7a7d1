"""Moments in SQL: whole microseconds since 1970 in UTC, in which every database counts alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import overload

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US = 86_400_000_000
_SECOND_US = 1_000_000


@overload
def to_us(moment: datetime) -> int: ...
@overload
def to_us(moment: datetime | None) -> int | None: ...
def to_us(moment: datetime | None) -> int | None:
    """Return the microseconds of an aware moment; None stays None. TypeError where it is naive."""
    if moment is None:
        return None
    since = moment - _EPOCH
    return since.days * _DAY_US + since.seconds * _SECOND_US + since.microseconds


@overload
def from_us(microseconds: int) -> datetime: ...
@overload
def from_us(microseconds: int | None) -> datetime | None: ...
def from_us(microseconds: int | None) -> datetime | None:
    """Return the aware UTC moment of microseconds; None stays None."""
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)
