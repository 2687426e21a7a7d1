"""What holds for a class, and since when: pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sekisho.measure.holding import held_now
from sekisho.measure.readings import Held
from sekisho.model import Limit, Mode
from sekisho.trial.events import Suspension
from sekisho.trial.plan import Arm, Phase, Plan, Span, Switchback, schedule
from sekisho.trial.standing import standing
from tests.unit.trial_site import day

LIMIT = Limit(Mode.ENFORCE, 5, 0)
OWN = (("dynamic", LIMIT),)
HOUR = timedelta(hours=1)
PLAN = Plan(
    "spring",
    Span(day(1), day(9)),
    "UTC",
    OWN,
    switchback=Switchback(Span(day(2), day(4)), 6 * HOUR, HOUR, 7, OWN),
)
PHASED = Plan("spring", Span(day(1), day(9)), "UTC", OWN, phases=(Phase(Span(day(2), day(4)), OWN),))


def held(
    now: datetime, before: Held | None = None, since: datetime | None = None, plan: Plan = PLAN
) -> Held | None:
    """Return what holds for the class; `since`: of a suspension."""
    suspension = None if since is None else Suspension(since, "root", "hot")
    found = held_now(standing(plan, suspension, now), {} if before is None else {"dynamic": before}, now)
    return found.get("dynamic")


def test_outside_a_trial_nothing_holds() -> None:
    assert held_now(None, {}, day(2)) == {}
    assert held(day(0)) is None
    assert held(day(9)) is None
    assert held(day(1.5)) == Held()


def test_a_block_holds_since_its_begin_and_behind_its_wash_out_since_the_end_of_that() -> None:
    for block in schedule(PLAN):
        first = held(block.begin)
        assert first is not None
        assert (first.arm, first.since, first.washout) == (str(block.arm), block.begin, True)
        clean = held(block.end - HOUR, first)
        assert clean is not None
        assert (clean.since, clean.washout, clean.until) == (block.begin + HOUR, False, block.end)


def test_a_suspension_holds_since_it_began_and_the_block_anew_since_it_ended() -> None:
    begun = day(2) + 2 * HOUR
    on = held(begun)
    assert on is not None
    stopped = held(begun + HOUR, on, since=begun)
    assert stopped == Held(str(Arm.MAINTENANCE), since=begun)
    resumed_at = begun + 2 * HOUR
    resumed = held(resumed_at, stopped)
    assert resumed == replace(on, since=resumed_at)
    assert held(resumed_at + HOUR, resumed) == resumed, "and goes on so"
    following = held(day(2.25), resumed)
    assert following is not None
    assert following.since == day(2.25)


def test_a_suspension_that_ends_in_the_wash_out_leaves_the_rest_of_it() -> None:
    begun = day(2) + HOUR / 4
    resumed_at = day(2) + HOUR / 2
    resumed = held(resumed_at, held(begun, since=begun))
    assert resumed is not None
    assert (resumed.since, resumed.washout) == (resumed_at, True)
    clean = held(day(2) + HOUR, resumed)
    assert clean is not None
    assert (clean.since, clean.washout) == (day(2) + HOUR, False)


def test_a_suspension_that_ends_outside_of_blocks_is_told_from_what_was_before() -> None:
    resumed = held(day(5), held(day(4.5), since=day(4.5)))
    assert resumed == Held(since=day(5))
    assert held(day(6), resumed) == resumed


def test_a_phase_that_is_over_leaves_nothing() -> None:
    assert held(day(4), held(day(3), plan=PHASED), plan=PHASED) == Held()


def test_a_clock_that_was_set_back_lets_the_plan_decide() -> None:
    later = replace(Held("on"), since=day(3))
    planned = held(day(2.1))
    assert held(day(2.1), later) == planned
