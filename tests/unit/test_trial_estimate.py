"""The effect of switchbacks whose truth is known, and what is said where there is none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from math import exp, inf, log, nan, sin, tau
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from sekisho.trial.estimate import Estimate, Measured, TooFew, Unvarying, measure, percent
from sekisho.trial.estimate_pairs import carried, differences, matched, paired
from sekisho.trial.plan import Arm, Plan, count_pairs, holds, schedule
from sekisho.trial.series import Cell, Faults, Series, summed, usable
from tests.unit.planning import DAY, HOUR, START, plan, span, switchback

TOKYO = ZoneInfo("Asia/Tokyo")
WEEKS = 4
WHOLE = span(0 * DAY, WEEKS * 7 * DAY)
PLAN = plan(WHOLE, switchback(WHOLE))


def shape(moment: datetime) -> float:
    """Return what is usual at a time of day and of the week."""
    wall = moment.astimezone(TOKYO)
    return 1000 * (2 + sin(wall.hour / 24 * tau)) * (0.6 if wall.weekday() >= 5 else 1)


def series(
    of: Plan,
    change: Callable[[datetime], float],
    noise: float = 0.1,
    gate: str = "one",
    step: timedelta = HOUR,
) -> Series:
    """Count what is usual times `change` where the class is on."""
    random = np.random.default_rng(11)
    cells = []
    for number in range(int((of.span.end - of.span.begin) / step)):
        begin = of.span.begin + number * step
        on = holds(of, begin)["dynamic"].arm is Arm.ON
        level = shape(begin) * (change(begin) if on else 1) * exp(random.normal(0, noise))
        cells.append(Cell(begin, round(level)))
    return Series(gate, step, tuple(cells))


def measured(of: Plan, *counted: Series) -> Measured:
    return measure(of, "dynamic", counted, registered=True)


@pytest.fixture(scope="module")
def lower() -> Series:
    """Count a tenth less where the class is on."""
    return series(PLAN, lambda _: 0.9)


def test_an_effect_is_found_and_its_checks_find_nothing(lower: Series) -> None:
    found = measured(PLAN, lower)
    assert isinstance(found.effect, Estimate)
    assert found.effect.pairs == count_pairs(PLAN)
    assert found.effect.left_out == 0
    assert found.effect.low_percent < -10 < found.effect.high_percent < 0
    assert found.effect.p is not None
    assert found.effect.p < 0.001
    for check in (found.carry_over, found.placebo):
        assert isinstance(check, Estimate)
        assert check.low_percent < 0 < check.high_percent
    assert found.faults == {("dynamic", "one"): Faults()}


def test_no_effect_is_none() -> None:
    effect = measured(PLAN, series(PLAN, lambda _: 1.0)).effect
    assert isinstance(effect, Estimate)
    assert effect.low_percent < 0 < effect.high_percent
    assert effect.p is not None
    assert effect.p > 0.05


def test_a_plan_that_was_not_registered_has_no_p(lower: Series) -> None:
    found = measure(PLAN, "dynamic", [lower], registered=False)
    for answer in (found.effect, found.carry_over, found.placebo):
        assert isinstance(answer, Estimate)
        assert answer.p is None


def test_an_effect_that_comes_late_is_carry_over() -> None:
    begins = {hour * HOUR + block.begin for block in schedule(PLAN) for hour in range(3)}
    found = measured(PLAN, series(PLAN, lambda moment: 1.0 if moment in begins else 0.7, noise=0.02))
    assert isinstance(found.carry_over, Estimate)
    assert found.carry_over.low_percent > 0


def test_what_happens_in_the_washout_does_not_count() -> None:
    begins = {block.begin for block in schedule(PLAN)}
    found = measured(PLAN, series(PLAN, lambda moment: 50.0 if moment in begins else 0.9, noise=0.02))
    assert isinstance(found.effect, Estimate)
    assert found.effect.change_percent == pytest.approx(-10, abs=1)


def test_hours_that_are_missing_on_one_side_are_left_out_on_the_other(lower: Series) -> None:
    lost = {block.begin + 2 * HOUR for block in schedule(PLAN) if block.arm is Arm.ON}
    holes = replace(lower, cells=tuple(cell for cell in lower.cells if cell.begin not in lost))
    spoilt = replace(
        lower,
        cells=tuple(
            replace(cell, count=cell.count * 1000)
            if cell.begin in {block.begin + 2 * HOUR for block in schedule(PLAN) if block.arm is Arm.OFF}
            else cell
            for cell in holes.cells
        ),
    )
    assert measured(PLAN, holes).effect == measured(PLAN, spoilt).effect


def test_an_hour_that_is_covered_in_part_counts_by_what_is_covered(lower: Series) -> None:
    half = replace(
        lower,
        cells=tuple(
            Cell(cell.begin, round(cell.count / 2), 0.5) if cell.begin.hour % 2 else cell
            for cell in lower.cells
        ),
    )
    whole, part = measured(PLAN, lower).effect, measured(PLAN, half).effect
    assert isinstance(whole, Estimate)
    assert isinstance(part, Estimate)
    assert part.change_percent == pytest.approx(whole.change_percent, abs=1)


def test_blocks_that_are_missing_are_counted(lower: Series) -> None:
    gone = [block for block in schedule(PLAN) if block.class_name == "dynamic" and block.pair in (3, 5)][:3]
    cells = tuple(
        cell for cell in lower.cells if not any(block.begin <= cell.begin < block.end for block in gone)
    )
    effect = measured(PLAN, replace(lower, cells=cells)).effect
    assert isinstance(effect, Estimate)
    assert (effect.pairs, effect.left_out) == (count_pairs(PLAN) - 2, 2)


def test_a_block_that_was_hardly_covered_counts_as_missing(lower: Series) -> None:
    (gone,) = (
        block
        for block in schedule(PLAN)
        if block.class_name == "dynamic" and block.pair == 3 and block.arm is Arm.ON
    )
    cells = tuple(
        replace(cell, count=0, covered=0.01) if gone.begin <= cell.begin < gone.end else cell
        for cell in lower.cells
    )
    effect = measured(PLAN, replace(lower, cells=cells)).effect
    assert isinstance(effect, Estimate)
    assert (effect.pairs, effect.left_out) == (count_pairs(PLAN) - 1, 1)


def test_a_suspension_takes_its_pairs_out(lower: Series) -> None:
    suspended = replace(PLAN, maintenance=(span(3 * DAY + 2 * HOUR, 3 * DAY + 3 * HOUR),))
    effect = measured(suspended, lower).effect
    assert isinstance(effect, Estimate)
    assert (effect.pairs, effect.left_out) == (count_pairs(PLAN) - 1, 0)


def test_gates_that_follow_one_lot_are_flipped_together(lower: Series) -> None:
    one, twins = (
        measured(PLAN, *counted).effect for counted in ([lower], [lower, replace(lower, gate="two")])
    )
    assert isinstance(one, Estimate)
    assert isinstance(twins, Estimate)
    assert (twins.pairs, twins.left_out, twins.p) == (one.pairs, one.left_out, one.p)
    ends = [(found.low_percent, found.change_percent, found.high_percent) for found in (one, twins)]
    assert ends[0] == pytest.approx(ends[1], rel=1e-3), "but for the 1 that is added to what was counted"


def test_the_effect_of_gates_that_follow_one_lot_is_that_of_all_they_counted() -> None:
    """A small gate on which the limit does much says little of the whole."""
    large = series(PLAN, lambda _: 1.0, noise=0.02)
    small = series(PLAN, lambda _: 0.5, noise=0.02, gate="two")
    tenth = replace(small, cells=[replace(cell, count=cell.count // 10) for cell in small.cells])
    found = measured(PLAN, large, tenth)
    assert isinstance(found.effect, Estimate)
    truth = 100 * (-0.5 / 11)
    assert found.effect.low_percent < truth < found.effect.high_percent
    assert found.effect.high_percent - found.effect.low_percent < 4
    assert isinstance(found.carry_over, Estimate)
    assert found.carry_over.low_percent < 0 < found.carry_over.high_percent


def test_what_a_gate_has_not_counted_on_one_side_is_left_out_on_both(lower: Series) -> None:
    other = series(PLAN, lambda _: 0.5, gate="two")
    silent = next(
        block
        for block in schedule(PLAN)
        if block.class_name == "dynamic" and block.pair == 3 and block.arm is Arm.ON
    )
    away = replace(other, cells=[cell for cell in other.cells if not silent.begin <= cell.begin < silent.end])
    effect = measured(PLAN, lower, away).effect
    assert isinstance(effect, Estimate)
    assert (effect.pairs, effect.left_out) == (count_pairs(PLAN), 0)
    both = measured(PLAN, lower, other).effect
    assert isinstance(both, Estimate)
    assert effect.change_percent == pytest.approx(both.change_percent, abs=1)


def test_too_few_pairs_are_told_and_no_number_is_made_up() -> None:
    of = plan(span(0 * DAY, 3 * DAY), switchback(span(0 * DAY, 3 * DAY)))
    found = measured(of, series(of, lambda _: 0.5))
    assert found.effect == TooFew(4, 0)
    assert found.carry_over == TooFew(4, 0)
    assert found.placebo == TooFew(0, 0)


def test_nothing_counted_at_all_is_told() -> None:
    pairs = count_pairs(PLAN)
    assert measured(PLAN).effect == TooFew(0, pairs)
    assert measured(PLAN, Series("one", HOUR, ())).effect == TooFew(0, pairs)
    assert measured(PLAN, Series("one", DAY, (Cell(START, 5),))).effect == TooFew(0, pairs)


@pytest.mark.parametrize("count", [0, 42, 10**15])
def test_a_series_that_never_varies_is_told(lower: Series, count: int) -> None:
    flat = replace(lower, cells=tuple(replace(cell, count=count) for cell in lower.cells))
    found = measured(PLAN, flat)
    assert found.effect == Unvarying(count_pairs(PLAN), 0)
    assert isinstance(found.carry_over, Unvarying)
    assert isinstance(found.placebo, Unvarying)


def test_a_clock_that_jumped_back_costs_what_it_counted_twice(lower: Series) -> None:
    cells = (*lower.cells, *(replace(cell, count=7) for cell in lower.cells[30:36]))
    assert measured(PLAN, replace(lower, cells=cells)).faults == {("dynamic", "one"): Faults(6, 12, 0)}


def test_blocks_of_seconds_are_measured_by_the_second() -> None:
    second = timedelta(seconds=1)
    of = plan(span(0 * DAY, HOUR), switchback(span(0 * DAY, HOUR), 30 * second, 5 * second))
    found = measured(of, series(of, lambda _: 0.5, step=second))
    effect, placebo = found.effect, found.placebo
    assert isinstance(effect, Estimate)
    assert effect.pairs == count_pairs(of) == 60
    assert effect.low_percent < -50 < effect.high_percent
    assert isinstance(placebo, Estimate)
    assert placebo.pairs == 30
    assert placebo.low_percent < 0 < placebo.high_percent


def test_a_trial_without_a_switchback_cannot_be_measured() -> None:
    with pytest.raises(ValueError, match="observed"):
        measured(plan(WHOLE))


def test_what_is_wrong_with_a_series_is_counted() -> None:
    cells = (
        Cell(START + HOUR, 1),
        Cell(START, 1),
        Cell(START + 4 * HOUR, 1),
        Cell(START + 4.5 * HOUR, 1),
        Cell(START + 6 * HOUR, -1),
        Cell(START + 7 * HOUR, 1, 0.0),
        Cell(START + 8 * HOUR, 1, nan),
        Cell(START + 9 * HOUR, 1, inf),
        Cell(START + 10 * HOUR, 1),
    )
    found, faults = usable(Series("one", HOUR, cells))
    assert [cell.begin - START for cell in found.cells] == [0 * HOUR, HOUR, 10 * HOUR]
    assert faults == Faults(missing=8, overlapping=2, invalid=4)


def test_gates_add_up_where_all_have_counted() -> None:
    one = Series("one", HOUR, (Cell(START, 1), Cell(START + HOUR, 2), Cell(START + 2 * HOUR, 3)))
    two = Series("two", HOUR, (Cell(START, 10, 0.5), Cell(START + 2 * HOUR, 30)))
    assert summed([one, two]) == Series("one+two", HOUR, (Cell(START, 11, 0.75), Cell(START + 2 * HOUR, 33)))


def naive(of: Plan, found: Series) -> dict[int, tuple[float, float | None]]:
    """Return of each pair the difference, and that of its first part less that of the rest, cell by cell."""
    sides: dict[int, dict[Arm, dict[timedelta, Cell]]] = {}
    sizes: dict[int, float] = {}
    for block in schedule(of):
        if block.class_name == "dynamic" and block.pair is not None:
            first = block.washout_end or block.begin
            inside = [one for one in found.cells if first <= one.begin <= block.end - found.step]
            sides.setdefault(block.pair, {})[block.arm] = {one.begin - block.begin: one for one in inside}
            sizes[block.pair] = (block.end - first) / found.step
    answers = {}
    for pair, both in sides.items():
        common = sorted(both[Arm.ON].keys() & both[Arm.OFF].keys())
        parts = [[(both[Arm.ON][at], both[Arm.OFF][at]) for at in common]]
        middle = len(common) // 2
        covered = [sum(cells[at].covered for at in common) for cells in both.values()]
        if not common or min(covered) < sizes[pair] / 2:
            continue
        parts += [parts[0][:middle], parts[0][middle:]]
        whole, early, rest = (
            log((sum(on.count for on, _ in part) + 1) / sum(on.covered for on, _ in part))
            - log((sum(off.count for _, off in part) + 1) / sum(off.covered for _, off in part))
            if part
            else None
            for part in parts
        )
        assert whole is not None
        assert rest is not None
        answers[pair] = whole, None if early is None else early - rest
    return answers


def test_columns_say_what_cells_say_one_by_one() -> None:
    random = np.random.default_rng(5)
    for washout in (0 * HOUR, HOUR):
        of = plan(WHOLE, switchback(WHOLE, 6 * HOUR, washout))
        cells = tuple(
            Cell(
                of.span.begin + number * HOUR,
                int(random.lognormal(3, 2)),
                float(random.choice([1.0, 0.3, 0.7])),
            )
            for number in np.flatnonzero(random.random(WEEKS * 7 * 24) < 0.8).tolist()
        )
        found, _ = usable(Series("one", HOUR, cells))
        expected = naive(of, found)
        both = matched(paired(block for block in schedule(of) if block.class_name == "dynamic"), found)
        for answer, place in ((differences(both), 0), (carried(both), 1)):
            in_order = [expected[pair][place] for pair in both.pairs.tolist() if pair in expected]
            assert answer.tolist() == pytest.approx([one for one in in_order if one is not None], abs=1e-12)


def test_changes_too_large_for_a_number_do_not_fail() -> None:
    assert percent(1000.0) == inf
    assert percent(-1000.0) == -100


def test_the_daemon_and_the_command_line_start_without_statistics() -> None:
    modules = "import sys, sekisho.cli, sekisho.daemon; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", modules], capture_output=True, text=True, check=True)
    assert not {"scipy", "statsmodels", "pandas"} & set(run.stdout.split())
