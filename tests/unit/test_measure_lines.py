"""Lines behind counts, and lines that a cap would meet: of histograms that name no line."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.gate.abi import CONCURRENCY_BUCKETS, concurrency_bucket
from sekisho.measure.lines_behind import lines_behind, most_behind
from sekisho.measure.lines_met import met_by_cap, unlimited_by
from sekisho.measure.peaks import busiest
from sekisho.measure.trial_facts import Behind, Of, whole_weeks
from sekisho.model import Active, ClassPeaks, Limit, Mode, Peaks
from sekisho.trial.plan import Phase, Plan, holds
from sekisho.trial.protocol import Outcome
from sekisho.trial.report_values import Because, NotKnown
from tests.unit.planning import DAY, HOUR, ON, START, span, switchback

OWN = Limit(Mode.OBSERVE, 5, 1_000)
WEEKS = span(0 * DAY, 28 * DAY)
DRAWN = replace(switchback(WEEKS), on=(("dynamic", ON),))
PLAN = Plan("spring", WEEKS, "Asia/Tokyo", (("dynamic", OWN),), switchback=DRAWN)
MANY = [size for size in (1, 2, 4, 8, 12, 30, 80) for _ in range(12)]  # of every bin
UNLIMITED = unlimited_by(PLAN, "dynamic")
OFF_HOURS = [at for at in (START + hour * HOUR for hour in range(28 * 24)) if UNLIMITED(at)]


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


def test_the_lines_behind_a_week_are_those_of_its_busiest_hour_at_one_gate() -> None:
    weeks = whole_weeks(PLAN, WEEKS.end)
    both_arms = peaks(5, [1] * 4)
    both_arms = replace(both_arms, classes={**both_arms.classes, ("dynamic", 1): ClassPeaks((7,), 2)})
    spans = [peaks(3, [1, 2, 30], met=1), both_arms, peaks(5, [1] * 9), peaks(7 * 24 + 1, [1])]
    found = lines_behind(weeks, active(spans))
    assert found == {
        Of(START, "dynamic", Outcome.ADMITTED): Behind(11, None),
        Of(START, "dynamic", Outcome.REFUSED): Behind(2, None),
        Of(START + 7 * DAY, "dynamic", Outcome.ADMITTED): Behind(1, None),
        Of(START + 7 * DAY, "dynamic", Outcome.REFUSED): Behind(0, None),
    }


def test_of_two_gates_the_lines_of_one_are_certain() -> None:
    here, there = Of(START, "dynamic", Outcome.ADMITTED), Of(START, "fixed", Outcome.ADMITTED)
    found = most_behind({here: Behind(3, None)}, {here: Behind(7, None), there: Behind(1, None)})
    assert found == {here: Behind(7, None), there: Behind(1, None)}


@pytest.mark.parametrize("begin", [-0.5, 28 * 24, 7 * 24 - 0.5])
def test_what_reaches_out_of_a_week_is_of_none(begin: float) -> None:
    assert lines_behind(whole_weeks(PLAN, WEEKS.end), active([peaks(begin, [1])])) == {}


def test_an_hour_is_unlimited_where_the_plan_observes_all_of_it() -> None:
    assert OFF_HOURS
    for at in OFF_HOURS:
        for moment in (at, at + HOUR - timedelta(microseconds=1)):
            block = holds(PLAN, moment).get("dynamic")
            assert block is None or block.limit.mode is Mode.OBSERVE
    enforced = replace(PLAN, own=(("dynamic", ON),))
    assert all(holds(enforced, at) for at in OFF_HOURS if unlimited_by(enforced, "dynamic")(at))
    phase = Phase(span(0 * DAY, 1 * DAY), (("dynamic", OWN),))
    outside = Plan("spring", WEEKS, "Asia/Tokyo", (("dynamic", ON),), (phase,))
    assert unlimited_by(outside, "dynamic")(START)
    assert not unlimited_by(outside, "dynamic")(START + DAY)
    assert not unlimited_by(outside, "dynamic")(START + DAY - HOUR / 2)


def met(cap: int, *gates: list[Peaks], plan: Plan = PLAN) -> int | NotKnown:
    is_unlimited = unlimited_by(plan, "dynamic")
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
