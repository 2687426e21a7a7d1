"""What gates have counted: kept with the last reading in one transaction, so that nothing counts twice.

    with store.transaction() as transaction:
        transaction.put_counted(count(transaction.last_reading(new.gate), new))

A year of 100 gates is 52 million minutes of a class, and 0.9 million hours: so reports read hours, which are
kept, and minutes only as long as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Table, delete, insert, select

from sekisho.measure.minutes import added_up, by_hour, by_minute
from sekisho.measure.readings import SUMS, Counted, Held, Mark, Reading, Row, Timing, Why
from sekisho.model import ClassCounters
from sekisho.store.equipment import EquipmentMinutes
from sekisho.store.minutes_packing import (
    pack_histogram,
    pack_reading,
    unpack_histogram,
    unpack_reading,
)
from sekisho.store.minutes_tables import (
    counted_hour,
    counted_mark,
    counted_minute,
    counted_series,
    last_reading,
)
from sekisho.store.moments import from_us, to_us

_US = timedelta(microseconds=1)
_SERIES = (counted_series.c.gate, counted_series.c.class_name, counted_series.c.arm_number)
_Series = tuple[str, str, int]  # gate, class, the gate's own number of the arm


class SeriesChunk(NamedTuple):
    """How many minutes were forgotten, and behind which series to go on; None: that was the last."""

    forgotten: int
    after: int | None


class Minutes(EquipmentMinutes):
    """Writing and forgetting in a transaction."""

    def last_reading(self, gate: str) -> Reading | None:
        """Return the last reading that was kept of a gate."""
        packed = self._connection.scalar(select(last_reading.c.packed).where(last_reading.c.gate == gate))
        return None if packed is None else unpack_reading(gate, packed)

    def last_readings(self) -> list[Reading]:
        """Return the last reading of each gate, in the order of their names."""
        found = select(last_reading.c.gate, last_reading.c.packed).order_by(last_reading.c.gate)
        return [unpack_reading(*row) for row in self._connection.execute(found)]

    def put_counted(self, *counted: Counted) -> None:
        """Keep what readings have added, each gate's with its last reading, which no two share."""
        rows = [row for one in counted for row in one.rows]
        series = self._series({(row.gate, *row.key) for row in rows})
        self._add(counted_minute, by_minute(rows), series)
        self._add(counted_hour, by_hour(rows), series)
        self.put_equipment(one.equipment for one in counted if one.equipment is not None)
        marks = {mark: None for one in counted for mark in one.marks}
        self._many.put(counted_mark, [_write_mark(mark) for mark in marks])
        self._many.put(last_reading, [(one.last.gate, pack_reading(one.last)) for one in counted])

    def counted_marks(self, begin: datetime, end: datetime, gate: str | None = None) -> list[Mark]:
        """Return the marks that overlap a span, in their order."""
        found = select(counted_mark).where(
            counted_mark.c.begin < to_us(end), counted_mark.c.end > to_us(begin)
        )
        if gate is not None:
            found = found.where(counted_mark.c.gate == gate)
        ordered = found.order_by(counted_mark.c.begin, counted_mark.c.gate, counted_mark.c.class_name)
        return [
            Mark(row.gate, row.class_name or None, from_us(row.begin), from_us(row.end), Why(row.why))
            for row in self._connection.execute(ordered)
        ]

    def forget_minutes(self, before: datetime, after: int = 0) -> SeriesChunk:
        """Forget the minutes of the next series that began before a moment; the hours stay."""
        behind = counted_series.c.number > after
        number = self._connection.scalar(
            select(counted_series.c.number).where(behind).order_by(counted_series.c.number).limit(1)
        )
        if number is None:
            return SeriesChunk(0, None)
        old = delete(counted_minute).where(
            counted_minute.c.series == number, counted_minute.c.begin < to_us(before)
        )
        return SeriesChunk(self._connection.execute(old).rowcount, number)

    def _series(self, wanted: set[_Series]) -> dict[_Series, int]:
        """Return the numbers of series, given to those that have none."""
        gates = {gate for gate, _, _ in wanted}
        found = select(*_SERIES, counted_series.c.number).where(counted_series.c.gate.in_(gates))
        numbers: dict[_Series, int] = {
            (gate, name, arm): number for gate, name, arm, number in self._connection.execute(found)
        }
        for gate, name, arm in sorted(wanted - numbers.keys()):
            made = insert(counted_series).values(gate=gate, class_name=name, arm_number=arm)
            numbers[gate, name, arm] = self._connection.scalars(made.returning(counted_series.c.number)).one()
        return numbers

    def _add(self, table: Table, rows: Iterable[Row], series: dict[_Series, int]) -> None:
        """Add rows to those that are there."""
        written = []
        for row in rows:
            number = series[row.gate, *row.key]
            there = self._find(table, number, row)
            written.append(_write(number, row if there is None else added_up(there, row)))
        self._many.put(table, written)

    def _find(self, table: Table, number: int, row: Row) -> Row | None:
        begin = to_us(row.begin)
        found = select(table).where(table.c.series == number, table.c.begin == begin)
        rows = (_read(row.gate, row.key, one) for one in self._connection.execute(found))
        return next((one for one in rows if (one.held, one.timing) == (row.held, row.timing)), None)


def read_held(arm: str, phase: int, since: int, washout: bool) -> Held:
    """Return what held, of the columns of a row."""
    return Held(arm, phase or None, from_us(since or None), washout)


def _read(gate: str, key: tuple[str, int], row: Any) -> Row:
    counts = ClassCounters(
        **{name: getattr(row, name) for name in SUMS},
        concurrency=unpack_histogram(row.concurrency),
        length=unpack_histogram(row.length),
    )
    begin: datetime = from_us(row.begin)
    held = read_held(row.arm, row.phase, row.since, row.washout)
    return Row(gate, key, held, begin, Timing(row.timing), row.covered * _US, counts)


def _write(number: int, row: Row) -> tuple[Any, ...]:
    held, counts = row.held, row.counts
    return (
        to_us(row.begin),
        0 if held.since is None else to_us(held.since),
        row.covered // _US,
        *(getattr(counts, name) for name in SUMS),
        number,
        held.phase or 0,
        int(row.timing),
        held.washout,
        held.arm,
        pack_histogram(counts.concurrency),
        pack_histogram(counts.length),
    )


def _write_mark(mark: Mark) -> tuple[Any, ...]:
    return (to_us(mark.begin), to_us(mark.end), int(mark.why), mark.gate, mark.class_name or "")
