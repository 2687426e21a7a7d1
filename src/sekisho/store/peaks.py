"""How many lines had which most sessions at once, by gate and span; of no line anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    select,
)

from sekisho.model import ClassPeaks, Peaks
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
            (begin, end, one.met_cap, arm, gate, name, pack_histogram(one.lines))
            for (name, arm), one in peaks.classes.items()
        ]
        self._many.put(peak_span, rows)

    def peaks(self, begin: datetime, end: datetime, gate: str) -> Iterator[Peaks]:
        """Yield the spans of a gate that began between two moments, in their order."""
        table = peak_span.c
        what = (table.begin, table.end, table.class_name, table.arm_number, table.lines, table.met_cap)
        found = select(*what).where(table.gate == gate, table.begin >= to_us(begin), table.begin < to_us(end))
        spans: dict[tuple[int, int], dict[tuple[str, int], ClassPeaks]] = defaultdict(dict)
        for first, last, name, arm, lines, met_cap in self._connection.execute(found.order_by(table.begin)):
            spans[first, last][name, arm] = ClassPeaks(unpack_histogram(lines), met_cap)
        for (since, until), classes in spans.items():
            yield Peaks(from_us(since), from_us(until), classes)
