"""Of a class that few lines have sessions in nothing is told of sessions."""

from __future__ import annotations

import pytest

from sekisho.measure.few_lines import few_hours, sizes_of, untold, without
from sekisho.model import Active
from sekisho.trial.report_values import Because, NotKnown
from sekisho.trial.series import Cell, Series
from tests.unit.planning import HOUR, START


def spans(*lines: int) -> list[Active]:
    begins = [START + number * HOUR for number in range(len(lines))]
    return [
        Active(begin, begin + HOUR, "dynamic", count, 0) for begin, count in zip(begins, lines, strict=True)
    ]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ((1, 1, 1), Because.SUPPRESSED),
        ((9, 9, 200), Because.SUPPRESSED),
        ((9, 10), Because.SUPPRESSED),
        ((0, 0), Because.NOT_COUNTED),
        ((), Because.NOT_COUNTED),
        ((10,), None),
        ((9, 10, 10), None),
        ((0, 0, 0, 10), None),  # an hour without any tells of no line
    ],
)
def test_a_class_of_few_lines_in_half_of_its_hours_is_not_told(
    lines: tuple[int, ...], why: Because | None
) -> None:
    wanted = {} if why is None else {"dynamic": NotKnown(why)}
    assert untold(["dynamic"], sizes_of(spans(*lines))) == wanted


def test_hours_of_all_gates_count_for_each_class() -> None:
    sizes = sizes_of(spans(1, 1)) + sizes_of(spans(10, 10, 10))
    assert untold(["dynamic", "other"], sizes) == {"other": NotKnown(Because.NOT_COUNTED)}


def test_hours_of_few_lines_are_compared_with_nothing() -> None:
    few = few_hours(spans(0, 1, 9, 10, 12))
    counted = Series("tokyo", HOUR, [Cell(START + number * HOUR, number) for number in range(5)])
    assert [cell.count for cell in without(counted, few["dynamic"]).cells] == [0, 3, 4]


def test_a_span_of_few_lines_takes_each_hour_out_that_it_reaches_into() -> None:
    one = Active(START + HOUR / 2, START + 2 * HOUR + HOUR / 4, "dynamic", 3, 0)
    counted = Series("tokyo", HOUR / 2, [Cell(START + number * HOUR / 2, number) for number in range(8)])
    assert [cell.count for cell in without(counted, few_hours([one])["dynamic"]).cells] == [6, 7]
