"""Which limit holds when, by a plan."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.model import Limit, Mode
from sekisho.trial.lots import is_weekend
from sekisho.trial.plan import (
    Arm,
    Block,
    Phase,
    Plan,
    Span,
    count_pairs,
    holds,
    observing,
    schedule,
    smallest_p,
)
from tests.unit.planning import DAY, HOUR, LIMITS, ON, OWN, START, plan, span, switchback

SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)
LOW = Limit(Mode.ENFORCE, 2, 0)
ZONES = ("Asia/Tokyo", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia")
BLOCKS = (HOUR / 2, HOUR, 6 * HOUR, DAY)


@st.composite
def spans(draw: st.DrawFn, within: Span) -> Span:
    hours = int((within.end - within.begin) / HOUR)
    first = draw(st.integers(0, hours - 1))
    last = draw(st.integers(first + 1, hours))
    return Span(within.begin + first * HOUR, within.begin + last * HOUR)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw a plan of one phase and a switchback, over years in which these zones changed their clocks."""
    begin = draw(st.integers(0, 9 * 365 * 24)) * HOUR + datetime(2010, 1, 1, tzinfo=UTC)
    whole = Span(begin, begin + draw(st.integers(2, 40)) * DAY)
    middle = draw(st.integers(1, int((whole.end - whole.begin) / HOUR) - 1)) * HOUR
    block = draw(st.sampled_from(BLOCKS))
    drawn = switchback(Span(begin + middle, whole.end), block, block / 4, draw(st.integers(0, 2**63 - 1)))
    phase = Phase(Span(begin, begin + middle), (("dynamic", LOW),))
    windows = tuple(draw(st.lists(spans(whole), max_size=3)))
    return plan(whole, drawn, (phase,), windows, draw(st.sampled_from(ZONES)))


def paired(of: Plan, class_name: str = "dynamic") -> dict[int, list[Block]]:
    found: dict[int, list[Block]] = defaultdict(list)
    for block in schedule(of):
        if block.pair is not None and block.class_name == class_name:
            found[block.pair].append(block)
    return found


@settings(max_examples=25)
@given(plans())
def test_blocks_lie_in_the_trial_and_none_of_a_class_overlap(of: Plan) -> None:
    last: dict[str, datetime] = {}
    for block in schedule(of):
        assert of.span.begin <= block.begin < block.end <= of.span.end
        assert last.get(block.class_name, block.begin) <= block.begin
        last[block.class_name] = block.end


@settings(max_examples=25)
@given(plans())
def test_the_switchback_leaves_no_moment_without_a_block(of: Plan) -> None:
    assert of.switchback is not None
    at = of.switchback.span.begin
    while at < of.switchback.span.end:
        block = holds(of, at)["mobile"]
        assert block.begin <= at < block.end
        at = block.end


@settings(max_examples=25)
@given(plans())
def test_pairs_match_in_weekday_kind_and_time_of_day_and_one_is_on(of: Plan) -> None:
    zone = ZoneInfo(of.zone)
    assert of.switchback is not None
    for both in paired(of).values():
        assert Counter(block.arm for block in both) == {Arm.ON: 1, Arm.OFF: 1}
        first, last = (block.begin.astimezone(zone) for block in both)
        assert first.hour == last.hour
        assert first.time() == last.time() or of.switchback.block < HOUR
        assert is_weekend(first.date()) == is_weekend(last.date())
        for block in both:
            assert block.end - block.begin == of.switchback.block
            assert block.washout_end == block.begin + of.switchback.washout


@settings(max_examples=25)
@given(plans())
def test_classes_switch_together(of: Plan) -> None:
    def switched(class_name: str) -> list[tuple[datetime, datetime, Arm, int | None]]:
        return [
            (one.begin, one.end, one.arm, one.pair)
            for one in schedule(of)
            if one.class_name == class_name and one.arm is not Arm.PHASE
        ]

    assert switched("dynamic") == switched("mobile")


@settings(max_examples=25)
@given(plans())
def test_maintenance_wins_and_only_observes(of: Plan) -> None:
    for window in of.maintenance:
        for moment in (window.begin, window.end - TICK):
            held = holds(of, moment)
            assert {name: one.limit for name, one in held.items()} == dict.fromkeys(
                ("dynamic", "mobile"), observing(OWN)
            )
            assert {one.arm for one in held.values()} == {Arm.MAINTENANCE}
    for block in schedule(of):
        if block.arm is not Arm.MAINTENANCE:
            assert all(window.end <= block.begin or block.end <= window.begin for window in of.maintenance)


@settings(max_examples=25)
@given(plans())
def test_maintenance_changes_no_lot_but_only_takes_pairs_out(of: Plan) -> None:
    undisturbed = paired(plan(of.span, of.switchback, of.phases, (), of.zone))
    for number, both in paired(of).items():
        assert both == undisturbed[number]


@settings(max_examples=25)
@given(plans())
def test_boundaries_are_exact(of: Plan) -> None:
    for block in schedule(of):
        assert holds(of, block.begin)[block.class_name] == block
        assert holds(of, block.end - TICK)[block.class_name] == block
        assert holds(of, block.end).get(block.class_name) != block
    assert not holds(of, of.span.begin - TICK)
    assert not holds(of, of.span.end)


def test_a_phase_has_its_limit_and_beside_it_there_is_none() -> None:
    of = plan(span(0 * DAY, 9 * DAY), phases=(Phase(span(DAY, 2 * DAY), (("dynamic", LOW),)),))
    held = holds(of, START + DAY)
    assert list(held) == ["dynamic"]
    assert (held["dynamic"].limit, held["dynamic"].arm, held["dynamic"].phase) == (LOW, Arm.PHASE, 1)
    assert not holds(of, START + DAY - TICK)
    assert not holds(of, START + 2 * DAY)


def test_on_has_the_limit_of_the_plan_and_off_observes() -> None:
    of = plan(span(0 * DAY, 7 * DAY), switchback(span(0 * DAY, 7 * DAY)))
    limits = {block.arm: block.limit for block in schedule(of)}
    assert limits == {Arm.ON: ON, Arm.OFF: observing(OWN)}


def test_a_week_pairs_five_workdays_and_a_weekend() -> None:
    of = plan(span(0 * DAY, 7 * DAY), switchback(span(0 * DAY, 7 * DAY)))
    assert count_pairs(of) == 4 * 3  # Friday is left over
    alone = [block for block in schedule(of) if block.pair is None]
    assert {block.begin.astimezone(ZoneInfo("Asia/Tokyo")).strftime("%a") for block in alone} == {"Fri"}
    assert {block.arm for block in alone} == {Arm.OFF}


def test_blocks_of_seconds_are_paired_as_they_follow_each_other() -> None:
    of = plan(span(0 * DAY, HOUR / 12), switchback(span(0 * DAY, HOUR / 12), 5 * SECOND, SECOND))
    assert [block.pair for block in schedule(of) if block.class_name == "dynamic"] == [
        number // 2 + 1 for number in range(60)
    ]


def test_parts_of_a_block_are_in_no_pair() -> None:
    of = plan(span(0 * DAY, 7 * DAY), switchback(span(HOUR, 5 * HOUR + 2 * DAY)))
    first, *_, last = (block for block in schedule(of) if block.class_name == "dynamic")
    assert (first.end - first.begin, first.pair, first.arm) == (5 * HOUR, None, Arm.OFF)
    assert (last.end - last.begin, last.pair, last.arm) == (5 * HOUR, None, Arm.OFF)


def test_the_lot_is_the_documented_hash() -> None:
    of = plan(span(0 * DAY, 7 * DAY), switchback(span(0 * DAY, 7 * DAY), seed=20_270_104))
    for pair, (earlier, _) in paired(of).items():
        odd = sha256(f"20270104:{pair}".encode()).digest()[0] % 2 == 1
        assert earlier.arm is (Arm.ON if odd else Arm.OFF)


def test_pairs_that_are_complete_keep_their_lot_when_the_switchback_is_made_longer() -> None:
    short = paired(plan(span(0 * DAY, 70 * DAY), switchback(span(0 * DAY, 28 * DAY))))
    long = paired(plan(span(0 * DAY, 70 * DAY), switchback(span(0 * DAY, 70 * DAY))))
    assert {number: long[number] for number in short} == short


_ARMS = """
import json
from tests.unit.planning import DAY, plan, span, switchback
from sekisho.trial.plan import schedule
of = plan(span(0 * DAY, 28 * DAY), switchback(span(0 * DAY, 28 * DAY)))
print(json.dumps([(str(one.begin), one.class_name, one.arm, one.pair) for one in schedule(of)]))
"""


def test_another_process_draws_the_same() -> None:
    of = plan(span(0 * DAY, 28 * DAY), switchback(span(0 * DAY, 28 * DAY)))
    other = subprocess.run([sys.executable, "-c", _ARMS], capture_output=True, text=True, check=True)
    here = [[str(one.begin), one.class_name, str(one.arm), one.pair] for one in schedule(of)]
    assert json.loads(other.stdout) == here


def test_other_seeds_draw_otherwise() -> None:
    whole = span(0 * DAY, 28 * DAY)
    drawn = {tuple(one.arm for one in schedule(plan(whole, switchback(whole, seed=n)))) for n in range(20)}
    assert len(drawn) == 20


def test_both_of_a_pair_are_on_equally_often() -> None:
    whole = span(0 * DAY, 364 * DAY)
    firsts = Counter(both[0].arm for both in paired(plan(whole, switchback(whole))).values())
    assert 300 < firsts[Arm.ON] < 428  # of 728; five standard deviations are 67


@pytest.mark.parametrize(
    ("zone", "change", "hours"),
    [
        ("America/New_York", datetime(2027, 3, 14, 7, tzinfo=UTC), 5),  # 2:00 becomes 3:00
        ("America/New_York", datetime(2027, 11, 7, 6, tzinfo=UTC), 7),  # 2:00 becomes 1:00
    ],
)
def test_the_block_in_which_the_clock_is_changed_is_in_no_pair(
    zone: str, change: datetime, hours: int
) -> None:
    whole = Span(change - 7 * DAY, change + 7 * DAY)
    of = plan(whole, switchback(whole), zone=zone)
    changed = holds(of, change)["dynamic"]
    assert changed.end - changed.begin == hours * HOUR
    assert (changed.arm, changed.pair) == (Arm.OFF, None)
    after = holds(of, changed.end)["dynamic"]
    assert after.begin.astimezone(ZoneInfo(zone)).hour == 6


def test_what_the_clock_skips_is_no_block() -> None:
    change = datetime(2027, 3, 14, 7, tzinfo=UTC)
    whole = Span(change - 2 * DAY, change + 2 * DAY)
    of = plan(whole, switchback(whole, HOUR / 2, HOUR / 8), zone="America/New_York")
    begins = [one.begin for one in schedule(of) if one.class_name == "dynamic"]
    assert begins == [whole.begin + number * HOUR / 2 for number in range(4 * 48)]


def test_a_day_that_a_zone_skipped_is_no_day() -> None:
    change = datetime(2011, 12, 30, 10, tzinfo=UTC)  # Samoa went from the 29th to the 31st
    whole = Span(change - 2 * DAY, change + 2 * DAY)
    of = plan(whole, switchback(whole, DAY), zone="Pacific/Apia")
    days = [one.begin.astimezone(ZoneInfo("Pacific/Apia")).day for one in schedule(of)]
    assert days == [28, 28, 29, 29, 31, 31, 1, 1]


def test_a_leap_day_is_a_day_as_others() -> None:
    begin = datetime(2028, 2, 28, tzinfo=UTC)  # a Monday
    whole = Span(begin, begin + 2 * DAY)
    of = plan(whole, switchback(whole, DAY), zone="UTC")
    both = paired(of)[1]
    assert [block.begin.strftime("%m-%d") for block in both] == ["02-28", "02-29"]


def test_a_moment_without_a_zone_is_refused() -> None:
    of = plan(span(0 * DAY, DAY), phases=(Phase(span(0 * DAY, DAY), LIMITS),))
    with pytest.raises(TypeError):
        holds(of, datetime(2027, 1, 4))  # noqa: DTZ001


@pytest.mark.parametrize(("pairs", "p"), [(0, 1.0), (1, 1.0), (2, 0.5), (5, 0.0625), (6, 0.03125)])
def test_the_smallest_p(pairs: int, p: float) -> None:
    assert smallest_p(pairs) == p
