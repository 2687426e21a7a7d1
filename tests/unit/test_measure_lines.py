"""Lines that met their cap, and lines that a cap would meet: of sums that name no line."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.gate.abi import CONCURRENCY_BUCKETS, concurrency_bucket
from sekisho.measure.cells import Cell, Ledger
from sekisho.measure.line_hours import (
    LEAST_HOURS,
    LineHours,
    line_hours,
    met_cap,
    publish_weeks,
    together,
)
from sekisho.measure.lines_met import held_throughout, met_by_cap
from sekisho.measure.peaks import busiest
from sekisho.measure.weeks import Of, whole_weeks
from sekisho.model import Active, ClassPeaks, Limit, Mode, Peaks
from sekisho.trial.plan import Phase, Plan, holds
from sekisho.trial.report_values import Because, MetCap, NotKnown, Published
from tests.unit.planning import DAY, HOUR, ON, START, span, switchback

OWN = Limit(Mode.OBSERVE, 5, 1_000)
WEEKS = span(0 * DAY, 28 * DAY)
DRAWN = replace(switchback(WEEKS), on=(("dynamic", ON),))
PLAN = Plan("spring", WEEKS, "Asia/Tokyo", (("dynamic", OWN),), switchback=DRAWN)
MANY = [size for size in (1, 2, 4, 8, 12, 30, 80) for _ in range(12)]  # of every bin
UNLIMITED, LIMITED = (held_throughout(PLAN, "dynamic", mode) for mode in (Mode.OBSERVE, Mode.ENFORCE))
HOURS = [START + hour * HOUR for hour in range(28 * 24)]
OFF_HOURS, ON_HOURS = ([at for at in HOURS if tells(at)] for tells in (UNLIMITED, LIMITED))
ALL_WEEKS = whole_weeks(PLAN, WEEKS.end)
ZONE = ZoneInfo("Asia/Tokyo")


def peaks(begin_hours: float, lines: list[int], name: str = "dynamic", arm: int = 0, met: int = 0) -> Peaks:
    """Lines by their most sessions, in an hour of the trial."""
    buckets = [0] * CONCURRENCY_BUCKETS
    for sessions in lines:
        buckets[concurrency_bucket(sessions)] += 1
    begin = START + timedelta(hours=begin_hours)
    return Peaks(begin, begin + HOUR, {(name, arm): ClassPeaks(tuple(buckets), met)})


def active(spans: list[Peaks]) -> list[Active]:
    """Return what the store would tell of spans."""
    return [
        Active(
            span.since,
            span.until,
            name,
            sum(sum(one.lines) for (of, _), one in span.classes.items() if of == name),
            sum(one.met_cap for (of, _), one in span.classes.items() if of == name),
        )
        for span in spans
        for name in dict.fromkeys(name for name, _ in span.classes)
    ]


def at_hour(moment_index: int) -> float:
    return (OFF_HOURS[moment_index] - START) / HOUR


def limited_hour(number: int, lines: int, met: int) -> Active:
    """What the store tells of one of the hours with a limit."""
    return Active(ON_HOURS[number], ON_HOURS[number] + HOUR, "dynamic", lines, met)


def weekly(*gates: list[Active]) -> dict[Of, LineHours]:
    found: dict[Of, LineHours] = {}
    for spans in gates:
        found = together(found, line_hours(ALL_WEEKS, spans, {"dynamic": LIMITED}))
    return found


def shown(counted: dict[Of, LineHours], before: Ledger | None = None) -> tuple[Published, Ledger]:
    return publish_weeks(counted, ALL_WEEKS, ["dynamic"], before or Ledger(), ZONE)


IN_WEEK = sum(at < START + 7 * DAY for at in ON_HOURS)  # hours with a limit in the first week


def test_the_lines_of_a_weeks_hours_with_a_limit_are_added_up() -> None:
    spans = [limited_hour(0, 90, 30), limited_hour(1, 70, 0), limited_hour(IN_WEEK, 5, 5)]
    free = Active(OFF_HOURS[0], OFF_HOURS[0] + HOUR, "dynamic", 400, 0)
    other = limited_hour(2, 40, 4)._replace(class_name="fixed")
    assert weekly([*spans, free, other]) == {
        Of(START, "dynamic"): LineHours(Cell(30, 30, 1), Cell(70, 130, 2), frozenset(ON_HOURS[:2]), 1, 2),
        Of(START + 7 * DAY, "dynamic"): LineHours(
            Cell(5, 5, 1), Cell(0, 0, 0), frozenset([ON_HOURS[IN_WEEK]]), 1, 1
        ),
    }


def test_of_two_gates_the_lines_of_one_are_certain_and_each_may_have_the_same_line() -> None:
    here, there = [limited_hour(0, 90, 30)], [limited_hour(0, 20, 12), limited_hour(1, 20, 0)]
    found = weekly(here, there)[Of(START, "dynamic")]
    assert found == LineHours(Cell(30, 42, 2), Cell(60, 88, 3), frozenset(ON_HOURS[:2]), 2, 3)
    assert weekly(here, there) == weekly(there, here)


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (timedelta(0), HOUR / 2),
        (timedelta(minutes=1), HOUR),
        (-HOUR, timedelta(0)),
        (28 * DAY, 28 * DAY + HOUR),
    ],
)
def test_a_part_of_an_hour_and_what_is_of_no_week_is_left_out(since: timedelta, until: timedelta) -> None:
    first = next(at for at in ON_HOURS if at - HOUR not in ON_HOURS)
    assert weekly([Active(first + since, first + until, "dynamic", 90, 30)]) == {}


def test_an_hour_with_a_boundary_is_neither_limited_nor_unlimited() -> None:
    phase = Phase(span(0 * DAY, DAY + HOUR / 2), (("dynamic", OWN),))
    plan = Plan("spring", WEEKS, "Asia/Tokyo", (("dynamic", ON),), (phase,))
    tells = [held_throughout(plan, "dynamic", mode) for mode in Mode]
    assert [at for at in HOURS if not any(one(at) for one in tells)] == [START + DAY]


def many(met: list[int], lines: int = 200) -> dict[Of, LineHours]:
    """So many lines meet their cap in the hours of the first week."""
    return weekly([limited_hour(number, lines, one) for number, one in enumerate(met)])


def test_what_is_shown_is_the_truth_and_tells_the_mean_hour() -> None:
    counted = many([20, 40] * (LEAST_HOURS // 2))
    found, _ = shown(counted)
    assert [(one.cap, one.count) for one in found.cells] == [
        ("met", 30 * LEAST_HOURS),
        ("within", 170 * LEAST_HOURS),
        (None, 200 * LEAST_HOURS),
    ]
    assert met_cap("dynamic", found, counted) == MetCap(30.0, 15.0)
    assert met_cap("fixed", found, counted) == MetCap(*[NotKnown(Because.NOT_COUNTED)] * 2)


@pytest.mark.parametrize("apart", [0, LEAST_HOURS])
def test_the_mean_hour_of_two_gates_is_one_in_which_both_limit(apart: int) -> None:
    """Where gates draw lots of their own they limit at other hours, and have as many lines in these."""
    numbers = range(LEAST_HOURS)
    here = [limited_hour(number, 200, 30) for number in numbers]
    there = [limited_hour(number + apart, 100, 20) for number in numbers]
    counted = weekly(here, there)
    assert met_cap("dynamic", shown(counted)[0], counted) == MetCap(50.0, 16.7)


@pytest.mark.parametrize(
    "met",
    [
        [9] * IN_WEEK,  # few lines for certain
        [0] * IN_WEEK,  # none
        [10] + [1] * (IN_WEEK - 1),  # one line may have most of it
        [40] * (LEAST_HOURS - 1),  # few hours
    ],
)
def test_what_may_be_of_few_lines_is_suppressed(met: list[int]) -> None:
    counted = many(met)
    found, _ = shown(counted)
    assert found.suppressed >= 2  # what would give it away too
    assert {one.count for one in found.cells if one.cap == "met"} == {None}
    assert met_cap("dynamic", found, counted) == MetCap(*[NotKnown(Because.SUPPRESSED)] * 2)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 30)), min_size=1, max_size=30), st.data())
def test_no_line_has_more_than_was_judged(hours: list[tuple[int, int]], data: st.DataObject) -> None:
    """Whoever the lines were: the bound is over what any of them has, and as many are there at least."""
    lines = [data.draw(st.permutations(range(60)), label="who") for _ in hours]
    spans = [limited_hour(number, met + within, met) for number, (met, within) in enumerate(hours)]
    counted = weekly(spans)[Of(START, "dynamic")]
    for cell, chosen in (
        (counted.met, [who[:met] for who, (met, _) in zip(lines, hours, strict=True)]),
        (counted.within, [who[met : met + within] for who, (met, within) in zip(lines, hours, strict=True)]),
    ):
        has = Counter(line for some in chosen for line in some)
        assert cell.value == has.total()
        assert (cell.largest or 0) >= max(has.values(), default=0)
        assert cell.lines <= len(has)


HOURLY = st.lists(
    st.tuples(st.sampled_from([0, 1, 9, 10, 40]), st.sampled_from([0, 3, 10, 50])),
    min_size=LEAST_HOURS - 2,
    max_size=LEAST_HOURS + 2,
)


@given(HOURLY)
def test_whoever_adds_up_what_is_shown_finds_no_cell_that_is_not(hours: list[tuple[int, int]]) -> None:
    spans = [limited_hour(number, met + within, met) for number, (met, within) in enumerate(hours)]
    found, _ = shown(weekly(spans))
    seen = {one.cap: one.count for one in found.cells}
    parts = {"met": [met for met, _ in hours], "within": [within for _, within in hours]}
    for cap, counts in parts.items():
        (other,) = (one for name, one in seen.items() if name not in (cap, None))
        if seen[cap] is None:  # between none and all, if that is known
            total = seen[None]
            assert other is None or total is None
            assert total is None or total >= 10
        else:
            assert seen[cap] == sum(counts)
            assert max(counts) >= 10
            assert sum(count > 0 for count in counts) <= sum(counts) / 2


def test_what_was_published_stays_whatever_is_counted_later() -> None:
    counted = many([20, 40] * (LEAST_HOURS // 2))
    first, ledger = shown(counted)
    for later, differing in (
        (counted, 0),
        ({}, 1),
        (many([20, 41] * (LEAST_HOURS // 2)), 1),
        (many([2] * 30), 1),
    ):
        found, after = shown(later, ledger)
        assert (found.cells, found.suppressed, after) == (first.cells, first.suppressed, ledger)
        assert found.differing == differing


def test_without_an_hour_with_a_limit_there_is_nothing_to_show() -> None:
    found, ledger = shown({})
    assert (found.cells, found.because, ledger) == ((), Because.NOT_COUNTED, Ledger())


def test_an_hour_is_unlimited_where_the_plan_observes_all_of_it() -> None:
    assert OFF_HOURS
    for at in OFF_HOURS:
        for moment in (at, at + HOUR - timedelta(microseconds=1)):
            block = holds(PLAN, moment).get("dynamic")
            assert block is None or block.limit.mode is Mode.OBSERVE
    enforced = replace(PLAN, own=(("dynamic", ON),))
    assert all(
        holds(enforced, at) for at in OFF_HOURS if held_throughout(enforced, "dynamic", Mode.OBSERVE)(at)
    )
    phase = Phase(span(0 * DAY, 1 * DAY), (("dynamic", OWN),))
    outside = Plan("spring", WEEKS, "Asia/Tokyo", (("dynamic", ON),), (phase,))
    is_unlimited = held_throughout(outside, "dynamic", Mode.OBSERVE)
    assert is_unlimited(START)
    assert not is_unlimited(START + DAY)
    assert not is_unlimited(START + DAY - HOUR / 2)


def met(cap: int, *gates: list[Peaks], plan: Plan = PLAN) -> int | NotKnown:
    is_unlimited = held_throughout(plan, "dynamic", Mode.OBSERVE)
    hours = []
    for spans in gates:
        hour = busiest(active(spans), "dynamic", is_unlimited)
        hours += [one for one in spans if hour is not None and one.since == hour.since]
    return met_by_cap("dynamic", cap, hours)


def test_the_busiest_hour_without_a_limit_is_taken() -> None:
    on = next(hour for hour in range(28 * 24) if START + hour * HOUR not in OFF_HOURS)
    spans = [
        peaks(on, [*MANY, *MANY] * 9),
        peaks(at_hour(0), MANY),
        peaks(at_hour(3), MANY + [8] * 25),
        replace(peaks(at_hour(5), MANY * 9), until=START),  # in part
    ]
    assert met(5, spans) == 37 + 3 * 12


def test_without_an_hour_nothing_is_told() -> None:
    for spans in ([], [peaks(at_hour(0), [])], [peaks(at_hour(0), MANY, name="fixed")]):
        assert met(5, spans) == NotKnown(Because.NOT_COUNTED)


@settings(max_examples=10)
@given(st.lists(st.integers(0, 40), min_size=7, max_size=7))
def test_what_a_cap_would_meet_is_the_truth_or_not_told(counts: list[int]) -> None:
    sessions = (1, 2, 4, 8, 12, 30, 80)
    lines = [size for size, count in zip(sessions, counts, strict=True) for _ in range(count)]
    for cap in (1, 5, 64):
        found = met(cap, [peaks(at_hour(0), lines)])
        if isinstance(found, NotKnown):
            assert found.because is (Because.SUPPRESSED if lines else Because.NOT_COUNTED)
        else:
            assert found == sum(size > cap for size in lines) >= 10


def test_a_cap_between_the_edges_of_bins_is_not_answered() -> None:
    assert met(7, [peaks(at_hour(0), MANY)]) == NotKnown(Because.NOT_IN_BINS)


def test_gates_add_up_and_one_that_may_not_tell_keeps_all_silent() -> None:
    assert met(16, [peaks(at_hour(0), MANY)], [peaks(at_hour(2), MANY)], []) == 48
    assert met(16, [peaks(at_hour(0), MANY)], [peaks(at_hour(2), [1, 80])]) == NotKnown(Because.SUPPRESSED)
