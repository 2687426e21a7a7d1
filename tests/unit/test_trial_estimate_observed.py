"""What is seen in phases that somebody chose, where the truth is known or nothing can be said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from math import exp, sin, tau

import numpy as np
import pytest

from sekisho.model import Limit, Mode
from sekisho.trial.estimate_observed import (
    LAGS,
    LEAST_CELLS,
    CannotTell,
    Observational,
    TooFewCells,
    Why,
    observe,
    quantile,
)
from sekisho.trial.plan import Phase, Plan, observing
from sekisho.trial.series import Cell, Faults, Series
from tests.unit.planning import DAY, HOUR, LIMITS, OWN, START, plan, span, switchback

WEEK = 7 * DAY
FREE = Limit(Mode.OBSERVE, 5, 0)
MILD = Limit(Mode.ENFORCE, 5, 0)
HARD = Limit(Mode.ENFORCE, 2, 5_000)
WHOLE = span(0 * DAY, 8 * WEEK)


def phase(limit: Limit, first: timedelta, last: timedelta) -> Phase:
    return Phase(span(first, last), tuple((name, limit) for name, _ in LIMITS))


STEPS = plan(
    WHOLE,
    phases=(
        phase(FREE, 0 * WEEK, 2 * WEEK),
        phase(MILD, 2 * WEEK, 4 * WEEK),
        phase(HARD, 4 * WEEK, 6 * WEEK),
        phase(FREE, 6 * WEEK, 8 * WEEK),
    ),
)


def correlated(hours: int, seed: int) -> Sequence[float]:
    random = np.random.default_rng(seed)
    noise, found = 0.0, []
    for _ in range(hours):
        noise = 0.5 * noise + random.normal(0, 0.1)
        found.append(noise)
    return found


def common(moment: datetime) -> float:
    """Return what all classes have of a drift and of the time of day."""
    days = (moment - START) / DAY
    return 500 * (2 + sin(moment.hour / 24 * tau)) * exp(0.01 * days + 0.3 * sin(days / 5))


def series(of: Plan, change: Callable[[datetime], float], seed: int = 1) -> Series:
    hours = int((of.span.end - of.span.begin) / HOUR)
    noise = correlated(hours, seed)
    begins = [of.span.begin + hour * HOUR for hour in range(hours)]
    cells = (
        Cell(begin, round(common(begin) * change(begin) * exp(one)))
        for begin, one in zip(begins, noise, strict=True)
    )
    return Series("one", HOUR, tuple(cells))


def stepped(moment: datetime) -> float:
    week = (moment - START) // WEEK
    return {2: 0.8, 3: 0.8, 4: 0.5, 5: 0.5}.get(week, 1.0)


@pytest.fixture(scope="module")
def counted() -> Series:
    """Count a fifth less with one limit, half with another."""
    return series(STEPS, stepped)


@pytest.fixture(scope="module")
def beside() -> Series:
    """Count a class that is not limited."""
    return series(STEPS, lambda _: 1.0, seed=2)


def test_each_step_has_its_change_and_the_comparison_takes_the_drift_away(
    counted: Series, beside: Series
) -> None:
    found = observe(STEPS, "dynamic", counted, beside)
    assert isinstance(found, Observational)
    assert (found.reference, found.compared, found.faults) == (observing(OWN), True, Faults())
    assert [step.limit for step in found.steps] == [MILD, HARD]
    for step, truth in zip(found.steps, (-20, -50), strict=True):
        assert step.low_percent < step.change_percent < step.high_percent < 0
        assert step.change_percent == pytest.approx(truth, abs=7)
        assert step.cells == 14 * 24 - 1


def test_without_comparison_there_is_less_to_say(counted: Series, beside: Series) -> None:
    alone, compared = observe(STEPS, "dynamic", counted), observe(STEPS, "dynamic", counted, beside)
    assert isinstance(alone, Observational)
    assert isinstance(compared, Observational)
    assert not alone.compared
    for one, other in zip(alone.steps, compared.steps, strict=True):
        assert one.high_percent - one.low_percent > other.high_percent - other.low_percent


def test_nothing_that_belongs_to_an_experiment_is_in_it(counted: Series) -> None:
    found = observe(STEPS, "dynamic", counted)
    assert isinstance(found, Observational)
    assert not {name for name in [*asdict(found), *asdict(found.steps[0])] if name.startswith("p")}


def test_the_ends_are_where_simulated_statistics_end() -> None:
    cells, trials = 980, 4000
    noise = np.random.default_rng(1).normal(size=(trials, cells))
    rest = noise - noise.mean(axis=1, keepdims=True)
    products = [(rest[:, lag:] * rest[:, : cells - lag]).sum(axis=1) for lag in range(LAGS + 1)]
    variance = products[0] + 2 * sum((1 - lag / (LAGS + 1)) * products[lag] for lag in range(1, LAGS + 1))
    statistics = np.abs(noise.sum(axis=1)) / np.sqrt(variance)
    assert np.quantile(statistics, 0.95) == pytest.approx(quantile(cells), abs=0.1)
    assert quantile(10**9) == pytest.approx(1.96)


def test_gaps_leave_times_true(counted: Series, beside: Series) -> None:
    holes = replace(counted, cells=tuple(cell for cell in counted.cells if cell.begin.day % 9))
    found = observe(STEPS, "dynamic", holes, beside)
    assert isinstance(found, Observational)
    assert found.faults.missing > 0
    assert [step.change_percent for step in found.steps] == pytest.approx([-20, -50], abs=7)


def test_hours_that_were_hardly_covered_are_left_out(counted: Series, beside: Series) -> None:
    cells = tuple(
        replace(cell, count=0, covered=0.01) if cell.begin.hour == 5 else cell for cell in counted.cells
    )
    found = observe(STEPS, "dynamic", replace(counted, cells=cells), beside)
    gone = observe(
        STEPS, "dynamic", replace(counted, cells=tuple(one for one in cells if one.begin.hour != 5)), beside
    )
    assert isinstance(found, Observational)
    assert isinstance(gone, Observational)
    assert found.steps == gone.steps


def test_what_came_before_the_trial_is_the_classs_own_limit(beside: Series) -> None:
    of = replace(STEPS, phases=(phase(FREE, 4 * WEEK, 8 * WEEK),))
    lower = series(of, lambda moment: 0.7 if moment < START + 4 * WEEK else 1.0)
    found = observe(of, "dynamic", lower, beside)
    assert isinstance(found, Observational)
    assert [step.limit for step in found.steps] == [OWN]
    assert found.steps[0].change_percent == pytest.approx(-30, abs=7)  # 2 is its standard error


def test_without_an_unlimited_time_the_first_limit_is_the_reference(counted: Series) -> None:
    of = replace(STEPS, phases=(phase(HARD, 4 * WEEK, 8 * WEEK),))
    found = observe(of, "dynamic", counted)
    assert isinstance(found, Observational)
    assert (found.reference, [step.limit for step in found.steps]) == (OWN, [HARD])


def test_blocks_of_a_lot_are_left_to_the_lot(counted: Series) -> None:
    of = plan(WHOLE, switchback(span(4 * WEEK, 8 * WEEK)), (phase(FREE, 0 * DAY, 2 * WEEK),))
    found = observe(of, "dynamic", counted)
    assert isinstance(found, Observational)
    assert found.cells == 4 * 7 * 24 - 2


def test_too_little_is_told(counted: Series) -> None:
    short = replace(counted, cells=counted.cells[: LEAST_CELLS // 2])
    assert observe(STEPS, "dynamic", short) == TooFewCells(LEAST_CELLS // 2 - 1, LEAST_CELLS)
    assert observe(STEPS, "dynamic", replace(counted, cells=())) == TooFewCells(0, LEAST_CELLS)


def test_what_a_wrong_clock_dated_far_away_is_left_out(counted: Series) -> None:
    far = (Cell(START - 20_000 * DAY, 9), Cell(START + 20_000 * DAY, 9))
    found, alone = (
        observe(STEPS, "dynamic", one) for one in (replace(counted, cells=(*counted.cells, *far)), counted)
    )
    assert isinstance(found, Observational)
    assert isinstance(alone, Observational)
    assert found.steps == alone.steps


def test_one_limit_all_the_time_tells_nothing(counted: Series) -> None:
    found = observe(plan(WHOLE), "dynamic", counted)
    assert isinstance(found, CannotTell)
    assert found.why is Why.ONE_LIMIT


def test_a_limit_that_held_for_hours_only_is_no_step(counted: Series) -> None:
    of = replace(STEPS, phases=(*STEPS.phases[:-1], phase(FREE, 6 * WEEK + DAY, 8 * WEEK)))
    found = observe(of, "dynamic", counted)
    assert isinstance(found, Observational)
    assert OWN not in [step.limit for step in found.steps]


@pytest.mark.parametrize("count", [0, 9, 10**12])
def test_a_series_that_never_varies_is_told(counted: Series, count: int) -> None:
    flat = replace(counted, cells=tuple(replace(cell, count=count) for cell in counted.cells))
    found = observe(STEPS, "dynamic", flat)
    assert isinstance(found, CannotTell)
    assert found.why is Why.NEVER_VARIES


def test_a_comparison_that_never_varies_is_told(counted: Series, beside: Series) -> None:
    flat = replace(beside, cells=tuple(replace(cell, count=1_000) for cell in beside.cells))
    found = observe(STEPS, "dynamic", counted, flat)
    assert isinstance(found, CannotTell)
    assert found.why is Why.COMPARISON_NEVER_VARIES


def test_a_comparison_of_few_an_hour_is_none(counted: Series, beside: Series) -> None:
    few = replace(beside, cells=tuple(replace(cell, count=cell.count % 3) for cell in beside.cells))
    found = observe(STEPS, "dynamic", counted, few)
    assert isinstance(found, Observational)
    assert not found.compared
    assert found == observe(STEPS, "dynamic", counted)


@pytest.mark.parametrize("weeks_from_summer", range(0, 52, 13))
def test_a_season_is_hardly_an_effect(weeks_from_summer: int) -> None:
    """A year around the trial would make up to 30 % of a wave of a third up and down."""
    random = np.random.default_rng(3)
    cells = []
    for number in range(-52 * 7 * 24, 60 * 7 * 24):
        begin = STEPS.span.begin + number * HOUR
        wave = 0.3 * sin(tau * (number / (52 * 7 * 24) + weeks_from_summer / 52))
        cells.append(Cell(begin, round(2_000 * exp(wave + random.normal(0, 0.1)))))
    found = observe(STEPS, "dynamic", Series("one", HOUR, cells))
    assert isinstance(found, Observational)
    assert all(abs(step.change_percent) < 7 for step in found.steps)


def test_a_limit_by_the_time_of_day_cannot_be_told_from_it(counted: Series) -> None:
    nights = tuple(phase(FREE, day * DAY, day * DAY + 8 * HOUR) for day in range(8 * 7))
    found = observe(replace(STEPS, phases=nights), "dynamic", counted)
    assert isinstance(found, CannotTell)
    assert found.why is Why.NOT_APART
