"""Numbers of blocklist entries: of what they are, and what becomes of one that is entered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from sekisho.model import Limit, Mode
from sekisho.trial.blocklist import Became, Counts, Of, judge, span_of
from sekisho.trial.plan import Plan, Span

HOUR = timedelta(hours=1)
NOW = datetime(2027, 4, 20, 3, 30, tzinfo=UTC)
PLAN = Plan(
    "spring",
    Span(NOW - 200 * HOUR, NOW + 200 * HOUR),
    "Asia/Tokyo",
    (("dynamic", Limit(Mode.OBSERVE, 5, 0)),),
)
BERLIN = replace(PLAN, zone="Europe/Berlin")


def day(on: date | None = None, plan: Plan = PLAN) -> Of:
    return Of("dynamic", span_of(plan, on, None, NOW))


def hour(moment: datetime, plan: Plan = PLAN) -> Of:
    return Of("dynamic", span_of(plan, None, moment, NOW))


def judged(known: Counts, of: Of, count: int = 3, reason: str = "", plan: Plan = PLAN) -> Became | str:
    return judge(plan, known, of, count, reason, NOW)


def test_without_a_time_yesterday_in_the_trials_zone_is_meant() -> None:
    begin = datetime(2027, 4, 18, 15, tzinfo=UTC)  # midnight in Tokyo
    assert day().span == Span(begin, begin + 24 * HOUR)
    assert day(date(2027, 4, 19)) == day()


def test_an_hour_is_that_of_a_moment() -> None:
    assert hour(NOW - HOUR).span == Span(NOW.replace(hour=2, minute=0), NOW.replace(hour=3, minute=0))


def test_a_number_is_entered_kept_and_corrected_with_a_reason_alone() -> None:
    assert judged({}, day()) is Became.ENTERED
    assert judged({}, day(), 0) is Became.ENTERED
    known = {day(): 3}
    assert judged(known, day()) is Became.UNCHANGED
    assert judged(known, day(), 4) == (
        "3 were entered for dynamic, 2027-04-19: give a reason to correct them to 4"
    )
    assert judged(known, day(), 4, "the script ran too early") is Became.CORRECTED
    assert judged(known, Of("fixed", day().span), 4) is Became.ENTERED


@pytest.mark.parametrize("of", [day(date(2027, 4, 20)), hour(NOW), hour(NOW + 24 * HOUR)])
def test_what_is_not_over_cannot_be_entered(of: Of) -> None:
    assert "is not over: enter its number when it is" in str(judged({}, of))


@pytest.mark.parametrize("plan", [PLAN, replace(PLAN, zone="Asia/Kathmandu"), BERLIN])
def test_a_day_and_an_hour_of_it_would_count_twice(plan: Plan) -> None:
    whole = day(plan=plan)
    begin, end = whole.span.begin, whole.span.end
    for of in (hour(begin, plan), hour(end - HOUR / 60, plan)):
        assert "would be counted twice" in str(judged({whole: 1}, of, plan=plan))
        assert "would be counted twice" in str(judged({of: 1}, whole, plan=plan))
    for of in (hour(begin - HOUR, plan), hour(end + HOUR, plan)):
        assert judged({whole: 1}, of, plan=plan) is Became.ENTERED
        assert judged({of: 1}, whole, plan=plan) is Became.ENTERED


def test_a_day_on_which_the_clock_is_changed_is_one() -> None:
    found = day(date(2027, 3, 28), BERLIN)
    assert found.span.end - found.span.begin == 23 * HOUR
    assert judged({}, found, plan=BERLIN) is Became.ENTERED
