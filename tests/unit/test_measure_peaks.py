"""How many lines a cap would meet, of lines by their most sessions at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.gate.abi import CONCURRENCY_BUCKETS, concurrency_bucket
from sekisho.measure.bins import BINS, SESSIONS_AT_ONCE, binned
from sekisho.measure.peaks import CAPS, busiest, lines_met, published
from sekisho.measure.turns import HOUR, LATE, is_turn_due, is_whole
from sekisho.model import Active, ClassPeaks, Peaks

NINE = datetime(2027, 3, 1, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@given(st.lists(st.integers(1, 300), max_size=60), st.sampled_from(sorted(CAPS)))
def test_a_cap_meets_the_lines_with_more_sessions(peaks: list[int], cap: int) -> None:
    buckets = [0] * CONCURRENCY_BUCKETS
    for peak in peaks:
        buckets[concurrency_bucket(peak)] += 1
    met = sum(peak > cap for peak in peaks)
    assert lines_met(binned(SESSIONS_AT_ONCE, buckets), cap) == (met, met)


def test_what_is_suppressed_leaves_the_most_open() -> None:
    lines: dict[str, int | None] = dict.fromkeys(BINS[SESSIONS_AT_ONCE], 20)
    lines["11-16"] = None
    assert lines_met(lines, 5) == (60, None)
    assert lines_met(lines, 16) == (40, 40)


@pytest.mark.parametrize(
    ("since", "until", "whole"),
    [
        (NINE, NINE + HOUR, True),
        (NINE + SECOND, NINE + HOUR + LATE, True),
        (NINE + LATE + SECOND, NINE + HOUR, False),
        (NINE, NINE + HOUR - SECOND, False),
        (NINE, NINE + 2 * HOUR, False),
        (NINE - SECOND, NINE + HOUR, False),
    ],
)
def test_an_hour_is_whole_from_turn_to_turn(since: datetime, until: datetime, whole: bool) -> None:
    assert is_whole(Peaks(since, until, {})) is whole


def test_a_turn_is_due_with_another_hour_in_either_direction() -> None:
    assert not is_turn_due(NINE, NINE + HOUR - SECOND)
    assert is_turn_due(NINE, NINE + HOUR)
    assert is_turn_due(NINE, NINE - SECOND)
    assert is_turn_due(NINE, NINE + 24 * HOUR)


def test_the_busiest_hour_is_of_the_class_asked_for() -> None:
    hours = [
        Active(NINE + number * HOUR, NINE + (number + 1) * HOUR, "dynamic", lines, 0)
        for number, lines in enumerate((3, 9, 9))
    ]
    assert busiest(hours, "dynamic") is hours[1]
    assert busiest(hours, "dynamic", lambda hour: hour != NINE + HOUR) is hours[2]
    assert busiest([hours[0], hours[1]._replace(until=NINE + 3 * HOUR)], "dynamic") is hours[0]
    assert busiest(hours, "fixed") is None
    assert busiest([hours[0]._replace(lines=0)], "dynamic") is None


def test_what_is_told_of_an_hour_leaves_out_few_lines_and_what_would_give_them_away() -> None:
    classes = {
        ("dynamic", 0): ClassPeaks((500, 80, 30, 20, 11, 3)),
        ("dynamic", 1): ClassPeaks((100, 20)),
        ("fixed", 0): ClassPeaks((4,)),
    }
    hour = Peaks(NINE + SECOND, NINE + HOUR, classes)
    told = published(hour, "dynamic")
    assert (told["1"], told["2"], told["6-10"]) == (600, 100, None)
    assert lines_met(told, 1)[1] is None
    assert set(published(hour, "fixed").values()) == {None}


@given(st.lists(st.integers(0, 60), max_size=CONCURRENCY_BUCKETS))
def test_no_few_lines_are_ever_told(lines: list[int]) -> None:
    told = published(Peaks(NINE, NINE + HOUR, {("dynamic", 0): ClassPeaks(tuple(lines))}), "dynamic")
    assert all(count is None or count >= 10 for count in told.values())
    assert sum(count is None for count in told.values()) != 1  # the total would give it away


def test_an_hour_of_many_lines_is_told_whole() -> None:
    lines = tuple([40] * CONCURRENCY_BUCKETS)
    told = published(Peaks(NINE, NINE + HOUR, {("dynamic", 0): ClassPeaks(lines)}), "dynamic")
    assert told == binned(SESSIONS_AT_ONCE, lines)
    assert lines_met(told, 5) == (40 * (CONCURRENCY_BUCKETS - 5),) * 2
