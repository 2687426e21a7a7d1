"""Blocklist entries as an outcome: of hours or of days, and what of their numbers may be seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from sekisho.measure.blocklist import BlocklistSeries, publish_blocklist
from sekisho.measure.cells import Ledger
from sekisho.measure.weeks import whole_weeks
from sekisho.trial.blocklist import Counts, Of
from sekisho.trial.estimate import Estimate
from sekisho.trial.plan import Arm, Plan, Span, Units, holds
from sekisho.trial.protocol import Outcome, TrialProtocol
from sekisho.trial.report import make_report
from sekisho.trial.report_values import Because, BlocklistWeek, NotKnown
from tests.unit.planning import DAY, HOUR, START, plan, span, switchback
from tests.unit.test_trial_report import END, PLAN, facts_of

ZONE = ZoneInfo("Asia/Tokyo")
EIGHT_WEEKS = span(timedelta(), 56 * DAY)
BY_DAY = plan(EIGHT_WEEKS, switchback(EIGHT_WEEKS, block=DAY))


def entered(step: timedelta, steps: int, count: Callable[[datetime], int], name: str = "dynamic") -> Counts:
    begins = (START + number * step for number in range(steps))
    return {Of(name, Span(begin, begin + step)): count(begin) for begin in begins}


def why(of: Plan, counts: Counts) -> NotKnown | None:
    return BlocklistSeries(of, counts).why_none("dynamic")


def halved(of: Plan) -> Callable[[datetime], int]:
    """Count some 200, or half of them where the class is limited."""
    random = Random(7)
    return lambda begin: round(random.gauss(100 if holds(of, begin)["dynamic"].arm is Arm.ON else 200, 10))


def test_why_nothing_is_told() -> None:
    by_hour, by_day = entered(HOUR, 48, lambda _: 1), entered(DAY, 56, lambda _: 20)
    assert why(PLAN, {}) == NotKnown(Because.NOT_ENTERED)
    assert why(PLAN, entered(HOUR, 48, lambda _: 1, "mobile")) == NotKnown(Because.NOT_ENTERED)
    assert why(PLAN, {Of("dynamic", Span(END + DAY, END + DAY + HOUR)): 100}) == NotKnown(Because.NOT_ENTERED)
    assert why(PLAN, entered(HOUR, 48, lambda _: 0)) == NotKnown(Because.TOO_FEW_LINES, None, 10)
    assert why(PLAN, by_day) == NotKnown(Because.BY_THE_DAY)
    assert (why(PLAN, by_hour), why(BY_DAY, by_day), why(BY_DAY, by_hour)) == (None, None, None)
    assert PLAN.switchback is not None
    apart = replace(PLAN, switchback=replace(PLAN.switchback, units=Units.GATES, gates=("east", "west")))
    assert why(apart, by_hour) == NotKnown(Because.OF_NO_GATE)


def test_hours_that_were_not_entered_are_not_zero() -> None:
    counts = {**entered(HOUR, 3, lambda _: 0), Of("dynamic", Span(START + 9 * HOUR, START + 10 * HOUR)): 40}
    (series,) = BlocklistSeries(PLAN, counts).series("dynamic")
    assert [(cell.begin, cell.count) for cell in series.cells] == [
        *((START + hour * HOUR, 0) for hour in range(3)),
        (START + 9 * HOUR, 40),
    ]
    assert BlocklistSeries(PLAN, counts).series("mobile") == ()


def test_days_on_which_the_clock_is_changed_are_left_out() -> None:
    counts = {
        **entered(DAY, 3, lambda _: 5),
        Of("dynamic", Span(START + 3 * DAY, START + 3 * DAY + 23 * HOUR)): 9,
    }
    (series,) = BlocklistSeries(BY_DAY, counts).series("dynamic")
    assert [cell.count for cell in series.cells] == [5, 5, 5]


@pytest.mark.parametrize(("of", "step"), [(PLAN, HOUR), (BY_DAY, DAY)])
def test_a_limit_that_halves_them_is_found(of: Plan, step: timedelta) -> None:
    series = BlocklistSeries(of, entered(step, (of.span.end - of.span.begin) // step, halved(of)))
    protocol = TrialProtocol(of, (Outcome.BLOCKLIST,))
    facts = replace(facts_of(of, now=of.span.end), protocol=protocol)
    found = make_report(facts, lambda name, _: series.series(name)).experiments
    assert not isinstance(found, NotKnown)
    effect = next(one for one in found if one.class_name == "dynamic").effect
    assert isinstance(effect, Estimate)
    assert -55 < effect.low_percent <= -50 <= effect.high_percent < -45
    assert effect.low_percent == round(effect.low_percent)
    assert effect.left_out == 0


def test_whole_weeks_are_shown_and_few_entries_are_not() -> None:
    weeks = whole_weeks(PLAN, END)
    counts = dict(entered(HOUR, 3 * 7 * 24, lambda begin: 1 if begin < START + 7 * DAY else 0))
    del counts[Of("dynamic", Span(START + 15 * DAY, START + 15 * DAY + HOUR))]
    found, ledger = publish_blocklist(counts, weeks, ["dynamic", "mobile"], Ledger(), ZONE)
    assert found.weeks == (
        BlocklistWeek(START, "dynamic", 7 * 24),
        BlocklistWeek(START + 7 * DAY, "dynamic", None),
    )
    again, _ = publish_blocklist({}, weeks, ["dynamic", "mobile"], ledger, ZONE)
    assert (again.weeks, again.differing) == (found.weeks, 1)
    for part, why_none in (
        ({}, Because.NOT_ENTERED),
        (entered(HOUR, 9, lambda _: 30), Because.NO_WHOLE_WEEK),
    ):
        none, _ = publish_blocklist(part, weeks, ["dynamic"], Ledger(), ZONE)
        assert (none.weeks, none.because) == ((), why_none)


def test_where_no_week_has_whole_hours_none_is_told_of_by_hours() -> None:
    zone = "Asia/Kolkata"
    counts = entered(HOUR, 3 * 7 * 24, lambda _: 1)
    weeks = whole_weeks(replace(PLAN, zone=zone), END)
    assert len(weeks) > 1
    found, _ = publish_blocklist(counts, weeks, ["dynamic"], Ledger(), ZoneInfo(zone))
    assert (found.weeks, found.because) == ((), Because.NO_WHOLE_WEEK)
