"""Counts with noise: one answer for a window, and as much noise as is promised."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sekisho.measure.cells import Cell, Dimension, Table
from sekisho.measure.judge import NotPublishableError
from sekisho.measure.private import EPSILON, release
from sekisho.measure.windows import Size, window_at

TOKYO = ZoneInfo("Asia/Tokyo")
MONDAY = datetime(2026, 11, 23, tzinfo=TOKYO)
DAY = window_at(Size.DAY, MONDAY, TOKYO)
MET_CAP = Dimension("met_cap", ("never", "once", "often"), apart=True)
LINES = Table("lines", DAY, (MET_CAP,), {("never",): Cell(90_000, 90_000), ("once",): Cell(3, 3)})


def test_every_category_has_a_count_that_is_no_less_than_zero() -> None:
    found = release(LINES, [], TOKYO)
    assert (found.statistic, found.window, tuple(found.counts)) == ("lines", DAY, MET_CAP.values)
    assert min(found.counts.values()) >= 0


def test_the_noise_is_as_much_as_promised() -> None:
    """Of the two-sided geometric distribution: variance 2a / (1 - a)**2, with a = e**-epsilon.

    Outside these bounds it would be once in more than a million runs.
    """
    tries = 2_000
    noise = [release(LINES, [], TOKYO).counts["never"] - 90_000 for _ in range(tries)]
    ratio = math.exp(-EPSILON)
    variance = 2 * ratio / (1 - ratio) ** 2
    assert abs(sum(noise) / tries) < 5 * math.sqrt(variance / tries)
    assert 0.65 * variance < sum(each**2 for each in noise) / tries < 1.5 * variance


def test_a_window_has_one_answer() -> None:
    first = release(LINES, [], TOKYO)
    assert all(release(LINES, [first], TOKYO) is first for _ in range(20))


def test_windows_that_overlap_are_refused_and_others_not() -> None:
    first = release(LINES, [], TOKYO)
    hour = Table("lines", window_at(Size.HOUR, MONDAY, TOKYO), (MET_CAP,), {})
    with pytest.raises(NotPublishableError, match="which overlaps, was released before: use one size"):
        release(hour, [first], TOKYO)
    tuesday = window_at(Size.DAY, MONDAY + timedelta(days=1), TOKYO)
    assert release(Table("lines", tuesday, (MET_CAP,), {}), [first], TOKYO).window == tuesday
    assert release(Table("others", hour.window, (MET_CAP,), {}), [first], TOKYO).window == hour.window


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (Table("lines", DAY, (MET_CAP, Dimension("class", ("a",), apart=True)), {}), "one dimension"),
        (Table("lines", DAY, (Dimension("arm", ("on", "off")),), {}), "each line has one value"),
        (Table("lines", DAY, (MET_CAP,), {("once",): Cell(3, 30)}), "each counted once"),
        (Table("lines", DAY, (MET_CAP,), {("twice",): Cell(3, 3)}), "no cell"),
    ],
)
def test_what_is_no_count_of_lines_is_refused(table: Table, told: str) -> None:
    with pytest.raises(NotPublishableError, match=told):
        release(table, [], TOKYO)
