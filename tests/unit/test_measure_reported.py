"""Reports as an outcome: each hour has had the same time to be reported in, and no line can be seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest

from sekisho.desk.figures import ReportedHour
from sekisho.measure.reported import LATE, ReportedHours, reported_span
from sekisho.trial.estimate import Estimate
from sekisho.trial.plan import Arm, Span, holds
from sekisho.trial.protocol import Outcome, TrialProtocol
from sekisho.trial.report import make_report
from sekisho.trial.report_values import Because, NotKnown
from tests.unit.planning import DAY, HOUR, START
from tests.unit.test_trial_report import END, PLAN, facts_of

KEPT = 183 * DAY
SPAN = Span(START, START + 2 * DAY)


def rows(lines: int, hours: int = 1, reports: int = 1) -> list[ReportedHour]:
    """Return reports about so many lines in each of the first hours."""
    return [
        ReportedHour("dynamic", line, START + hour * HOUR, reports)
        for line in range(lines)
        for hour in range(hours)
    ]


@pytest.mark.parametrize(
    ("first", "now", "wanted"),
    [
        (START - DAY, START + 9 * DAY, SPAN),
        (START + timedelta(minutes=1), START + 9 * DAY, Span(START + HOUR, SPAN.end)),
        (START - DAY, SPAN.end + LATE + timedelta(minutes=30), SPAN),
        (START - DAY, START + DAY + LATE + timedelta(minutes=30), Span(START, START + DAY)),
        (START - DAY, START + KEPT + DAY, Span(START + DAY, SPAN.end)),  # what is older is forgotten
    ],
)
def test_only_hours_count_that_could_be_reported_and_are_kept(
    first: datetime, now: datetime, wanted: Span
) -> None:
    assert reported_span(SPAN, first, KEPT, now) == wanted


@pytest.mark.parametrize(("first", "now"), [(None, END), (START, START + DAY), (START, START + 400 * DAY)])
def test_without_such_hours_nothing_was_counted(first: datetime | None, now: datetime) -> None:
    assert reported_span(SPAN, first, KEPT, now) == NotKnown(Because.NOT_COUNTED)


def test_an_hour_without_reports_is_one_of_none() -> None:
    (series,) = ReportedHours(SPAN, rows(lines=10, hours=3)).series("dynamic")
    assert [cell.count for cell in series.cells] == [10, 10, 10, *[0] * 45]
    assert [cell.begin for cell in series.cells] == [START + hour * HOUR for hour in range(48)]


@pytest.mark.parametrize("found", [rows(0), rows(9), [*rows(10), *rows(1, 24)]])
def test_what_could_be_one_lines_is_not_told_nor_of_how_many_it_is(found: list[ReportedHour]) -> None:
    reported = ReportedHours(SPAN, found)
    assert reported.series("dynamic") == ()
    assert reported.why_none("dynamic") == NotKnown(Because.TOO_FEW_LINES, None, 10)


def test_a_limit_that_halves_what_is_reported_is_found() -> None:
    random, found, hour = Random(3), [], PLAN.span.begin
    while hour < PLAN.span.end:
        is_on = holds(PLAN, hour)["dynamic"].arm is Arm.ON
        found += [
            ReportedHour("dynamic", random.randrange(500), hour, 1)
            for _ in range(round(random.gauss(20 if is_on else 40, 4)))
        ]
        hour += HOUR
    reported = ReportedHours(PLAN.span, found)
    effect = _effect(reported)
    assert isinstance(effect, Estimate)
    assert -55 < effect.low_percent < -50 < effect.high_percent < -45
    assert _effect(ReportedHours(PLAN.span, rows(3))) == NotKnown(Because.TOO_FEW_LINES, None, 10)


def _effect(reported: ReportedHours) -> object:
    why = reported.why_none("dynamic")
    facts = replace(
        facts_of(PLAN),
        protocol=TrialProtocol(PLAN, (Outcome.REPORTS,)),
        untold={} if why is None else {("dynamic", Outcome.REPORTS): why},
    )
    made = make_report(facts, lambda name, _: reported.series(name))
    assert not isinstance(made.experiments, NotKnown)
    return made.experiments[0].effect
