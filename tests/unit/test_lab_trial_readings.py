"""What was counted in cells of seconds, from readings at any moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sekisho.lab.trial_readings import (
    LATE,
    Readings,
    arrived_cells,
    grid,
    pause,
    read_cells,
)
from sekisho.model import ClassCounters

BEGIN = datetime(2026, 11, 25, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
GRID = grid(BEGIN, BEGIN + 10 * SECOND, SECOND)
MS = timedelta(milliseconds=1)


def admitted(counts: ClassCounters) -> int:
    return counts.admitted


def readings(*taken: tuple[float, int]) -> Readings:
    """Take readings at seconds after the begin."""
    found = Readings()
    for seconds, count in taken:
        found.add(BEGIN + seconds * SECOND, ClassCounters(admitted=count))
    return found


def test_a_cell_has_what_was_counted_in_it() -> None:
    found = readings((0, 5), (0.5, 7), (1, 9), (1.5, 100), (2, 200))
    first, second = read_cells(found, GRID[:2], SECOND, admitted)
    assert (first.count, first.covered) == (4, 1.0)
    assert (second.count, second.covered) == (191, 1.0)


def test_a_cell_without_two_readings_is_left_out() -> None:
    found = readings((0, 5), (1, 9), (4.4, 12), (5, 20))
    assert [cell.begin for cell in read_cells(found, GRID, SECOND, admitted)] == [GRID[0], GRID[4]]


def test_a_cell_is_covered_as_far_as_it_was_read() -> None:
    (cell,) = read_cells(readings((0.25, 0), (0.75, 8), (1.5, 99)), GRID[:1], SECOND, admitted)
    assert (cell.count, cell.covered) == (8, 0.5)


def test_a_reading_just_after_a_cell_counts_for_it_and_a_later_one_does_not() -> None:
    late = LATE / SECOND
    (cell,) = read_cells(readings((0, 0), (0.5, 4), (1 + late, 9)), GRID[:1], SECOND, admitted)
    assert (cell.count, cell.covered) == (9, 1.0)
    (cell,) = read_cells(readings((0, 0), (0.5, 4), (1 + 2 * late, 9)), GRID[:1], SECOND, admitted)
    assert (cell.count, cell.covered) == (4, 0.5)


def test_readings_after_a_cell_alone_are_none_of_it() -> None:
    assert list(read_cells(readings((1.01, 0), (1.04, 4)), GRID[:1], SECOND, admitted)) == []


def test_a_clock_that_is_set_back_counts_nothing_twice() -> None:
    found = readings((0, 0), (2, 20), (1, 21), (1.5, 22), (3, 30))
    counts = [cell.count for cell in read_cells(found, GRID, SECOND, admitted)]
    assert counts == [10]
    assert found.moments == sorted(found.moments)


@given(st.lists(st.tuples(st.integers(1, 900), st.integers(0, 50)), max_size=60))
def test_no_more_is_counted_than_there_was_and_nothing_is_below_zero(steps: list[tuple[int, int]]) -> None:
    found, moment, total = Readings(), BEGIN, 0
    for passed, count in steps:
        found.add(moment, ClassCounters(admitted=total))
        moment, total = moment + passed * MS, total + count
    for cell in read_cells(found, GRID, SECOND, admitted):
        assert 0 <= cell.count <= total
        assert 0 < cell.covered <= 1


@given(st.lists(st.integers(-2_000, 12_000), max_size=50))
def test_what_arrived_is_in_one_cell_each(milliseconds: list[int]) -> None:
    arrivals = sorted(BEGIN + at * MS for at in milliseconds)
    cells = list(arrived_cells(arrivals, GRID, SECOND))
    assert [cell.begin for cell in cells] == list(GRID)
    inside = [at for at in milliseconds if 0 <= at < 10_000]
    assert sum(cell.count for cell in cells) == len(inside)


@given(st.integers(-5_000, 20_000))
def test_a_reading_is_taken_as_each_cell_ends(now_ms: int) -> None:
    now = BEGIN + now_ms * MS
    wait = pause(BEGIN, SECOND, now, 100 * MS)
    assert timedelta() < wait <= 100 * MS
    assert (now + wait - BEGIN) % SECOND == timedelta() or wait == 100 * MS
