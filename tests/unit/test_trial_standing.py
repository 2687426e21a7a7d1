"""How a trial stands at a moment, against what the schedule says of every moment around it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.model import Mode
from sekisho.trial.events import Event, Suspension, What, suspension_of
from sekisho.trial.plan import Arm, Phase, Plan, Span, holds, observing
from sekisho.trial.standing import State, standing
from tests.unit.planning import DAY, HOUR, LIMITS, ON, OWN, START, plan, span, switchback

US = timedelta(microseconds=1)
SUSPENSION = Suspension(START, "root", "the router is hot", 0)
WHOLE = span(-DAY, 5 * DAY)
TRIAL = plan(
    WHOLE,
    switchback(span(DAY, 3 * DAY)),
    (Phase(span(HOUR, 2 * HOUR), (("dynamic", ON),)),),
    (span(30 * HOUR, 31 * HOUR),),
)
HOUR_TURNS = (  # zone, a moment shortly before its clock is changed, or a leap day
    ("Europe/Berlin", datetime(2027, 3, 27, 23, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2027, 10, 30, 22, tzinfo=UTC)),
    ("America/New_York", datetime(2027, 3, 14, 5, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2027, 4, 3, 13, tzinfo=UTC)),  # by half an hour
    ("Asia/Tokyo", datetime(2028, 2, 28, 15, tzinfo=UTC)),
)


def test_before_and_after_nothing_is_the_trials() -> None:
    for moment, state in ((WHOLE.begin - US, State.NOT_STARTED), (WHOLE.end, State.OVER)):
        for suspension in (None, SUSPENSION):
            found = standing(TRIAL, suspension, moment)
            assert (found.state, found.limits, found.blocks, found.holds) == (state, {}, {}, frozenset())


def test_the_first_and_the_last_moment_are_boundaries() -> None:
    before, after = standing(TRIAL, None, WHOLE.begin - US), standing(TRIAL, None, WHOLE.end)
    assert (before.since, before.until) == (None, WHOLE.begin)
    assert (after.since, after.until) == (WHOLE.end, None)


def test_a_running_trial_holds_its_classes_in_a_block_or_in_none() -> None:
    free = standing(TRIAL, None, WHOLE.begin)
    assert (free.state, free.limits, free.blocks) == (State.RUNNING, dict(LIMITS), {})
    phase = standing(TRIAL, None, START + HOUR)
    assert (phase.limits, phase.blocks["dynamic"].phase) == ({"dynamic": ON, "mobile": OWN}, 1)
    assert phase.holds == {"dynamic", "mobile"}


def test_a_suspended_trial_observes_all_its_classes_and_holds_none() -> None:
    found = standing(TRIAL, SUSPENSION, START + HOUR)
    assert found.state is State.SUSPENDED
    assert found.limits == {name: observing(limit) for name, limit in LIMITS}
    assert (found.blocks["dynamic"].phase, found.holds) == (1, frozenset())


def test_maintenance_observes_by_the_plan() -> None:
    found = standing(TRIAL, None, START + 30 * HOUR)
    assert {one.arm for one in found.blocks.values()} == {Arm.MAINTENANCE}
    assert {limit.mode for limit in found.limits.values()} == {Mode.OBSERVE}
    assert (found.state, found.until) == (State.RUNNING, START + 31 * HOUR)


def test_two_moments_between_boundaries_are_equal() -> None:
    found = standing(TRIAL, None, START + HOUR)
    assert found == standing(TRIAL, None, START + 2 * HOUR - US)
    assert found != standing(TRIAL, None, START + 2 * HOUR)
    assert found != standing(TRIAL, SUSPENSION, START + HOUR)
    assert found != standing(replace(TRIAL, name="other"), None, START + HOUR)


hours = st.integers(0, 4 * 24).map(lambda number: number * HOUR)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    zone, start = draw(st.sampled_from(HOUR_TURNS))
    offset = start - START
    whole = Span(start, start + 4 * DAY)

    def within() -> Span:
        first, last = sorted(draw(st.lists(hours, min_size=2, max_size=2, unique=True)))
        return Span(start + first, start + last)

    middle = offset + 2 * DAY
    drawn = switchback(
        span(middle, offset + 4 * DAY), draw(st.sampled_from((HOUR, 3 * HOUR, 6 * HOUR))), HOUR / 2
    )
    first, last = sorted(draw(st.lists(st.integers(0, 48), min_size=2, max_size=2, unique=True)))
    phase = Phase(span(offset + first * HOUR, offset + last * HOUR), (("dynamic", ON),))
    windows = tuple(within() for _ in range(draw(st.integers(0, 2))))
    return plan(whole, drawn, (phase,), windows, zone)


@settings(max_examples=60)
@given(plans(), st.integers(-3_600, 4 * 86_400 + 3_600), st.sampled_from([None, SUSPENSION]))
def test_it_is_as_the_schedule_says_and_changes_at_the_next_moment_exactly(
    made: Plan, seconds: int, suspension: Suspension | None
) -> None:
    now = made.span.begin + timedelta(seconds=seconds)
    found = standing(made, suspension, now)
    assert dict(found.blocks) == dict(holds(made, now))
    if found.since is not None:
        assert found.since <= now
        assert same(standing(made, suspension, found.since), found)
        assert not same(standing(made, suspension, found.since - US), found)
    if found.until is not None:
        assert found.until > now
        assert same(standing(made, suspension, found.until - US), found)
        assert not same(standing(made, suspension, found.until), found)
    assert (found.until is None) == (found.state is State.OVER)
    assert (found.since is None) == (found.state is State.NOT_STARTED)


def same(one: object, other: object) -> bool:
    return one == other


moments = st.integers(0, 100).map(lambda seconds: START + timedelta(seconds=seconds))
events = st.builds(
    Event, moments, st.just("spring"), st.sampled_from(What), st.text(max_size=3), st.just("root")
)


@given(st.lists(events, max_size=12))
def test_a_trial_is_suspended_from_the_first_suspension_after_the_last_resumption(found: list[Event]) -> None:
    resumed = max((place for place, one in enumerate(found) if one.what is What.RESUMED), default=-1)
    since = [one for one in found[resumed + 1 :] if one.what is What.SUSPENDED]
    expected = Suspension(since[0].at, "root", since[0].reason) if since else None
    assert suspension_of(found) == expected
