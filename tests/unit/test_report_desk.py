"""What the report of a trial tells of the desk, in both languages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sekisho.desk.figures import DeskFigures, DeskWeek, SentInWeek
from sekisho.measure.desk_figures import TIMES
from sekisho.model import Stage
from sekisho.pages.report import report_page
from sekisho.pages.voice import Language
from sekisho.trial.report_values import Because, NotKnown
from sekisho.trial.report_written import written_report
from tests.unit.planning import START
from tests.unit.test_trial_report import report, texts

COUNTS = dict(zip(TIMES, (1_200, None, 140, None, None, 13), strict=True))
SENT = (
    SentInWeek(Stage.REPORTED, "sessions", 5_432, 250, 21.7),
    SentInWeek(Stage.REPORTED, "octets", None, None, None),
    SentInWeek(Stage.ASKED, "octets", 98_765_432, 40, 2_470_000.0),
)
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


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (Language.EN, ("What lines with an open case sent", "until the stop request", "after it", "at most")),
        (Language.JA, ("案件のある契約者回線の送信量", "中止要請まで", "中止要請後", "メガバイト")),
    ],
)
def test_what_lines_with_open_cases_sent_is_told_where_it_may_be_seen(
    language: Language, words: tuple[str, ...]
) -> None:
    found = replace(report(), desk=DeskFigures((replace(WEEK, sent=SENT),)))
    page = report_page(found, language)
    for one in (*words, "5,432", "21.7", "98.765", "2.47"):
        assert one in page
    page = report_page(replace(report(), desk=DeskFigures((WEEK,))), language)
    assert ("No week had an hour" in page) is (language is Language.EN)
    written = written_report(found)["desk"]["weeks"][0]["sent"]
    assert written[0] == {
        "stage": "reported",
        "what": "sessions",
        "count": 5_432,
        "line_hours": 250,
        "mean": 21.7,
    }


def test_why_there_is_nothing_is_said() -> None:
    found = replace(report(), desk=NotKnown(Because.NOT_SETTLED))
    assert "no week is over whose cases have had their four weeks" in texts(found)
