"""What gates have counted, asked: by minute, hour or block, and as histograms.

Everything is read as a stream, so that a year of many gates takes no more room than an hour.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from operator import add
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, Table, func, select

from sekisho.measure.readings import Held, Timing
from sekisho.store.door import Door
from sekisho.store.minutes import read_held
from sekisho.store.minutes_packing import unpack_histogram
from sekisho.store.minutes_tables import PLACE, counted_hour, counted_minute, counted_series
from sekisho.store.moments import from_us, to_us

_TIMINGS: Final = tuple(Timing)
_Series = tuple[str, str, int]
_AT_ONCE: Final = 10_000  # rows


class Per(StrEnum):
    """What a sum is of."""

    MINUTE = "minute"
    HOUR = "hour"
    BLOCK = "block"  # of all hours in which the same held


class Asked(NamedTuple):
    """A span, from a moment to before another, of all gates and classes or of one."""

    begin: datetime
    end: datetime
    gate: str | None = None
    class_name: str | None = None


class Sum(NamedTuple):
    """What was counted; `begin`: of the minute or hour, or the first of the block. `sums`: as asked for."""

    gate: str
    class_name: str
    arm_number: int
    held: Held
    timing: Timing
    begin: datetime
    covered: timedelta
    sums: tuple[int, ...]


class Histograms(NamedTuple):
    """The buckets' counts, up to the last that is not zero."""

    concurrency: tuple[int, ...]
    length: tuple[int, ...]


Place = tuple[str, int, str, bool, Timing]  # class, the gate's number of the arm, the trial's arm, wash-out


class AskedMinutes(Door):
    """Sums in a transaction."""

    def counted(self, asked: Asked, per: Per, sums: Sequence[str]) -> Iterator[Sum]:
        """Yield what was counted, by gate, class, arm and time; `sums`: names of `ClassCounters`."""
        table = counted_minute if per is Per.MINUTE else counted_hour
        series = self._series_of(asked)
        columns = (table.c.covered, *(table.c[name] for name in sums))
        place = tuple(table.c[name] for name in PLACE)  # ordered as they lie in the table
        found = select(*place, *columns).order_by(*place)
        if per is Per.BLOCK:
            block = tuple(one for one in place if one is not table.c.begin)
            begin = func.min(table.c.begin).label("first")
            found = select(block[0], begin, *block[1:], *map(func.sum, columns))
            found = found.group_by(*block).order_by(block[0], "first", *block[1:])
        held_at = cache(read_held)  # few hours differ in what held
        moment_at, span_of = cache(from_us), cache(_span)  # and gates are many, hours few
        for row in self._rows(found, table, asked, series):
            number, begin_us, since, phase, timing, washout, arm, covered, *counts = row
            yield Sum(
                *series[number],
                held_at(arm, phase, since, washout),
                _TIMINGS[timing],
                moment_at(begin_us),
                span_of(covered),
                tuple(map(int, counts)),
            )

    def histograms(self, asked: Asked) -> dict[Place, Histograms]:
        """Add up the histograms of a span."""
        table = counted_hour.c
        series = self._series_of(asked)
        place = (table.series, table.arm, table.washout, table.timing)
        found = select(*place, table.concurrency, table.length)
        sums: dict[tuple[Any, ...], tuple[_Buckets, _Buckets]] = defaultdict(lambda: (_Buckets(), _Buckets()))
        for number, arm, washout, timing, *packed in self._rows(found, counted_hour, asked, series):
            for buckets, more in zip(sums[*series[number][1:], arm, washout, timing], packed, strict=True):
                buckets.add(more)
        return {
            (*rest, _TIMINGS[timing]): Histograms(tuple(concurrency.counts), tuple(length.counts))
            for (*rest, timing), (concurrency, length) in sums.items()
        }

    def _series_of(self, asked: Asked) -> dict[int, _Series]:
        """Return gate, class and the gate's number of the arm, of each series that is asked for."""
        found = select(
            counted_series.c.number,
            counted_series.c.gate,
            counted_series.c.class_name,
            counted_series.c.arm_number,
        )
        if asked.gate is not None:
            found = found.where(counted_series.c.gate == asked.gate)
        if asked.class_name is not None:
            found = found.where(counted_series.c.class_name == asked.class_name)
        return {number: (gate, name, arm) for number, gate, name, arm in self._connection.execute(found)}

    def _rows(self, found: Select[Any], table: Table, asked: Asked, series: Collection[int]) -> Iterable[Any]:
        """Stream the rows of the series in the span."""
        begin = table.c.begin
        wanted = found.where(
            table.c.series.in_(series), begin >= to_us(asked.begin), begin < to_us(asked.end)
        )
        return self._connection.execute(wanted, execution_options={"yield_per": _AT_ONCE})


def _span(microseconds: int) -> timedelta:
    return timedelta(microseconds=int(microseconds))


class _Buckets:
    """A histogram that grows."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def add(self, packed: bytes) -> None:
        """Add another."""
        other = unpack_histogram(packed)
        counts = self.counts
        counts.extend([0] * (len(other) - len(counts)))
        counts[: len(other)] = map(add, counts, other)
