"""Simulations of trials: each the same whenever it is made, and judged row by row."""

from __future__ import annotations

import pytest

from bench import trial
from bench.trial_models import Truth, of_complaints, of_differences, of_switchback
from bench.trial_noise import KINDS, of_noise
from bench.trial_units import Common, of_units


def test_a_trial_is_the_same_whenever_it_is_made() -> None:
    truth = Truth(0.9, 0.9)
    assert of_switchback(truth, 5) == of_switchback(truth, 5) != of_switchback(truth, 6)
    assert of_differences(5) == of_differences(5)


def test_a_large_effect_is_found_and_many_complaints_stop() -> None:
    found = of_switchback(Truth(0.5, 0.5), 1)
    assert (found["rejected"], found["covered"]) == (True, True)
    assert of_complaints(10.0, 1)["days"] < 3
    assert of_complaints(0.0, 1)["stopped"] is False


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_effect_is_found_in_every_noise(kind: str) -> None:
    found = of_noise(kind, 0.05, 3)
    assert found["rejected"]
    assert found == of_noise(kind, 0.05, 3)


def test_a_large_effect_is_found_at_gates_that_drew_for_themselves() -> None:
    found = of_units(Common(Truth(0.9, 0.5), 1.0), 4)
    assert (found["rejected"], found["covered"]) == (True, True)
    assert found == of_units(Common(Truth(0.9, 0.5), 1.0), 4)


def test_rows_are_judged() -> None:
    found = {row.name: row for row in trial.measure(trials=2)}
    judged = [row for row in found.values() if row.wanted]
    assert len(judged) == 19
    assert all(row.holds is not None for row in judged)
    assert {row.wanted for row in judged} == {"<= 6", "93 to 97", ">= 90", "<= 5"}
    assert found["guardrail of complaints, 2 a day: a doubling is found, median"].value == pytest.approx(
        6, abs=3
    )
