"""How a run is divided."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.lab.phases import AFTER_SECONDS, DEFAULT_SECONDS, MINIMUM_SECONDS, SETUP_SECONDS, plan
from sekisho.model import Mode


def test_too_few_seconds_are_refused_with_the_way_out() -> None:
    with pytest.raises(ValueError, match=f"use --seconds {MINIMUM_SECONDS:g} or more"):
        plan(MINIMUM_SECONDS - 1)


@given(st.floats(MINIMUM_SECONDS, 3_600))
def test_the_phases_fill_the_run(seconds: float) -> None:
    phases = plan(seconds)
    total = sum(phase.seconds for phase in phases)
    assert SETUP_SECONDS + total + AFTER_SECONDS == pytest.approx(seconds)


@given(st.floats(MINIMUM_SECONDS, 3_600))
def test_an_enforced_phase_is_counted_for_a_whole_round_after_its_delay(seconds: float) -> None:
    for phase in plan(seconds)[1:]:
        assert phase.washout_seconds > phase.limit.delay_ms / 1_000
        assert phase.counted_seconds > phase.limit.delay_ms / 1_000


def test_by_default_it_observes_then_caps_at_2_then_raises_the_cap() -> None:
    observe, enforce, raised = (phase.limit for phase in plan(DEFAULT_SECONDS))
    assert observe.mode is Mode.OBSERVE
    assert (enforce.mode, enforce.cap, enforce.delay_ms) == (Mode.ENFORCE, 2, 5_000)
    assert raised.mode is Mode.ENFORCE
    assert raised.cap > enforce.cap
