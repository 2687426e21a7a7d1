"""The effect where several units drew lots of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from math import exp

import numpy as np
import pytest

from sekisho.trial.estimate import Estimate, UnitPairs, measure, measure_together
from sekisho.trial.plan import Arm, Plan, Units, at_gate, count_pairs, holds
from sekisho.trial.series import Cell, Series
from tests.unit.planning import HOUR
from tests.unit.test_trial_estimate import PLAN as TOGETHER
from tests.unit.test_trial_estimate import shape
from tests.unit.test_trial_units import GATES, with_units

BY_GATE = with_units(TOGETHER, Units.GATES)
BY_CLASS = with_units(TOGETHER, Units.CLASSES)
PAIRS = count_pairs(TOGETHER)
CLASSES = ("dynamic", "mobile")
HOURS = int((TOGETHER.span.end - TOGETHER.span.begin) / HOUR)
BEGINS = [TOGETHER.span.begin + number * HOUR for number in range(HOURS)]


def counted(of: Plan, name: str, gate: str, times: float, shock: Mapping[datetime, float]) -> Series:
    """Count what is usual times `times` while on, with noise of a gate's own and what happens to all."""
    random = np.random.default_rng(sum(map(ord, name + gate)))
    cells = []
    for begin in BEGINS:
        on = holds(at_gate(of, gate), begin)[name].arm is Arm.ON
        level = shape(begin) * exp(random.normal(0, 0.1)) * shock.get(begin, 1.0) * (times if on else 1)
        cells.append(Cell(begin, round(level)))
    return Series(gate, HOUR, tuple(cells))


def gates(times: float = 0.9, shock: Mapping[datetime, float] = {}) -> dict[str, Series]:
    return {gate: counted(BY_GATE, "dynamic", gate, times, shock) for gate in GATES}


def number(found: object) -> Estimate:
    assert isinstance(found, Estimate)
    return found


@pytest.fixture(scope="module")
def lower() -> Mapping[str, Series]:
    return gates()


def test_each_gate_is_compared_by_its_own_lots(lower: Mapping[str, Series]) -> None:
    found = measure(BY_GATE, "dynamic", tuple(lower.values()), registered=True)
    effect = number(found.effect)
    assert (effect.pairs, effect.left_out) == (len(GATES) * PAIRS, 0)
    assert effect.low_percent < -10 < effect.high_percent < 0
    assert found.units == tuple(UnitPairs(gate, PAIRS, 0) for gate in GATES)
    for check in (number(found.carry_over), number(found.placebo)):
        assert check.low_percent < 0 < check.high_percent
    by_one_lot = number(measure(TOGETHER, "dynamic", tuple(lower.values()), registered=True).effect)
    assert by_one_lot.high_percent > 0  # the lots that were not theirs find nothing


def test_units_say_more_than_one_of_them(lower: Mapping[str, Series]) -> None:
    def width(*of: str) -> float:
        series = [lower[gate] for gate in of]
        found = number(
            measure(with_units(TOGETHER, Units.GATES, of), "dynamic", series, registered=True).effect
        )
        return found.high_percent - found.low_percent

    assert width(*GATES) < min(width(gate) for gate in GATES)


def test_the_order_of_series_says_nothing(lower: Mapping[str, Series]) -> None:
    series = tuple(lower.values())
    there, back = (measure(BY_GATE, "dynamic", one, registered=True) for one in (series, series[::-1]))
    assert (there.effect, there.carry_over, there.placebo) == (back.effect, back.carry_over, back.placebo)


def test_a_unit_that_reported_nothing_has_its_pairs_left_out(lower: Mapping[str, Series]) -> None:
    there = [lower["kyoto"], lower["tokyo"]]
    found = measure(BY_GATE, "dynamic", there, registered=True)
    without = measure(
        with_units(TOGETHER, Units.GATES, ("kyoto", "tokyo")), "dynamic", there, registered=True
    )
    assert found.effect == replace(number(without.effect), left_out=PAIRS)
    assert UnitPairs("osaka", 0, PAIRS) in found.units


def test_a_gate_that_is_no_unit_is_not_compared(lower: Mapping[str, Series]) -> None:
    other = replace(lower["tokyo"], gate="nara")
    found = measure(BY_GATE, "dynamic", (*lower.values(), other), registered=True)
    assert found.effect == measure(BY_GATE, "dynamic", tuple(lower.values()), registered=True).effect


def test_what_happens_to_all_units_at_once_is_no_effect() -> None:
    """A third of all hours, in stretches of days, has ten times as much everywhere."""
    storm = {begin: 10.0 for number, begin in enumerate(BEGINS) if number % 90 < 30}
    effect = number(measure(BY_GATE, "dynamic", tuple(gates(1.0, storm).values()), registered=True).effect)
    assert effect.low_percent < 0 < effect.high_percent


def test_classes_that_are_units_are_compared_apart_and_together() -> None:
    series = {name: [counted(BY_CLASS, name, "tokyo", 0.9, {})] for name in CLASSES}
    found = measure_together(BY_CLASS, series, registered=True)
    effect = number(found.effect)
    assert (effect.pairs, found.units) == (2 * PAIRS, tuple(UnitPairs(name, PAIRS, 0) for name in CLASSES))
    assert effect.low_percent < -10 < effect.high_percent < 0
    for name in CLASSES:
        alone = measure(BY_CLASS, name, series[name], registered=True)
        assert alone.units == (UnitPairs(name, PAIRS, 0),)
        assert number(alone.effect).pairs == PAIRS
        assert (name, "tokyo") in found.faults


def test_gates_that_follow_the_lot_of_a_class_are_one() -> None:
    """Twice the same is no more than once: what one lot decided is flipped together."""
    series = {name: [counted(BY_CLASS, name, "tokyo", 0.9, {})] for name in CLASSES}
    twice = {name: [*of, *(replace(one, gate="osaka") for one in of)] for name, of in series.items()}
    once, again = (measure_together(BY_CLASS, one, registered=True).effect for one in (series, twice))
    assert number(again).pairs == number(once).pairs
    assert number(again).p == number(once).p
    assert number(again).change_percent == pytest.approx(number(once).change_percent, rel=1e-3)


@pytest.mark.parametrize("of", [TOGETHER, BY_GATE])
def test_classes_of_one_lot_are_not_taken_for_several(of: Plan) -> None:
    with pytest.raises(ValueError, match="draws one lot for its classes"):
        measure_together(of, {name: [] for name in CLASSES}, registered=True)
