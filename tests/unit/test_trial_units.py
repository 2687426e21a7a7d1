"""Units of the switchback: what draws lots of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.config import Config
from sekisho.config.trial_plan import plan_of, protocol_of
from sekisho.daemon.trial_keeper import TrialKeeper
from sekisho.model import Mode
from sekisho.store.late import LateStore
from sekisho.trial.following import Clocks
from sekisho.trial.lots import earlier_is_on
from sekisho.trial.plan import (
    Arm,
    Block,
    Plan,
    Units,
    at_gate,
    count_pairs,
    holds,
    schedule,
    without_maintenance,
)
from sekisho.trial.protocol import TrialProtocol
from sekisho.trial.registration import canonical
from sekisho.trial.standing import standing
from tests.unit.configuring import good
from tests.unit.planning import DAY, HOUR, LIMITS, plan, span, switchback
from tests.unit.test_config_trial import CLASSES, SWITCHBACK, TRIAL
from tests.unit.test_trial_plan import plans

GATES = ("kyoto", "osaka", "tokyo")
WHOLE = span(0 * DAY, 28 * DAY)


def with_units(of: Plan, units: Units, gates: tuple[str, ...] = GATES) -> Plan:
    """Let the switchback of a plan have units."""
    assert of.switchback is not None
    named = gates if units is Units.GATES else ()
    return replace(of, switchback=replace(of.switchback, units=units, gates=named))


def of_month(units: Units, gates: tuple[str, ...] = GATES) -> Plan:
    return with_units(plan(WHOLE, switchback(WHOLE)), units, gates)


def drawn(of: Plan) -> list[Block]:
    return [block for block in schedule(of) if block.arm in (Arm.ON, Arm.OFF)]


def earlier_arms(of: Plan, unit: str | None, class_name: str = "dynamic") -> Mapping[int, bool]:
    """Whether the earlier block of each pair is on."""
    found: dict[int, bool] = {}
    for block in drawn(of):
        if block.unit == unit and block.class_name == class_name and block.pair is not None:
            found.setdefault(block.pair, block.arm is Arm.ON)
    return found


apart = st.sampled_from([Units.CLASSES, Units.GATES])


@settings(max_examples=15)
@given(plans(), apart)
def test_units_have_the_same_blocks_and_pairs_and_differ_in_their_lots_alone(of: Plan, units: Units) -> None:
    together = {(one.begin, one.end, one.pair, one.washout_end) for one in drawn(of)}
    names = GATES if units is Units.GATES else [name for name, _ in LIMITS]
    blocks = drawn(with_units(of, units))
    for unit in names:
        of_unit = [one for one in blocks if one.unit == unit]
        assert {(one.begin, one.end, one.pair, one.washout_end) for one in of_unit} == together
    assert {one.unit for one in blocks} == (set(names) if together else set())


@settings(max_examples=15)
@given(plans(), apart)
def test_of_each_pair_of_each_unit_the_lot_of_its_name_puts_one_on(of: Plan, units: Units) -> None:
    made = with_units(of, units)
    assert made.switchback is not None
    pairs: dict[tuple[str | None, int, str], list[Block]] = {}
    for block in drawn(made):
        if block.pair is not None:
            pairs.setdefault((block.unit, block.pair, block.class_name), []).append(block)
    for (unit, pair, _), (earlier, later) in pairs.items():
        assert (earlier.arm is Arm.ON) is earlier_is_on(made.switchback.seed, pair, unit)
        assert (later.arm is Arm.ON) is not (earlier.arm is Arm.ON)
        assert (earlier.limit.mode is Mode.ENFORCE) is (earlier.arm is Arm.ON)


@settings(max_examples=15)
@given(plans(), apart)
def test_pairs_are_counted_of_all_units_and_maintenance_takes_them_from_all(of: Plan, units: Units) -> None:
    size = len(GATES) if units is Units.GATES else len(LIMITS)
    assert count_pairs(with_units(of, units)) == size * count_pairs(of)
    free = without_maintenance(of)
    assert count_pairs(with_units(free, units)) == size * count_pairs(free)


@settings(max_examples=15)
@given(plans())
def test_a_gate_has_what_is_for_all_and_what_it_drew(of: Plan) -> None:
    made = with_units(of, Units.GATES)
    for gate in GATES:
        assert schedule(at_gate(made, gate)) == tuple(
            one for one in schedule(made) if one.unit in (None, gate)
        )


@settings(max_examples=15)
@given(plans(), st.integers(0, 40 * 24))
def test_what_holds_at_a_gate_is_one_block_of_each_class(of: Plan, hours: int) -> None:
    now = of.span.begin + hours * HOUR
    for gate in GATES:
        made = at_gate(with_units(of, Units.GATES), gate)
        found = standing(made, None, now)
        assert dict(found.blocks) == dict(holds(made, now))
        inside = [one for one in schedule(made) if one.begin <= now < one.end]
        assert len(inside) == len(found.blocks)


def test_a_gate_that_is_no_unit_has_no_lots() -> None:
    assert drawn(at_gate(of_month(Units.GATES), "nara")) == []


@pytest.mark.parametrize("of", [of_month(Units.TRIAL), of_month(Units.CLASSES), plan(WHOLE)])
def test_without_gates_as_units_every_gate_has_the_whole_plan(of: Plan) -> None:
    assert at_gate(of, "tokyo") is of


def test_another_unit_changes_no_lot() -> None:
    fewer, more = of_month(Units.GATES, ("tokyo",)), of_month(Units.GATES)
    assert drawn(at_gate(more, "tokyo")) == drawn(fewer)


def test_lots_of_units_agree_as_often_as_not() -> None:
    pairs = range(1, 2_001)
    lots = [[earlier_is_on(7, pair, unit) for pair in pairs] for unit in (None, *GATES)]
    for number, one in enumerate(lots):
        for other in lots[:number]:
            assert 0.45 < sum(a is b for a, b in zip(one, other, strict=True)) / len(pairs) < 0.55


def test_classes_of_a_gate_switch_together_and_gates_apart() -> None:
    made = of_month(Units.GATES)
    for gate in GATES:
        assert earlier_arms(made, gate) == earlier_arms(made, gate, "mobile")
    assert earlier_arms(made, "tokyo") != earlier_arms(made, "osaka")


def test_classes_as_units_switch_apart() -> None:
    made = of_month(Units.CLASSES)
    assert earlier_arms(made, "dynamic") != earlier_arms(made, "mobile", "mobile")
    assert all(one.unit == one.class_name for one in drawn(made))


def test_what_was_registered_without_units_keeps_its_digest() -> None:
    whole = span(0 * DAY, 14 * DAY)
    text = canonical(TrialProtocol(plan(whole, switchback(whole))))
    assert sha256(text.encode()).hexdigest() == (
        "13ff77ef861f1753ccf460102ae0dfc41bbbb4cb928ec82a3bf8588498a3782b"
    )


def test_the_units_and_their_blocks_are_registered() -> None:
    read = json.loads(canonical(TrialProtocol(of_month(Units.GATES))))
    assert (read["plan"]["switchback"]["units"], read["plan"]["switchback"]["gates"]) == (
        "gates",
        list(GATES),
    )
    assert {one["unit"] for one in read["blocks"]} == set(GATES)
    classes = json.loads(canonical(TrialProtocol(of_month(Units.CLASSES))))
    assert classes["plan"]["switchback"]["units"] == "classes"
    assert "gates" not in classes["plan"]["switchback"]


def at(gate: str, gates: str) -> Config:
    """The configuration of a machine, which shares a store with others."""
    text = CLASSES.replace("[gate]", f'[gate]\nname = "{gate}"')
    text += '[store]\nurl = "postgresql://db.example/sekisho"\n' + TRIAL + SWITCHBACK
    return good(f'{text}units = "gates"\ngates = [{gates}]\n')


MACHINES = (at("tokyo", '"tokyo", "osaka"'), at("osaka", '"osaka", "tokyo"'))


def test_machines_have_one_plan_in_whatever_order_they_name_gates() -> None:
    texts = {canonical(protocol) for one in MACHINES if (protocol := protocol_of(one)) is not None}
    assert len(texts) == 1


def test_each_daemon_follows_the_lots_of_its_gate(tmp_path: Path) -> None:
    store = LateStore(f"sqlite:///{tmp_path / 'store.db'}")
    for machine in MACHINES:
        whole = plan_of(machine)
        assert whole is not None
        followed = TrialKeeper(store, clocks=partial(Clocks, whole.span.begin, timedelta())).plan(machine)
        assert followed == at_gate(whole, machine.gate.name)
        assert {block.unit for block in drawn(followed)} == {machine.gate.name}
