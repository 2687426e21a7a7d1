"""How a compressed trial is laid out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.config.trial_plan import plan_of
from sekisho.lab import gate
from sekisho.lab.trial_effect import paired
from sekisho.lab.trial_layout import (
    AFTER_SECONDS,
    DEFAULT_SECONDS,
    LEAD_SECONDS,
    MINIMUM_SECONDS,
    OWN,
    SETUP_SECONDS,
    Layout,
    first_begin,
    layout,
    lots_drawn,
)
from sekisho.model import Mode
from sekisho.trial.plan import ENOUGH_PAIRS, Arm, Plan, count_pairs, schedule
from tests.unit.lab_trial import BEGIN, LAYOUT, read, text

MOMENTS = st.integers(0, 10**8).map(lambda seconds: BEGIN + timedelta(seconds=seconds, milliseconds=123))
SHORT = st.floats(MINIMUM_SECONDS, 600)


def planned(laid_out: Layout = LAYOUT, begin: datetime = BEGIN) -> Plan:
    found = plan_of(read(text(laid_out, begin)))
    assert found is not None
    return found


def test_too_few_seconds_are_refused_with_the_way_out() -> None:
    with pytest.raises(ValueError, match=f"use --seconds {MINIMUM_SECONDS:g} or more"):
        layout(MINIMUM_SECONDS - 1)


def test_the_shortest_trial_has_as_many_pairs_as_an_interval_needs() -> None:
    assert layout(MINIMUM_SECONDS).pairs == ENOUGH_PAIRS


def test_what_is_run_by_itself_has_enough_pairs_for_the_placebo() -> None:
    laid_out = layout(DEFAULT_SECONDS)
    assert laid_out == LAYOUT
    assert laid_out.pairs // 2 >= ENOUGH_PAIRS


@pytest.mark.parametrize(
    ("more_seconds", "block", "pairs"),
    [(0, 2, 6), (12, 3, 6), (36, 5, 6), (60, 5, 8), (96, 5, 12), (120, 6, 12), (3_600, 30, 60)],
)
def test_blocks_are_long_enough_first_then_many_then_longer(
    more_seconds: int, block: int, pairs: int
) -> None:
    assert layout(MINIMUM_SECONDS + more_seconds) == Layout(timedelta(seconds=block), pairs)


@given(st.floats(MINIMUM_SECONDS, 36_000))
def test_a_trial_takes_no_longer_than_was_said(seconds: float) -> None:
    laid_out = layout(seconds)
    others = SETUP_SECONDS + LEAD_SECONDS + AFTER_SECONDS
    assert laid_out.length.total_seconds() + others <= seconds
    assert laid_out.pairs >= ENOUGH_PAIRS
    assert timedelta() < laid_out.washout < laid_out.block


@given(SHORT, MOMENTS)
def test_every_block_finds_its_partner_whenever_it_begins(seconds: float, now: datetime) -> None:
    laid_out = layout(seconds)
    begin = first_begin(laid_out, now)
    assert now <= begin < now + 2 * laid_out.block
    plan = planned(laid_out, begin)
    assert count_pairs(plan) == laid_out.pairs
    assert len(paired(plan, gate.CLASS)) == len(schedule(plan)) == 2 * laid_out.pairs


def test_a_full_hour_in_the_middle_of_a_pair_is_waited_for() -> None:
    laid_out = Layout(timedelta(seconds=5), pairs=6)
    now = datetime(2026, 11, 25, 9, 59, 45, tzinfo=UTC)
    assert first_begin(laid_out, now) == now + timedelta(seconds=5)


def test_both_arms_have_one_delay_so_that_a_boundary_changes_no_queue() -> None:
    blocks = schedule(planned())
    assert {block.limit.delay_ms for block in blocks} == {OWN.delay_ms}
    assert {(block.arm, block.limit.mode) for block in blocks} == {
        (Arm.ON, Mode.ENFORCE),
        (Arm.OFF, Mode.OBSERVE),
    }


def test_the_seed_decides() -> None:
    def arms(seed: int) -> list[Arm]:
        found = plan_of(read(text(seed=seed)))
        assert found is not None
        return [block.arm for block in schedule(found)]

    assert arms(7) == arms(7) != arms(8)


def test_lots_are_drawn_pair_by_pair() -> None:
    blocks = paired(planned(), gate.CLASS)
    drawn = lots_drawn(blocks).split()
    assert len(drawn) == LAYOUT.pairs
    assert set(drawn) <= {"█░", "░█"}
    assert (drawn[0][0] == "█") is (blocks[0].arm is Arm.ON)
