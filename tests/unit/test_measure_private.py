"""Counts with noise: one answer for a window, as much noise as is promised, and no more than the budget."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.measure.cells import Cell, Dimension, Table
from sekisho.measure.judge import NotPublishableError
from sekisho.measure.noisy import Release, spent
from sekisho.measure.peaks import to_release
from sekisho.measure.private import (
    LEAST_EPSILON,
    MOST_EPSILON,
    _laplace,
    _scale,
    margin,
    release,
)
from sekisho.measure.windows import Size, window_at
from sekisho.model import ClassPeaks, Peaks

TOKYO = ZoneInfo("Asia/Tokyo")
UTC = ZoneInfo("UTC")
MONDAY = datetime(2026, 11, 23, tzinfo=TOKYO)
DAY = window_at(Size.DAY, MONDAY, TOKYO)
MET_CAP = Dimension("met_cap", ("never", "once", "often"), apart=True)
LINES = Table("lines", DAY, (MET_CAP,), {("never",): Cell(90_000, 90_000), ("once",): Cell(3, 3)})
LARGE = 1_000.0


def day(number: int) -> Table:
    return Table(
        "lines", window_at(Size.DAY, MONDAY + timedelta(days=number), TOKYO), LINES.shape, LINES.cells
    )


def test_every_category_has_a_count_that_is_no_less_than_zero() -> None:
    found = release(LINES, 1.0, [], LARGE, TOKYO)
    assert (found.statistic, found.window, found.epsilon) == ("lines", DAY, 1.0)
    assert list(found.counts) == [(name,) for name in MET_CAP.values]
    assert min(found.counts.values()) >= 0


@pytest.mark.parametrize("epsilon", [0.5, 2.0])
def test_the_noise_is_as_much_as_promised(epsilon: float) -> None:
    """Of the two-sided geometric distribution: variance 2a / (1 - a)**2, with a = e**(-epsilon / 2).

    Outside these bounds it would be once in more than a million runs.
    """
    tries = 2_000
    noise = [release(LINES, epsilon, [], LARGE, TOKYO).counts["never",] - 90_000 for _ in range(tries)]
    ratio = math.exp(-epsilon / 2)
    variance = 2 * ratio / (1 - ratio) ** 2
    assert abs(sum(noise) / tries) < 5 * math.sqrt(variance / tries)
    assert 0.65 * variance < sum(each**2 for each in noise) / tries < 1.5 * variance
    assert sum(abs(each) <= margin(epsilon) for each in noise) / tries > 0.925


@given(st.floats(LEAST_EPSILON, MOST_EPSILON))
def test_what_a_line_does_tells_no_more_than_epsilon_by_the_librarys_own_reckoning(epsilon: float) -> None:
    assert _laplace(_scale(epsilon)).map(2) <= epsilon


HOUR = window_at(Size.HOUR, MONDAY, UTC)


@given(
    st.lists(st.integers(0, 21), max_size=30),
    st.integers(0, 21) | st.none(),
    st.integers(0, 21) | st.none(),
    st.booleans(),
)
def test_whatever_one_line_does_changes_two_counts_by_one_at_most(
    others: list[int], before: int | None, after: int | None, moves: bool
) -> None:
    """The sensitivity: of all tables of an hour that differ in one line, in any way, its class too."""

    def counted(bucket: int | None, name: str) -> Table:
        lines = {one: [0] * 22 for one in ("dynamic", "fixed")}
        for each in others:
            lines["dynamic"][each] += 1
        if bucket is not None:
            lines[name][bucket] += 1
        classes = {(one, 0): ClassPeaks(tuple(found)) for one, found in lines.items()}
        hour = Peaks(HOUR.begin, HOUR.end, classes)
        return to_release(hour, "gate", ["dynamic", "fixed"])

    one, other = counted(before, "dynamic"), counted(after, "fixed" if moves else "dynamic")
    distance = sum(abs(one.cells[at].value - other.cells[at].value) for at in one.cells)
    assert distance <= 2
    release(one, 1.0, [], LARGE, UTC)


def test_a_window_has_one_answer_whatever_is_asked() -> None:
    first = release(LINES, 1.0, [], LARGE, TOKYO)
    assert all(release(LINES, epsilon, [first], 1.0, TOKYO) is first for epsilon in (0.1, 1.0, 5.0))
    other = Table("lines", DAY, (MET_CAP,), {("once",): Cell(700, 700)})
    assert release(other, 1.0, [first], 1.0, TOKYO) is first


@given(st.lists(st.floats(LEAST_EPSILON, MOST_EPSILON), min_size=1, max_size=12), st.floats(0.1, 20.0))
def test_nothing_is_released_beyond_the_budget(asked: list[float], budget: float) -> None:
    before: list[Release] = []
    for number, epsilon in enumerate(asked):
        if math.fsum([*(one.epsilon for one in before), epsilon]) <= budget:
            before.append(release(day(number), epsilon, before, budget, TOKYO))
        else:
            with pytest.raises(NotPublishableError, match="more than is left of the budget"):
                release(day(number), epsilon, before, budget, TOKYO)
    assert spent(before) <= budget


def test_tenths_add_up() -> None:
    before: list[Release] = []
    for number in range(10):
        before.append(release(day(number), 0.1, before, 1.0, TOKYO))
    with pytest.raises(NotPublishableError, match="1 of 1 is spent; what was released stays"):
        release(day(10), 0.01, before, 1.0, TOKYO)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, 0.009, 10.5, math.inf, math.nan])
def test_an_epsilon_that_cannot_be_is_refused(epsilon: float) -> None:
    with pytest.raises(NotPublishableError, match=r"take one from 0\.01 to 10"):
        release(LINES, epsilon, [], LARGE, TOKYO)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (Table("lines", DAY, (MET_CAP, Dimension("arm", ("on", "off"))), {}), "each line has one value"),
        (Table("lines", DAY, (MET_CAP,), {("once",): Cell(3, 30)}), "each counted once"),
        (Table("lines", DAY, (MET_CAP,), {("twice",): Cell(3, 3)}), "no cell"),
    ],
)
def test_what_is_no_count_of_lines_is_refused(table: Table, told: str) -> None:
    with pytest.raises(NotPublishableError, match=told):
        release(table, 1.0, [], LARGE, TOKYO)
