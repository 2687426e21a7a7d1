"""What pages have in common: tables, charts, the terminal."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.pages.charts import bars, path, shares
from sekisho.pages.templating import spread


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (("a", "b"), [("a", 1), ("b", 1)]),
        (("a", "why", "", ""), [("a", 1), ("why", 3)]),
        (("a", "", "b", ""), [("a", 1), ("", 1), ("b", 2)]),
        (("", "", ""), [("", 3)]),
    ],
)
def test_the_last_cell_with_something_takes_what_is_empty_after_it(
    row: tuple[str, ...], cells: list[tuple[str, int]]
) -> None:
    assert spread(row) == cells


@given(st.lists(st.sampled_from(["", "a"]), min_size=1).map(tuple))
def test_every_row_has_all_columns(row: tuple[str, ...]) -> None:
    found = spread(row)
    assert sum(columns for _, columns in found) == len(row)
    assert [cell for cell, _ in found if cell] == [cell for cell in row if cell]


def test_a_single_day_is_named_once() -> None:
    one, two = date(2026, 11, 25), date(2026, 11, 26)
    assert shares([(one, 0.5)], "days").count("2026-11-25") == 1
    assert shares([(one, 0.5), (two, 1.0)], "days").count("2026-11-2") == 2


def places(drawn: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r'<circle cx="([0-9.]+)" cy="([0-9.]+)"', drawn)]


VALUES = st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(inf)), min_size=1, max_size=40)


@given(VALUES, st.floats(0, 1e6))
def test_a_path_stays_in_its_chart_and_is_in_order(values: list[float], bound: float) -> None:
    first = datetime(2026, 11, 25, tzinfo=UTC)
    drawn = path([(first + number * timedelta(days=1), one, bound) for number, one in enumerate(values)], "x")
    seen = places(drawn)
    assert all(0 <= x <= 720 and 18 <= y <= 68 for x, y in seen)
    assert sorted(range(len(values)), key=lambda one: -values[one]) == sorted(
        range(len(values)), key=lambda one: (seen[one][1], -values[one])
    )


def test_the_largest_share_is_the_longest_bar() -> None:
    drawn = bars([("a", 40.0), ("<b>", 10.0), ("c", 0.0)], "harm")
    assert re.findall(r'width="([0-9.]+)" height="17"', drawn) == ["230.0", "57.5", "0.0"]
    assert "&lt;b&gt;" in drawn
