"""What gates have counted: kept with the last reading, added up to hours, asked, forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.measure.minutes import count
from sekisho.measure.readings import SUMS, Held, Key, Mark, Reading, Timing, Why
from sekisho.model import ClassCounters
from sekisho.store import Store
from sekisho.store.minutes_asked import Asked, Histograms, Per
from sekisho.store.minutes_packing import pack_histogram, pack_reading, unpack_histogram, unpack_reading

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = Asked(NOON - 12 * HOUR, NOON + 12 * HOUR)
DYNAMIC: Key = ("dynamic", 0)
OFF = Held("off", 2, NOON - HOUR, until=NOON + 5 * HOUR)
ON = Held("on", None, NOON + HOUR, washout=True)


def reading(
    after: timedelta, attempted: int, gate: str = "tokyo", held: Held = OFF, key: Key = DYNAMIC
) -> Reading:
    counters = ClassCounters(attempted=attempted, refused=attempted // 2, concurrency=(attempted, 0, 3))
    uptime_ns = 10**15 + after // timedelta(microseconds=1) * 1_000
    return Reading(gate, "boot/1", NOON + after, uptime_ns, {key: counters}, {key[0]: held})


def read(store: Store, *readings: Reading) -> None:
    """Keep readings as the daemon does, each in a transaction of its own."""
    for new in readings:
        with store.transaction() as transaction:
            transaction.put_counted(count(transaction.last_reading(new.gate), new))


def test_a_gate_that_was_never_read_has_no_last_reading(store: Store) -> None:
    with store.reading() as transaction:
        assert transaction.last_reading("tokyo") is None
        assert list(transaction.counted(DAY, Per.HOUR, SUMS)) == []


def test_the_last_reading_comes_back_as_it_was(store: Store) -> None:
    read(store, reading(0 * MINUTE, 5), reading(MINUTE, 9), reading(0 * MINUTE, 1, "osaka"))
    with store.reading() as transaction:
        assert transaction.last_reading("tokyo") == reading(MINUTE, 9)
        held = transaction.last_readings()[1].held["dynamic"]
        assert [one.gate for one in transaction.last_readings()] == ["osaka", "tokyo"]
    assert held.until == OFF.until  # which does not count when two are compared


def test_minutes_add_up_to_hours_and_blocks(store: Store) -> None:
    read(store, *(reading(minute * MINUTE, minute * minute) for minute in range(121)))
    with store.reading() as transaction:
        minutes = list(transaction.counted(DAY, Per.MINUTE, ("attempted",)))
        hours = list(transaction.counted(DAY, Per.HOUR, ("attempted", "refused")))
        blocks = list(transaction.counted(DAY, Per.BLOCK, ("attempted",)))
    assert [(one.begin, one.covered, one.sums) for one in minutes] == [
        (NOON + minute * MINUTE, MINUTE, (2 * minute + 1,)) for minute in range(120)
    ]
    assert [(one.begin, one.covered, one.sums) for one in hours] == [
        (NOON, HOUR, (3_600, 1_800)),
        (NOON + HOUR, HOUR, (10_800, 5_400)),
    ]
    (block,) = blocks
    assert (block.gate, block.class_name, block.arm_number) == ("tokyo", "dynamic", 0)
    assert (block.held, block.timing) == (OFF, Timing.KNOWN)
    assert (block.begin, block.covered, block.sums) == (NOON, 2 * HOUR, (14_400,))


def test_a_reading_that_is_kept_again_adds_nothing(store: Store) -> None:
    """As after a crash between the commit and what the daemon does next."""
    read(store, reading(0 * MINUTE, 0), reading(MINUTE, 7), reading(MINUTE, 7), reading(2 * MINUTE, 9))
    with store.reading() as transaction:
        assert [one.sums for one in transaction.counted(DAY, Per.HOUR, ("attempted",))] == [(9,)]


def test_what_a_transaction_loses_is_counted_by_the_next(store: Store) -> None:
    read(store, reading(0 * MINUTE, 0))

    def fail() -> None:
        with store.transaction() as transaction:
            transaction.put_counted(count(transaction.last_reading("tokyo"), reading(MINUTE, 7)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    read(store, reading(2 * MINUTE, 9))
    with store.reading() as transaction:
        (hour,) = transaction.counted(DAY, Per.HOUR, ("attempted",))
        (minute,) = transaction.counted(DAY, Per.MINUTE, ("attempted",))
        marks = transaction.counted_marks(DAY.begin, DAY.end)
    assert (hour.sums, hour.timing, minute.timing) == ((9,), Timing.KNOWN, Timing.LONG)
    assert marks == [Mark("tokyo", None, NOON, NOON + 2 * MINUTE, Why.NOT_READ)]


def test_arms_wash_out_and_gates_stay_apart(store: Store) -> None:
    fixed: Key = ("fixed", 1)
    read(
        store,
        reading(59 * MINUTE, 0, held=OFF),
        reading(60 * MINUTE, 10, held=ON),
        reading(61 * MINUTE, 30, held=ON),
        reading(59 * MINUTE, 0, "osaka", key=fixed),
        reading(60 * MINUTE, 100, "osaka", key=fixed),
    )
    with store.reading() as transaction:
        all_of_it = list(transaction.counted(DAY, Per.HOUR, ("attempted",)))
        one_gate = list(transaction.counted(DAY._replace(gate="osaka"), Per.HOUR, ("attempted",)))
        one_class = list(transaction.counted(DAY._replace(class_name="dynamic"), Per.BLOCK, ("attempted",)))
        no_hour = list(transaction.counted(Asked(NOON - HOUR, NOON), Per.HOUR, ("attempted",)))
    assert [(one.gate, one.class_name, one.arm_number, one.held.arm, one.sums) for one in all_of_it] == [
        ("tokyo", "dynamic", 0, "off", (10,)),
        ("tokyo", "dynamic", 0, "on", (20,)),
        ("osaka", "fixed", 1, "off", (100,)),
    ]
    assert one_gate == all_of_it[2:]
    assert [one.held for one in one_class] == [OFF, ON]
    assert no_hour == []


def test_histograms_add_up(store: Store) -> None:
    read(store, reading(0 * MINUTE, 0), reading(MINUTE, 300), reading(70 * MINUTE, 1_000))
    with store.reading() as transaction:
        found = transaction.histograms(DAY)
    place = ("dynamic", 0, "off", False)
    assert found == {
        (*place, Timing.KNOWN): Histograms((300,), ()),
        (*place, Timing.LONG): Histograms((700,), ()),
    }


def test_marks_are_those_that_overlap(store: Store) -> None:
    read(store, reading(0 * MINUTE, 0), reading(HOUR, 5), reading(0 * MINUTE, 0, "osaka"))
    read(store, reading(HOUR, 1, "osaka", key=("fixed", 0)))
    with store.reading() as transaction:
        found = transaction.counted_marks(NOON, NOON + MINUTE)
        assert [(mark.gate, mark.class_name, mark.why) for mark in found] == [
            ("osaka", None, Why.NOT_READ),
            ("osaka", "dynamic", Why.CLASS_GONE),
            ("tokyo", None, Why.NOT_READ),
        ]
        assert transaction.counted_marks(NOON, NOON + MINUTE, "tokyo") == found[2:]
        assert transaction.counted_marks(NOON + HOUR, NOON + 2 * HOUR) == []


def test_old_minutes_are_forgotten_and_their_hours_stay(store: Store) -> None:
    for gate in ("tokyo", "osaka"):
        read(store, *(reading(minute * MINUTE, minute, gate) for minute in range(4)))
    forgotten, after = 0, 0
    while True:
        with store.transaction() as transaction:
            chunk = transaction.forget_minutes(NOON + 2 * MINUTE, after)
        forgotten += chunk.forgotten
        if chunk.after is None:
            break
        after = chunk.after
    with store.reading() as transaction:
        minutes = list(transaction.counted(DAY, Per.MINUTE, ("attempted",)))
        hours = list(transaction.counted(DAY, Per.HOUR, ("attempted",)))
    assert forgotten == 4
    assert [one.begin for one in minutes] == [NOON + 2 * MINUTE] * 2
    assert [one.sums for one in hours] == [(3,), (3,)]


@given(st.lists(st.integers(0, 2**64 - 1), max_size=24).map(tuple))
def test_a_histogram_is_read_as_it_was_written(counts: tuple[int, ...]) -> None:
    back = unpack_histogram(pack_histogram(counts))
    assert back + (0,) * (len(counts) - len(back)) == counts


def test_a_reading_outside_a_trial_is_read_as_it_was_written() -> None:
    plain = reading(MINUTE, 4, held=Held())
    assert unpack_reading("tokyo", pack_reading(plain)) == plain
