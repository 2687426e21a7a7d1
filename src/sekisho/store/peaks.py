"""How many lines had which most sessions at once, by gate and span; of no line anything."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    func,
    select,
)

from sekisho.model import Active, ClassPeaks, Peaks
from sekisho.store.door import Door
from sekisho.store.minutes_packing import pack_histogram, unpack_histogram
from sekisho.store.moments import from_us, to_us
from sekisho.store.schema import metadata

peak_span = Table(
    "peak_span",
    metadata,
    Column("begin", BigInteger, nullable=False),
    Column("end", BigInteger, nullable=False),
    Column("met_cap", BigInteger, nullable=False),
    Column("active", BigInteger, nullable=False),  # the sum of `lines`
    Column("arm_number", SmallInteger, nullable=False),  # the gate's own, whatever the trial does
    Column("gate", Text, nullable=False),
    Column("class_name", Text, nullable=False),
    Column("lines", LargeBinary, nullable=False),
    PrimaryKeyConstraint("gate", "begin", "class_name", "arm_number", name="peak_span_pkey"),
    sqlite_with_rowid=False,
)


class PeakSpans(Door):
    """Peaks in a transaction."""

    def put_peaks(self, gate: str, peaks: Peaks) -> None:
        """Keep the peaks of a span; those that are there from the same moment are replaced."""
        begin, end = to_us(peaks.since), to_us(peaks.until)
        rows = [
            (begin, end, one.met_cap, sum(one.lines), arm, gate, name, pack_histogram(one.lines))
            for (name, arm), one in peaks.classes.items()
        ]
        self._many.put(peak_span, rows)

    def active_lines(self, begin: datetime, end: datetime, gate: str) -> list[Active]:
        """Return what lines each class of a gate had, of spans that began between two moments, in order."""
        table = peak_span.c
        what = (table.begin, table.end, table.class_name)
        found = (
            select(*what, func.sum(table.active), func.sum(table.met_cap))
            .where(table.gate == gate, table.begin >= to_us(begin), table.begin < to_us(end))
            .group_by(*what)
            .order_by(*what)
        )
        return [
            Active(_moment_at(since), _moment_at(until), name, int(lines), int(met_cap))
            for since, until, name, lines, met_cap in self._connection.execute(found)
        ]

    def peaks_since(self, begin: datetime, gate: str) -> Peaks:
        """Return the span of a gate that began at a moment. ValueError where there is none."""
        table = peak_span.c
        found = select(table.end, table.class_name, table.arm_number, table.lines, table.met_cap)
        rows = self._connection.execute(found.where(table.gate == gate, table.begin == to_us(begin))).all()
        if not rows:
            raise ValueError(f"gate {gate!r} has no span since {begin.isoformat()}")
        classes = {(row.class_name, row.arm_number): _read(row.lines, row.met_cap) for row in rows}
        return Peaks(begin, from_us(rows[0].end), classes)


_moment_at = lru_cache(maxsize=20_000)(from_us)  # gates are many, hours few


def _read(lines: bytes, met_cap: int) -> ClassPeaks:
    return ClassPeaks(unpack_histogram(lines), met_cap)
