"""What the report of a trial tells of the desk, in both languages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sekisho.desk.figures import DeskFigures, DeskWeek
from sekisho.measure.desk_figures import TIMES
from sekisho.pages.report import report_page
from sekisho.pages.voice import Language
from sekisho.trial.report_values import Because, NotKnown
from tests.unit.planning import START
from tests.unit.test_trial_report import report, texts

COUNTS = dict(zip(TIMES, (1_200, None, 140, None, None, 13), strict=True))
WEEK = DeskWeek(START, "dynamic", "phase 2", 4_321, None, COUNTS, dict.fromkeys(TIMES))


@pytest.mark.parametrize(
    ("language", "title", "period"),
    [(Language.EN, "what the desk did", "phase 2"), (Language.JA, "申告とその対応", "第 2 期")],
)
def test_numbers_that_are_not_shown_are_a_dash(language: Language, title: str, period: str) -> None:
    page = report_page(replace(report(), desk=DeskFigures((WEEK,), differing=3)), language)
    for words in (title, period, "4,321", "1,200 / – / 140 / – / – / 13", "– / – / – / – / – / –"):
        assert words in page
    assert title not in report_page(report(), language), "without a desk"


@pytest.mark.parametrize("period", ["before", "phase 1", "switchback", "trial", "across", "after", None])
def test_every_period_has_words(period: str | None) -> None:
    found = replace(report(), desk=DeskFigures((replace(WEEK, period=period),)))
    for language in Language:
        assert "1,200" in report_page(found, language)


def test_why_there_is_nothing_is_said() -> None:
    found = replace(report(), desk=NotKnown(Because.NOT_SETTLED))
    assert "no week is over whose cases have had their four weeks" in texts(found)
