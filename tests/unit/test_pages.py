"""What pages have in common: tables, charts, the terminal."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.pages.charts import shares
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
