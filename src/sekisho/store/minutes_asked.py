"""What gates have counted, asked: by minute, hour or block, and as histograms.

Everything is read as a stream, so that a year of many gates takes no more room than an hour.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from operator import add
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Select, Table, func, select

from sekisho.measure.readings import Held, Timing
from sekisho.store.door import Door
from sekisho.store.minutes import read_held
from sekisho.store.minutes_packing import unpack_histogram
from sekisho.store.minutes_tables import PLACE, counted_hour, counted_minute, counted_series
from sekisho.store.moments import from_us, to_us

_TIMINGS: Final = tuple(Timing)
_AT_ONCE: Final = {"yield_per": 10_000}


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
        columns = (table.c.covered, *(table.c[name] for name in sums))
        found = _of(table, asked, (table.c.begin, *_place(table), *columns)).order_by(
            *(table.c[name] for name in PLACE)  # as they lie in the table
        )
        if per is Per.BLOCK:
            begin = func.min(table.c.begin).label("begin")
            totals = (func.sum(column) for column in columns)
            found = _of(table, asked, (begin, *_place(table), *totals))
            found = found.group_by(counted_series.c.number, *_place(table))
            found = found.order_by(counted_series.c.number, "begin", *_place(table)[3:])
        held_at = cache(read_held)  # few hours differ in what held
        for row in self._connection.execute(found, execution_options=_AT_ONCE):
            begin_us, gate, name, arm, since, phase, washout, held, timing, covered, *counts = row
            yield Sum(
                gate,
                name,
                arm,
                held_at(held, phase, since, washout),
                _TIMINGS[timing],
                from_us(begin_us),
                timedelta(microseconds=int(covered)),
                tuple(map(int, counts)),
            )

    def histograms(self, asked: Asked) -> dict[Place, Histograms]:
        """Add up the histograms of a span."""
        table, series = counted_hour.c, counted_series.c
        place = (series.class_name, series.arm_number, table.arm, table.washout, table.timing)
        found = _of(counted_hour, asked, (*place, table.concurrency, table.length))
        sums: dict[tuple[Any, ...], tuple[_Buckets, _Buckets]] = defaultdict(lambda: (_Buckets(), _Buckets()))
        for name, arm, held, washout, timing, concurrency, length in self._connection.execute(
            found, execution_options=_AT_ONCE
        ):
            of_place = sums[name, arm, held, washout, timing]
            of_place[0].add(concurrency)
            of_place[1].add(length)
        return {
            (*rest, _TIMINGS[timing]): Histograms(tuple(concurrency.counts), tuple(length.counts))
            for (*rest, timing), (concurrency, length) in sums.items()
        }


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


def _place(table: Table) -> tuple[ColumnElement[Any], ...]:
    held = (table.c.since, table.c.phase, table.c.washout, table.c.arm)
    series = counted_series.c
    return (series.gate, series.class_name, series.arm_number, *held, table.c.timing)


def _of(table: Table, asked: Asked, columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
    found = (
        select(*columns)
        .join_from(counted_series, table, table.c.series == counted_series.c.number)
        .where(table.c.begin >= to_us(asked.begin), table.c.begin < to_us(asked.end))
    )
    if asked.gate is not None:
        found = found.where(counted_series.c.gate == asked.gate)
    if asked.class_name is not None:
        found = found.where(counted_series.c.class_name == asked.class_name)
    return found
