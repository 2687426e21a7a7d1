"""Readings of a gate become minutes: nothing twice, nothing lost, nothing made up."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.measure.minutes import MINUTE, by_hour, by_minute, count, next_reading, unread
from sekisho.measure.readings import (
    Counted,
    Held,
    Key,
    Mark,
    Reading,
    Row,
    Timing,
    Why,
    added,
    held_by,
)
from sekisho.model import ClassCounters, Limit, Mode
from sekisho.trial.plan import Arm, Block

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DYNAMIC: Key = ("dynamic", 0)
OFF = Held("off", since=NOON - HOUR, until=NOON + HOUR)


def reading(after: timedelta, attempted: int = 0, held: Held = OFF, **more: object) -> Reading:
    """A reading so long after noon; `more` is replaced in it."""
    made = Reading(
        "tokyo",
        "boot1/7",
        NOON + after,
        after // timedelta(microseconds=1) * 1_000 + 10**15,
        {DYNAMIC: ClassCounters(attempted=attempted, concurrency=(attempted, 0), length=(0, attempted))},
        {"dynamic": held},
    )
    return replace(made, **more)  # type: ignore[arg-type]


def only(counted: Counted) -> Row:
    (row,) = counted.rows
    return row


def whys(counted: Counted) -> list[Why]:
    return [mark.why for mark in counted.marks]


def test_a_minute_is_the_difference_of_two_readings() -> None:
    counted = count(reading(0 * MINUTE, 5), reading(MINUTE, 12))
    row = only(counted)
    assert (row.begin, row.covered, row.timing, row.held) == (NOON, MINUTE, Timing.KNOWN, OFF)
    assert row.counts == ClassCounters(attempted=7, concurrency=(7, 0), length=(0, 7))
    assert (counted.marks, counted.last) == ((), reading(MINUTE, 12))


@pytest.mark.parametrize("early", [-50, 0, 50])
def test_a_reading_somewhat_early_or_late_is_of_the_same_minute(early: int) -> None:
    slip = timedelta(milliseconds=early)
    assert only(count(reading(slip), reading(MINUTE))).begin == NOON
    assert only(count(reading(0 * MINUTE), reading(MINUTE + slip))).begin == NOON


def test_the_first_reading_of_a_gate_counts_nothing() -> None:
    assert count(None, reading(MINUTE, 9)) == Counted((), (), reading(MINUTE, 9))


def test_zero_is_a_count() -> None:
    assert only(count(reading(0 * MINUTE, 3), reading(MINUTE, 3))).counts.attempted == 0


@pytest.mark.parametrize("after", [0 * MINUTE, -MINUTE])
def test_a_reading_again_or_out_of_order_counts_nothing(after: timedelta) -> None:
    assert count(reading(0 * MINUTE, 9), reading(after, 5)) == Counted((), (), reading(0 * MINUTE, 9))


def test_readings_of_two_gates_are_refused() -> None:
    with pytest.raises(ValueError, match="'tokyo' and 'osaka'"):
        count(reading(0 * MINUTE), reading(MINUTE, gate="osaka"))


def test_minutes_that_were_not_read_are_missing_and_their_sum_is_one_row() -> None:
    counted = count(reading(0 * MINUTE, 5), reading(37 * MINUTE, 12))
    row = only(counted)
    assert (row.begin, row.covered, row.timing, row.counts.attempted) == (NOON, 37 * MINUTE, Timing.LONG, 7)
    assert counted.marks == (Mark("tokyo", None, NOON, NOON + 37 * MINUTE, Why.NOT_READ),)
    assert by_hour(counted.rows) == (replace(row, timing=Timing.KNOWN),)


def test_what_goes_beyond_an_hour_is_no_hours_count() -> None:
    counted = count(reading(30 * MINUTE, 5), reading(70 * MINUTE, 12, OFF))
    (hour,) = by_hour(counted.rows)
    assert (hour.begin, hour.timing, hour.covered) == (NOON, Timing.LONG, 40 * MINUTE)


def test_a_gate_that_is_not_read_at_all_is_missing() -> None:
    assert unread(reading(0 * MINUTE), NOON + MINUTE) is None
    assert unread(reading(0 * MINUTE), NOON + HOUR) == Mark("tokyo", None, NOON, NOON + HOUR, Why.NOT_READ)


def test_counters_that_began_anew_count_from_zero() -> None:
    new = reading(MINUTE, 12, run="boot2/3", uptime_ns=5)
    counted = count(reading(0 * MINUTE, 500), new)
    row = only(counted)
    assert (row.counts.attempted, row.timing, row.covered) == (12, Timing.PARTIAL, timedelta())
    assert whys(counted) == [Why.COUNTERS_ANEW]


def test_a_class_that_was_made_again_counts_from_zero_in_all_its_arms() -> None:
    last = reading(0 * MINUTE, 500)
    last = replace(last, classes={**last.classes, ("dynamic", 1): ClassCounters(refused=1)})
    new = reading(MINUTE, 12)
    new = replace(new, classes={**new.classes, ("dynamic", 1): ClassCounters(refused=4)})
    counted = count(last, new)
    assert [(row.counts.attempted, row.counts.refused, row.timing) for row in counted.rows] == [
        (12, 0, Timing.PARTIAL),
        (0, 4, Timing.PARTIAL),
    ]
    assert counted.marks == (Mark("tokyo", "dynamic", NOON, NOON + MINUTE, Why.CLASS_ANEW),)


def test_a_class_that_is_gone_is_told_and_one_that_is_new_counts_from_zero() -> None:
    new = reading(MINUTE, classes={("fixed", 0): ClassCounters(attempted=3)})
    counted = count(reading(0 * MINUTE, 500), new)
    assert (only(counted).key, only(counted).counts.attempted) == (("fixed", 0), 3)
    assert counted.marks == (Mark("tokyo", "dynamic", NOON, NOON + MINUTE, Why.CLASS_GONE),)


@pytest.mark.parametrize(("jump", "why"), [(HOUR, Why.CLOCK_FORWARD), (-HOUR, Why.CLOCK_BACK)])
def test_a_clock_that_jumped_is_told(jump: timedelta, why: Why) -> None:
    counted = count(reading(0 * MINUTE, 5), reading(MINUTE, 12, at=NOON + MINUTE + jump))
    row = only(counted)
    assert (row.timing, row.covered, row.counts.attempted) == (Timing.CLOCK, MINUTE, 7)
    assert whys(counted) == [why]
    assert counted.marks[0].begin < counted.marks[0].end
    assert by_hour(counted.rows)[0].timing is Timing.CLOCK


def test_a_clock_that_was_set_back_before_the_gate_began_anew_is_told() -> None:
    counted = count(reading(0 * MINUTE), reading(MINUTE, at=NOON - HOUR, run="boot2/3"))
    assert whys(counted) == [Why.CLOCK_BACK, Why.COUNTERS_ANEW]


def test_a_clock_that_is_steered_has_not_jumped() -> None:
    day = timedelta(days=1)
    assert whys(count(reading(0 * MINUTE), reading(day, at=NOON + day + 40 * SECOND))) == [Why.NOT_READ]


def on(since: timedelta, until: timedelta | None = None) -> Held:
    return Held("on", since=NOON + since, until=None if until is None else NOON + until)


@pytest.mark.parametrize(
    ("before", "after", "pure"),
    [
        (replace(OFF, until=NOON + MINUTE), on(MINUTE), "off"),  # read at the boundary
        (replace(OFF, until=NOON), on(0 * SECOND), "on"),
        (OFF, on(60 * SECOND), "off"),  # ended before it was planned to, and read at once
        (replace(OFF, until=NOON + 30 * SECOND), on(30 * SECOND), None),
        (OFF, on(30 * SECOND), None),
        (replace(OFF, until=NOON + MINUTE), Held(), "off"),  # the trial's end
        (replace(OFF, until=NOON + 30 * SECOND), Held(), None),
        (OFF, Held(), None),
        (Held(), on(0 * SECOND), "on"),
        (Held(), on(30 * SECOND), None),
        (Held(), Held(arm="suspended"), None),
        (replace(OFF, until=NOON + 20 * SECOND), on(60 * SECOND), None),  # another between the two
    ],
)
def test_a_minute_in_which_the_arm_changed_is_of_none(before: Held, after: Held, pure: str | None) -> None:
    counted = count(reading(0 * MINUTE, held=before), reading(MINUTE, held=after))
    row = only(counted)
    assert row.timing is (Timing.MIXED if pure is None else Timing.KNOWN)
    assert whys(counted) == ([Why.ARM_CHANGED] if pure is None else [])
    assert pure is None or row.held.arm == pure


def test_a_reading_at_the_switch_splits_the_minute() -> None:
    half = 30 * SECOND
    first = count(reading(0 * MINUTE, 0, replace(OFF, until=NOON + half)), reading(half, 4, on(half)))
    second = count(first.last, reading(MINUTE, 9, on(half)))
    assert [(row.held.arm, row.begin, row.counts.attempted) for row in first.rows + second.rows] == [
        ("off", NOON, 4),
        ("on", NOON, 5),
    ]


def test_a_block_is_held_in_two_parts() -> None:
    block = Block(
        NOON,
        NOON + 6 * HOUR,
        "dynamic",
        Arm.ON,
        Limit(Mode.ENFORCE, 5, 1_000),
        pair=3,
        washout_end=NOON + HOUR,
    )
    assert held_by(block, NOON) == Held("on", None, NOON, washout=True)
    assert held_by(block, NOON).until == NOON + HOUR
    assert held_by(block, NOON + HOUR) == Held("on", None, NOON + HOUR)
    assert held_by(block, NOON + HOUR).until == NOON + 6 * HOUR


def test_rows_of_one_minute_add_up() -> None:
    first = count(reading(0 * MINUTE), reading(20 * SECOND, 3))
    second = count(first.last, reading(MINUTE, 10))
    (row,) = by_minute(first.rows + second.rows)
    assert (row.begin, row.covered, row.counts.attempted) == (NOON, MINUTE, 10)


def test_readings_are_due_at_the_full_minute() -> None:
    assert next_reading(NOON) == NOON + MINUTE
    assert next_reading(NOON + 59 * SECOND) == NOON + MINUTE


@dataclass
class Machine:
    """A gate on a machine with a daemon: what it counts, and what can still be seen of it."""

    counters: dict[str, int] = field(default_factory=lambda: {"a": 0, "b": 0})
    run: int = 0
    uptime: timedelta = timedelta(days=1)
    clock: datetime = NOON
    last: Reading | None = None
    counted: list[Counted] = field(default_factory=list)

    def step(self, event: tuple[str, int]) -> None:
        what, number = event
        getattr(self, what)(number)

    def traffic(self, number: int) -> None:
        name = "ab"[number % 2]
        if name in self.counters:
            self.counters[name] += number

    def wait(self, number: int) -> None:
        self.uptime += number * SECOND
        self.clock += number * SECOND

    def set_clock(self, number: int) -> None:
        self.clock += (number - 500) * SECOND

    def reboot(self, _: int) -> None:
        self.run += 1
        self.counters = dict.fromkeys(self.counters, 0)
        self.uptime = timedelta()

    def remake_class(self, number: int) -> None:
        self.counters["ab"[number % 2]] = 0

    def remove_class(self, number: int) -> None:
        self.counters.pop("ab"[number % 2], None)

    def read(self, number: int) -> None:
        """Read; one time in four the daemon dies before anything is kept."""
        self.wait(1)
        classes = {(name, 0): ClassCounters(attempted=has) for name, has in self.counters.items()}
        uptime_ns = self.uptime // timedelta(microseconds=1) * 1_000
        held = {"a": OFF if number % 2 else on(0 * SECOND)}
        new = Reading("tokyo", str(self.run), self.clock, uptime_ns, classes, held)
        counted = count(self.last, new)
        if number % 4:
            self.counted.append(counted)
            self.last = counted.last


EVENTS = st.tuples(
    st.sampled_from(["traffic", "wait", "read", "read", "set_clock", "reboot"]), st.integers(0, 1_000)
)


@given(st.lists(EVENTS, max_size=40))
def test_all_minutes_together_are_last_minus_first_whatever_is_restarted(
    events: list[tuple[str, int]],
) -> None:
    """With runs that begin anew, each run's last reading; only what no reading saw is missing."""
    machine = Machine()
    for event in events:
        machine.step(event)
    rows = [row for one in machine.counted for row in one.rows]
    tops: dict[tuple[str, str], int] = {}
    for one in machine.counted:
        tops |= {(one.last.run, name): c.attempted for (name, _), c in one.last.classes.items()}
    first = sum(c.attempted for c in machine.counted[0].last.classes.values()) if machine.counted else 0
    for shown in (rows, by_minute(rows), by_hour(rows)):
        assert sum(row.counts.attempted for row in shown) == sum(tops.values()) - first
    assert all(row.counts.attempted >= 0 for row in rows)


@given(st.lists(EVENTS, max_size=40))
def test_what_is_covered_is_the_time_between_readings(events: list[tuple[str, int]]) -> None:
    machine = Machine()
    for event in events:
        machine.step(event)
    lasts = [one.last for one in machine.counted]
    between = timedelta(
        microseconds=sum(
            (new.uptime_ns - old.uptime_ns) // 1_000 for old, new in pairwise(lasts) if old.run == new.run
        )
    )
    rows = [row for one in machine.counted for row in one.rows if row.key == ("a", 0)]
    assert sum((row.covered for row in rows), timedelta()) == between


CLASSES = st.tuples(
    st.sampled_from(["traffic", "read", "remake_class", "remove_class"]), st.integers(0, 1_000)
)


@given(st.lists(CLASSES, max_size=40))
def test_no_class_that_comes_and_goes_is_counted_more_than_it_had(events: list[tuple[str, int]]) -> None:
    machine, had = Machine(), 0
    for what, number in events:
        before = sum(machine.counters.values())
        machine.step((what, number))
        had += sum(machine.counters.values()) - before if what == "traffic" else 0
    rows = [row for one in machine.counted for row in one.rows]
    total = reduce(added, (row.counts for row in rows), ClassCounters())
    assert 0 <= total.attempted <= had
