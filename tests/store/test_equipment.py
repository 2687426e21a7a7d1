"""What the equipment did: kept with the counts of the same reading, added up to hours, asked, forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sekisho.measure.equipment import CPU, HOLD, UNREAD, Equipment, Meter
from sekisho.measure.minutes import count
from sekisho.measure.readings import Held, Reading, Timing, Why
from sekisho.model import ClassCounters
from sekisho.store import Store
from sekisho.store.forgetting import forget_minutes
from sekisho.store.minutes_packing import pack_reading

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = (NOON - 12 * HOUR, NOON + 12 * HOUR)
OFF = Held("off", None, NOON - HOUR, until=NOON + 5 * HOUR)
ON = Held("on", None, NOON + HOUR)


def reading(minute: int, gate: str = "tokyo", held: Held = OFF, highest: int = 0, run: str = "a") -> Reading:
    """A gate whose cores are busy for a second a minute, and whose hold sends ten SYNs on, 4 ms late."""
    late = (0, 0, 0, minute * 10, *(0,) * 12)
    meters = {CPU: Meter("boot", (minute * 60_000, minute * 1_000, 0)), HOLD: Meter(run, (0, *late))}
    counters = {("dynamic", 0): ClassCounters(held=minute * 12)}
    uptime_ns = 10**15 + minute * 60 * 10**9
    return Reading(
        gate,
        "boot/1",
        NOON + minute * MINUTE,
        uptime_ns,
        counters,
        {"dynamic": held},
        Equipment(meters, 0, highest),
    )


def read(store: Store, *readings: Reading) -> None:
    for new in readings:
        with store.transaction() as transaction:
            transaction.put_counted(count(transaction.last_reading(new.gate), new))


def test_the_equipment_of_the_last_reading_comes_back_as_it_was(store: Store) -> None:
    read(store, reading(3, highest=9))
    with store.reading() as transaction:
        assert transaction.last_reading("tokyo") == reading(3, highest=9)
    without = replace(reading(3), equipment=None)
    assert '"equipment": null' in pack_reading(without)
    read(store, replace(reading(4), equipment=UNREAD))
    with store.reading() as transaction:
        last = transaction.last_reading("tokyo")
    assert last is not None
    assert last.equipment == UNREAD


def test_minutes_add_up_to_hours_and_sums(store: Store) -> None:
    switch = 60
    read(
        store, *(reading(minute, held=OFF if minute < switch else ON, highest=minute) for minute in range(90))
    )
    with store.reading() as transaction:
        minutes = list(transaction.equipment_minutes(*DAY))
        hours = list(transaction.equipment_hours(*DAY))
        sums = transaction.equipment_sums(*DAY)
    assert [(one.begin, one.covered, one.counts.busy_ms) for one in minutes] == [
        (NOON + minute * MINUTE, MINUTE, 1_000) for minute in range(89)
    ]
    assert [(one.begin, one.held, one.timing, one.covered) for one in hours] == [
        (NOON, OFF, Timing.KNOWN, HOUR),
        (NOON + HOUR, ON, Timing.KNOWN, 29 * MINUTE),
    ]
    assert [(one.held.arm, one.covered, one.counts.cpu_ms) for one in sums] == [
        ("off", HOUR, 3_600_000),
        ("on", 29 * MINUTE, 29 * 60_000),
    ]
    with store.reading() as transaction:
        loads = list(transaction.equipment_loads(*DAY, "dynamic"))
    assert [(one.gate, one.class_name, one.held, one.begin, one.covered, one.sums[0]) for one in loads] == [
        ("tokyo", "dynamic", OFF, NOON, HOUR, 60_000),
        ("tokyo", "dynamic", ON, NOON + HOUR, 29 * MINUTE, 29_000),
    ]
    off = sums[0].counts
    assert (off.highest, off.held, off.unreleased, off.late[3]) == (60, 720, 120, 600)


def test_a_reading_that_is_kept_again_adds_nothing_and_two_gates_stay_apart(store: Store) -> None:
    read(store, reading(0), reading(1), reading(1), reading(0, "osaka"), reading(2, "osaka"))
    with store.reading() as transaction:
        found = [(one.gate, one.counts.busy_ms, one.timing) for one in transaction.equipment_hours(*DAY)]
        assert transaction.equipment_sums(NOON - HOUR, NOON) == []
    assert found == [("osaka", 2_000, Timing.KNOWN), ("tokyo", 1_000, Timing.KNOWN)]


def test_a_daemon_that_began_anew_is_marked_and_its_minute_is_partial(store: Store) -> None:
    read(store, reading(0), reading(1), reading(2, run="b"), reading(3, run="b"))
    with store.reading() as transaction:
        found = [(one.timing, one.covered) for one in transaction.equipment_hours(*DAY)]
        whys = [one.why for one in transaction.counted_marks(*DAY)]
    assert found == [(Timing.KNOWN, 2 * MINUTE), (Timing.PARTIAL, timedelta())]
    assert whys == [Why.EQUIPMENT_ANEW]


def test_minutes_are_forgotten_and_hours_stay(store: Store) -> None:
    for gate in ("tokyo", "osaka"):
        read(store, *(reading(minute, gate) for minute in range(5)))
    assert sum(forget_minutes(store, NOON + 2 * MINUTE)) == 8, (
        "of counts and of equipment, two minutes of each"
    )
    with store.reading() as transaction:
        left = [(one.gate, one.begin) for one in transaction.equipment_minutes(*DAY)]
        assert sum(one.counts.busy_ms for one in transaction.equipment_hours(*DAY)) == 8_000
    assert left == [(gate, NOON + minute * MINUTE) for gate in ("osaka", "tokyo") for minute in (2, 3)]


@pytest.mark.parametrize("lost", [0, 1])
def test_counts_and_equipment_of_a_reading_are_kept_together_or_not_at_all(store: Store, lost: int) -> None:
    read(store, reading(0))

    def fail() -> None:
        with store.transaction() as transaction:
            transaction.put_counted(count(transaction.last_reading("tokyo"), reading(1)))
            raise ZeroDivisionError

    if lost:
        with pytest.raises(ZeroDivisionError):
            fail()
    read(store, reading(1))
    with store.reading() as transaction:
        assert [one.counts.busy_ms for one in transaction.equipment_hours(*DAY)] == [1_000]
