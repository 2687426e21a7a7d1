"""What gates' equipment did, by minutes and hours: kept with the counts of the same reading, and asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Table, delete, func, select

from sekisho.measure.equipment import EQUIPMENT_SUMS, EquipmentCounts
from sekisho.measure.minutes import equipment_added_up, of_hour
from sekisho.measure.readings import EquipmentRow, Held, Timing
from sekisho.store.door import Door
from sekisho.store.equipment_tables import LATE, equipment_hour, equipment_minute
from sekisho.store.moments import from_us, to_us

_US: Final = timedelta(microseconds=1)
_AT_ONCE: Final = 10_000  # rows
_WHAT: Final = (*EQUIPMENT_SUMS, "highest", *LATE)
_ALIKE: Final = ("arm", "phase", "washout", "timing")


class EquipmentSum(NamedTuple):
    """What the equipment of all gates did in all hours in which the same held."""

    held: Held
    timing: Timing
    covered: timedelta
    counts: EquipmentCounts


class Load(NamedTuple):
    """An hour of the equipment in the form of one of sessions, `measure.trial_hours.CountedHour`.

    `sums`: as `measure.equipment_compared.PLACES` has them, and zeros.
    """

    gate: str
    class_name: str
    arm_number: int
    held: Held
    timing: Timing
    begin: datetime
    covered: timedelta
    sums: tuple[int, ...]


class GateChunk(NamedTuple):
    """How many minutes were forgotten, and behind which gate to go on; None: that was the last."""

    forgotten: int
    after: str | None


class EquipmentMinutes(Door):
    """Writing, asking and forgetting in a transaction."""

    def put_equipment(self, rows: Iterable[EquipmentRow]) -> None:
        """Keep what readings have added."""
        for row in rows:
            self._add_equipment(equipment_minute, row)
            self._add_equipment(equipment_hour, of_hour(row))

    def equipment_minutes(self, begin: datetime, end: datetime) -> Iterator[EquipmentRow]:
        """Yield minutes by gate and time."""
        return self._equipment(equipment_minute, begin, end)

    def equipment_hours(self, begin: datetime, end: datetime) -> Iterator[EquipmentRow]:
        """Yield hours by gate and time."""
        return self._equipment(equipment_hour, begin, end)

    def equipment_loads(self, begin: datetime, end: datetime, class_name: str) -> Iterator[Load]:
        """Yield hours by gate and time, as those of a class; of a year of many gates the fast way."""
        table = equipment_hour.c
        place = (table.gate, table.begin, table.since)
        what = (table.busy_ms, table.received, table.received_dropped + table.sent_dropped)
        found = (
            select(*place, table.arm, table.phase, table.washout, table.timing, table.covered, *what)
            .where(table.begin >= to_us(begin), table.begin < to_us(end))
            .order_by(*place)
        )
        held_at, moment_at = cache(_held), cache(from_us)  # gates are many, hours few, and fewer differ
        for gate, at, since, arm, phase, washout, timing, covered, *sums in self._connection.execute(
            found, execution_options={"yield_per": _AT_ONCE}
        ):
            held = held_at(arm, phase, since, washout)
            yield Load(
                gate, class_name, 0, held, Timing(timing), moment_at(at), covered * _US, (*sums, 0, 0, 0)
            )

    def equipment_sums(self, begin: datetime, end: datetime) -> list[EquipmentSum]:
        """Add up the hours of a span over gates."""
        table = equipment_hour.c
        alike = [table[name] for name in _ALIKE]
        sums = [
            func.max(table[name]) if name == "highest" else func.sum(table[name])
            for name in ("covered", *_WHAT)
        ]
        found = (
            select(*alike, *sums)
            .where(table.begin >= to_us(begin), table.begin < to_us(end))
            .group_by(*alike)
            .order_by(*alike)
        )
        return [
            EquipmentSum(
                Held(arm, phase or None, None, washout), Timing(timing), int(covered) * _US, _counts(values)
            )
            for arm, phase, washout, timing, covered, *values in self._connection.execute(found)
        ]

    def forget_equipment(self, before: datetime, after: str = "") -> GateChunk:
        """Forget the minutes of the next gate that began before a moment; the hours stay."""
        table = equipment_minute.c
        gate = self._connection.scalar(select(func.min(table.gate)).where(table.gate > after))
        if gate is None:
            return GateChunk(0, None)
        old = delete(equipment_minute).where(table.gate == gate, table.begin < to_us(before))
        return GateChunk(self._connection.execute(old).rowcount, gate)

    def _add_equipment(self, table: Table, row: EquipmentRow) -> None:
        """Add a row to what is there."""
        begin = to_us(row.begin)
        found = select(table).where(table.c.gate == row.gate, table.c.begin == begin)
        rows = map(_read, self._connection.execute(found))
        there = next((one for one in rows if (one.held, one.timing) == (row.held, row.timing)), None)
        self._many.put(table, [_write(row if there is None else equipment_added_up(there, row))])

    def _equipment(self, table: Table, begin: datetime, end: datetime) -> Iterator[EquipmentRow]:
        place = (table.c.gate, table.c.begin, table.c.since)
        found = (
            select(table).where(table.c.begin >= to_us(begin), table.c.begin < to_us(end)).order_by(*place)
        )
        yield from map(_read, self._connection.execute(found, execution_options={"yield_per": _AT_ONCE}))


def _held(arm: str, phase: int, since: int, washout: bool) -> Held:
    return Held(arm, phase or None, from_us(since or None), washout)


def _read(row: Any) -> EquipmentRow:
    held = _held(row.arm, row.phase, row.since, row.washout)
    counts = _counts([getattr(row, name) for name in _WHAT])
    return EquipmentRow(row.gate, held, from_us(row.begin), Timing(row.timing), row.covered * _US, counts)


def _counts(values: Sequence[Any]) -> EquipmentCounts:
    """Return counts of columns in the order of `_WHAT`."""
    whole = [int(one) for one in values]
    sums = dict(zip(EQUIPMENT_SUMS, whole, strict=False))
    highest, *late = whole[len(EQUIPMENT_SUMS) :]
    return EquipmentCounts(**sums, highest=highest, late=tuple(late))


def _write(row: EquipmentRow) -> tuple[Any, ...]:
    held, counts = row.held, row.counts
    return (
        to_us(row.begin),
        0 if held.since is None else to_us(held.since),
        row.covered // _US,
        *(getattr(counts, name) for name in EQUIPMENT_SUMS),
        counts.highest,
        *counts.late,
        held.phase or 0,
        int(row.timing),
        held.washout,
        row.gate,
        held.arm,
    )
