"""What following a trial tells: lateness, a clock that was set, acts that cannot be."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.trial.events import Suspension
from sekisho.trial.following import (
    JUMP,
    LATE,
    LOOK,
    Clocks,
    is_within,
    jump,
    late_change,
    late_start,
    pause,
    why_not_suspend,
)
from sekisho.trial.plan import observing
from sekisho.trial.standing import Standing, standing
from tests.unit.planning import DAY, HOUR, LIMITS, ON, START, plan, span, switchback

SECOND = timedelta(seconds=1)
MS = timedelta(milliseconds=1)
OPERATOR = Suspension(START, "root", "the router is hot", 0)
TRIAL = plan(span(timedelta(), 2 * DAY), switchback(span(timedelta(), 2 * DAY)))


def at(moment: timedelta, suspension: Suspension | None = None) -> Standing:
    return standing(TRIAL, suspension, START + moment)


@given(st.integers(-100_000, 100_000), st.integers(0, 1_000))
def test_a_jump_is_what_the_wall_says_beyond_what_has_passed(set_ms: int, passed_ms: int) -> None:
    before = Clocks(START, SECOND)
    after = Clocks(START + (set_ms + passed_ms) * MS, SECOND + passed_ms * MS)
    said = jump(before, after)
    assert (said is None) == (abs(set_ms) * MS <= JUMP)
    if said is not None:
        assert f"{'forward' if set_ms > 0 else 'back'} by {abs(set_ms) / 1_000:.1f} s" in said


def test_the_next_look_is_at_the_boundary_and_within_a_second() -> None:
    assert pause(None, START) == pause(at(3 * DAY), START + 3 * DAY) == LOOK
    assert pause(at(HOUR), START + HOUR) == LOOK
    assert pause(at(HOUR), START + 6 * HOUR - 20 * MS) == 20 * MS
    assert pause(at(HOUR), START + 7 * HOUR) == timedelta()


def test_a_boundary_is_late_after_a_second() -> None:
    before = at(HOUR)
    assert late_change(before, START + 6 * HOUR + LATE) is None
    said = late_change(before, START + 6 * HOUR + 90 * SECOND)
    assert said == "what was to change at 2027-01-03T21:00:00Z changed 90.0 s later"
    assert late_change(None, START) is None
    assert late_change(at(3 * DAY), START + 9 * DAY) is None, "after the end nothing changes"
    assert late_change(before, START) is None, "the clock was set back"


def test_what_a_daemon_found_may_be_of_a_block_before() -> None:
    now = START + HOUR
    here = at(HOUR)
    before = {**here.limits, "mobile": observing(ON)}
    said = late_start(here, {**before, "other": ON}, here.limits, now)
    assert said is not None
    assert said.startswith("until the daemon started, mobile had another limit; what holds now does so since")
    assert late_start(here, here.limits, here.limits, now) is None
    assert late_start(here, before, here.limits, START + LATE) is None, "in time"
    assert "as there was no gate" in str(late_start(here, {}, here.limits, now))
    assert late_start(None, {}, {}, now) is None
    assert late_start(at(3 * DAY), {}, {}, START + 3 * DAY) is None


def test_a_trial_that_runs_or_has_its_suspension_assumed_can_be_suspended() -> None:
    assumed = Suspension(START, "sekishod", "the store is away", is_assumed=True)
    for one in (at(HOUR), at(-HOUR), at(HOUR, assumed)):
        assert why_not_suspend(one) is None


@pytest.mark.parametrize(
    ("moment", "why"),
    [
        (START + HOUR, r"it is suspended already, since 2027-01-03T15:00:00Z by root \(the router is hot\)"),
        (START + 2 * DAY, "the trial is over since 2027-01-05T15:00:00Z"),
    ],
)
def test_one_that_is_suspended_or_over_cannot(moment: datetime, why: str) -> None:
    said = why_not_suspend(standing(TRIAL, OPERATOR, moment))
    assert said is not None
    assert re.match(why, said)


def test_within_is_between_begin_and_end_suspended_or_not() -> None:
    assert is_within(at(timedelta()))
    assert is_within(None, at(-HOUR), at(HOUR, OPERATOR))
    assert not is_within(None, at(-HOUR), at(2 * DAY))
    assert at(HOUR, OPERATOR).limits == {name: observing(limit) for name, limit in LIMITS}
