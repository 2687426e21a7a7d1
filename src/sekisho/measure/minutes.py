"""What a gate counted from one reading to the next, put down to minutes.

Counters only grow, and outlive the daemon: so a count is the difference of two readings, and whoever keeps
the last reading with what came of it counts nothing twice and loses nothing, whatever is restarted. Where
counters began anew, all that they show was counted since the last reading. Nothing is shared out among
minutes by guessing: what was read late stays one row, and says how long it covers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from sekisho.measure.equipment import added_equipment, difference
from sekisho.measure.readings import (
    Counted,
    EquipmentRow,
    Held,
    Key,
    Mark,
    Reading,
    Row,
    Timing,
    Why,
    added,
    has_negative,
    held_by_gate,
    subtracted,
)
from sekisho.model import ClassCounters

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
LATE: Final = timedelta(seconds=90)
"""Longer than this between two readings, and at least one minute was not read."""
SLACK: Final = timedelta(seconds=1)
"""So soon the gate follows a boundary of the plan, and so far two clocks may differ."""
_DRIFT: Final = 1 / 1_000  # twice what a clock that is being steered may run fast or slow (500 ppm)
_NOTHING: Final = ClassCounters()
_OUTSIDE: Final = Held()
_AnyRow = TypeVar("_AnyRow", Row, EquipmentRow)


class _Span(NamedTuple):
    """From the last reading to the new one; `lasted` by the clock that nobody sets, where it can be."""

    begin: datetime
    end: datetime
    lasted: timedelta
    jumped: Why | None
    anew: bool

    @property
    def minute(self) -> datetime:
        """The minute that it is put down to."""
        if self.jumped is not None:
            return _floor(self.end, MINUTE)
        return _floor(self.begin + min(self.lasted / 2, MINUTE / 2), MINUTE)


def count(last: Reading | None, new: Reading) -> Counted:
    """Return what a new reading adds to all before it.

    The first reading of a gate adds nothing: since when it counted is not known. One of the same run that is
    no later than the last adds nothing either, and the last stays the last. ValueError where the two are of
    different gates.
    """
    if last is None:
        return Counted((), (), new)
    if last.gate != new.gate:
        raise ValueError(f"readings of two gates, {last.gate!r} and {new.gate!r}, have no difference")
    if last.run == new.run and new.uptime_ns <= last.uptime_ns:
        return Counted((), (), last)
    span = _span(last, new)
    rows: list[Row] = []
    marks = list(_marks_of_all(new.gate, span))
    anew = {} if span.anew else dict(_anew(last, new))
    for key in sorted(last.classes.keys() | new.classes.keys()):
        row, mark = _count_class(span, key, last, new, anew.get(key[0]))
        rows += [] if row is None else [row]
        marks += [] if mark is None or mark in marks else [mark]
    equipment, doubt = _count_equipment(span, last, new, sum(row.counts.held for row in rows))
    if doubt is not None:
        marks.append(_mark(new.gate, None, span, doubt))
    return Counted(tuple(rows), tuple(marks), new, equipment)


def unread(last: Reading, now: datetime) -> Mark | None:
    """Return the mark of a gate that has not been read for too long, which no reading has set yet."""
    if now - last.at <= LATE:
        return None
    return Mark(last.gate, None, last.at, now, Why.NOT_READ)


def next_reading(now: datetime) -> datetime:
    """Return when to read next: at the full minute, so that a count belongs to one."""
    return _floor(now, MINUTE) + MINUTE


def by_minute(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Add up the rows of one minute."""
    return _added_up(rows)


def by_hour(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Add rows up to hours; one that is too long for its minute may be whole in its hour."""
    return _added_up(map(of_hour, rows))


def of_hour(row: _AnyRow) -> _AnyRow:
    """Put a row down to its hour."""
    hour = _floor(row.begin, HOUR)
    is_whole = row.timing is Timing.LONG and row.begin + row.covered <= hour + HOUR + SLACK
    return replace(row, begin=hour, timing=Timing.KNOWN if is_whole else row.timing)


def _span(last: Reading, new: Reading) -> _Span:
    shown = new.at - last.at
    anew = last.run != new.run
    if anew:
        jumped = Why.CLOCK_BACK if shown <= timedelta() else None
        return _Span(last.at, new.at, max(shown, timedelta()), jumped, anew)
    lasted = timedelta(microseconds=(new.uptime_ns - last.uptime_ns) // 1_000)
    jumped = None
    if abs(shown - lasted) > SLACK + lasted * _DRIFT:
        jumped = Why.CLOCK_FORWARD if shown > lasted else Why.CLOCK_BACK
    return _Span(last.at, new.at, lasted, jumped, anew)


def _marks_of_all(gate: str, span: _Span) -> Iterator[Mark]:
    begin, end = sorted((span.begin, span.end))
    reasons = (
        (span.jumped, span.jumped is not None),
        (Why.NOT_READ, span.lasted > LATE),
        (Why.COUNTERS_ANEW, span.anew),
    )
    for why, is_so in reasons:
        if is_so and why is not None:
            yield Mark(gate, None, begin, end, why)


def _anew(last: Reading, new: Reading) -> Iterator[tuple[str, Why]]:
    """Yield the classes that counters do not go on for, in one run.

    A class that is made again is cleared in all its arms, so that one that fell tells of the others too.
    """
    names = {name for name, _ in new.classes}
    for key, before in last.classes.items():
        if key[0] not in names:
            yield key[0], Why.CLASS_GONE
        elif has_negative(subtracted(new.classes.get(key, _NOTHING), before)):
            yield key[0], Why.CLASS_ANEW


def _count_class(
    span: _Span, key: Key, last: Reading, new: Reading, doubt: Why | None
) -> tuple[Row | None, Mark | None]:
    """Return what was counted of a class and arm, and what is doubtful in it."""
    after = new.held.get(key[0], _OUTSIDE)
    held = _held(span, last.held.get(key[0], _OUTSIDE), after)
    if held is None and doubt is None:
        doubt = Why.ARM_CHANGED
    mark = None if doubt is None else _mark(new.gate, key[0], span, doubt)
    now = new.classes.get(key)
    if now is None:
        return None, mark
    is_cut = span.anew or doubt is Why.CLASS_ANEW
    counts = now if is_cut else subtracted(now, last.classes.get(key, _NOTHING))
    timing = _timing(span, held, is_cut)
    covered = timedelta() if timing is Timing.PARTIAL else span.lasted
    return Row(new.gate, key, held or after, span.minute, timing, covered, counts), mark


def _count_equipment(
    span: _Span, last: Reading, new: Reading, held_sessions: int
) -> tuple[EquipmentRow | None, Why | None]:
    """Return what the equipment did, and what is doubtful in it."""
    if (
        new.equipment is None or last.equipment is None
    ):  # nobody reads it, or since when it counts is not known
        return None, None
    if not new.equipment.meters or not last.equipment.meters:
        return None, Why.EQUIPMENT_NOT_READ
    counts, is_lost = difference(last.equipment, new.equipment, held_sessions)
    after = held_by_gate(new.held)
    held = _held(span, held_by_gate(last.held), after)
    timing = _timing(span, held, is_lost or span.anew)
    covered = timedelta() if timing is Timing.PARTIAL else span.lasted
    row = EquipmentRow(new.gate, held or after, span.minute, timing, covered, counts)
    return row, Why.EQUIPMENT_ANEW if is_lost else None


def _mark(gate: str, class_name: str | None, span: _Span, why: Why) -> Mark:
    begin, end = sorted((span.begin, span.end))
    return Mark(gate, class_name, begin, end, why)


def _held(span: _Span, before: Held, after: Held) -> Held | None:
    """Return what held all the time; None where it changed on the way, or may have."""
    if before == after:
        return before
    if span.jumped is not None:
        return None
    if after.since is not None and after.since <= span.begin + SLACK:
        return after
    ends = [moment for moment in (after.since, before.until) if moment is not None]
    if not ends or (after.since is None and ends[0] > span.end + SLACK):  # ended before it was planned to
        return None
    return before if min(ends) >= span.end - SLACK else None


def _timing(span: _Span, held: Held | None, is_cut: bool) -> Timing:
    if is_cut:
        return Timing.PARTIAL
    if span.jumped is not None:
        return Timing.CLOCK
    if held is None:
        return Timing.MIXED
    return Timing.LONG if span.lasted > LATE else Timing.KNOWN


def _added_up(rows: Iterable[Row]) -> tuple[Row, ...]:
    found: dict[tuple[object, ...], Row] = {}
    for row in rows:
        place = (row.gate, row.key, row.held, row.begin, row.timing)
        found[place] = added_up(found[place], row) if place in found else row
    return tuple(found.values())


def added_up(one: Row, other: Row) -> Row:
    """Add up two rows of one place."""
    return replace(one, covered=one.covered + other.covered, counts=added(one.counts, other.counts))


def equipment_added_up(one: EquipmentRow, other: EquipmentRow) -> EquipmentRow:
    """Add up two rows of one place."""
    counts = added_equipment(one.counts, other.counts)
    return replace(one, covered=one.covered + other.covered, counts=counts)


def _floor(moment: datetime, size: timedelta) -> datetime:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return moment - (moment - epoch) % size
