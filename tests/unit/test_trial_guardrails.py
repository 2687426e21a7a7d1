"""When guardrails stop a trial: against integrals, exact sums, and what must not depend on the order."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import exp, fsum, inf, isfinite, isnan, lgamma, log, nan, sqrt, tau
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from scipy.integrate import quad

from sekisho.trial.guardrails import (
    ALPHA,
    LEAST_DAYS,
    RATE,
    SHAPE,
    SHARPEST_DAYS,
    Above,
    Breach,
    Complaints,
    Differences,
    HardStop,
    What,
    check_hard,
    count_complaints,
    follow_difference,
    interval,
    log_evidence,
    radius,
)

NOW = datetime(2027, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
COUNTS = st.lists(st.integers(0, 30), min_size=1, max_size=40)
REAL = st.floats(-1e6, 1e6)


def counted(counts: Sequence[int], rate: float) -> tuple[Complaints, Breach | None]:
    state, breach = Complaints(), None
    for day, count in enumerate(counts):
        state, breach = count_complaints(state, count, rate, NOW + day * DAY)
    return state, breach


def followed(values: Sequence[float], harmless: float = 0.0) -> tuple[Differences, Breach | None]:
    state, breach = Differences(), None
    for day, value in enumerate(values):
        state, breach = follow_difference(state, value, NOW + day * DAY, harmless)
    return state, breach


@pytest.mark.parametrize(("count", "expected"), [(0, 0.0), (0, 4.0), (3, 2.0), (25, 12.5), (60, 80.0)])
def test_evidence_is_the_likelihood_ratio_mixed_over_the_gamma_density(count: int, expected: float) -> None:
    def mixed(theta: float) -> float:
        density = SHAPE * log(RATE) - lgamma(SHAPE) + (SHAPE - 1) * log(theta) - RATE * theta
        return exp(count * log(theta) - (theta - 1) * expected + density)

    integral, _ = quad(mixed, 0, inf)
    assert exp(log_evidence(Complaints(count, expected))) == pytest.approx(integral, rel=1e-6)


@given(st.integers(0, 100), st.floats(0, 100), st.floats(0.01, 20))
def test_evidence_is_a_martingale_under_the_known_rate(count: int, expected: float, rate: float) -> None:
    now = log_evidence(Complaints(count, expected))
    tomorrow = fsum(
        exp(
            more * log(rate)
            - rate
            - lgamma(more + 1)
            + log_evidence(Complaints(count + more, expected + rate))
            - now
        )
        for more in range(3000)
    )
    assert tomorrow == pytest.approx(1.0, rel=1e-9)


@given(COUNTS, st.floats(0, 10))
def test_complaints_count_alike_in_any_order(counts: list[int], rate: float) -> None:
    state, _ = counted(counts, rate)
    other, _ = counted(sorted(counts), rate)
    assert (state.count, state.expected) == (other.count, other.expected)
    assert log_evidence(state) == log_evidence(other)


@given(COUNTS, st.floats(0, 10), st.data())
def test_one_complaint_more_never_lets_a_trial_go_on(
    counts: list[int], rate: float, data: st.DataObject
) -> None:
    day = data.draw(st.integers(0, len(counts) - 1))
    more = [count + (number == day) for number, count in enumerate(counts)]
    fewer_since, more_since = counted(counts, rate)[0].since, counted(more, rate)[0].since
    assert fewer_since is None or (more_since is not None and more_since <= fewer_since)


def test_twice_as_many_complaints_are_found_and_the_day_is_kept() -> None:
    state, breach = counted([4] * 10, 2.0)
    assert breach is not None
    assert (breach.what, breach.bound, breach.since) == (What.COMPLAINTS, 1 / ALPHA, state.since)
    assert breach.since == NOW + 5 * DAY  # 19.1 after five days
    later, still = count_complaints(state, 0, 20.0, NOW + 20 * DAY)
    assert later.since == state.since
    assert still is not None
    assert still.value < still.bound


def test_complaints_that_stay_away_are_no_harm() -> None:
    state, breach = counted([0] * 60, 2.0)
    assert log_evidence(state) > log(1 / ALPHA)
    assert breach is None


def test_very_many_complaints_do_not_overflow() -> None:
    _, breach = count_complaints(Complaints(), 10**12, 1e-3, NOW)
    assert breach is not None
    assert isfinite(breach.value)


@pytest.mark.parametrize(("count", "expected"), [(-1, 1.0), (1, -1.0), (1, nan), (1, inf)])
def test_what_cannot_be_counted_is_told(count: int, expected: float) -> None:
    with pytest.raises(ValueError, match="expected"):
        count_complaints(Complaints(), count, expected, NOW)


@given(st.lists(REAL, min_size=2, max_size=60))
def test_differences_have_mean_and_deviation_in_any_order(values: list[float]) -> None:
    for order in (values, sorted(values)):
        state, _ = followed(order)
        assert state.days == len(values)
        assert state.mean == pytest.approx(fmean(values), abs=1e-6)
        assert sqrt(max(0.0, state.squares) / (state.days - 1)) == pytest.approx(
            stdev(values), rel=1e-6, abs=1e-3
        )


def mixture(sum_: float, days: int, variance: float) -> float:
    """Integrate the likelihood ratio of a mean against zero over a normal mixture; deviation 1."""

    def mixed(mean: float) -> float:
        return exp(mean * sum_ - (days + 1 / variance) * mean**2 / 2) / sqrt(tau * variance)

    integral: float = quad(mixed, -12, 12, points=[sum_ / (days + 1 / variance)])[0]
    return integral


@pytest.mark.parametrize("days", [10, 30, 56])
def test_at_the_radius_the_mixture_is_one_over_alpha(days: int) -> None:
    # The best x = days * variance solves x = ln((x + 1) / ALPHA**2).
    x = 8.0
    for _ in range(200):
        x = log((x + 1) / ALPHA**2)
    assert mixture(days * radius(days, 1.0), days, x / SHARPEST_DAYS) == pytest.approx(1 / ALPHA, rel=1e-6)


def test_the_radius_grows_with_the_deviation_and_falls_with_the_days() -> None:
    found = [radius(days, 2.0) for days in range(LEAST_DAYS, 400)]
    assert found == sorted(found, reverse=True)
    assert radius(30, 4.0) == 2 * radius(30, 2.0)
    assert radius(30, 1.0) > 1.96 / sqrt(30)


def test_nothing_is_said_before_there_are_enough_days() -> None:
    state, breach = followed([5.0, 5.1] * 4 + [5.0])
    assert interval(state) is None
    assert breach is None
    state, breach = follow_difference(state, 5.1, NOW + 9 * DAY)
    ends = interval(state)
    assert ends is not None
    assert breach == Breach(What.DIFFERENCE, ends[0], 0.0, NOW + 9 * DAY)


def test_what_is_lower_or_within_what_is_harmless_is_no_harm() -> None:
    assert followed([-5.0, -5.1] * 20)[1] is None
    assert followed([5.0, 5.1] * 20, harmless=6.0)[1] is None
    assert followed([0.0] * 60)[1] is None


def test_evidence_of_a_difference_stays() -> None:
    state, _ = followed([5.0, 5.1] * 10)
    later, breach = follow_difference(state, -1000.0, NOW + 20 * DAY)
    assert later.since == NOW + 9 * DAY
    assert breach is not None
    assert breach.since == later.since


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_a_difference_that_is_none_is_told(value: float) -> None:
    with pytest.raises(ValueError, match="leave out"):
        follow_difference(Differences(), value, NOW)


STOP = HardStop(What.DELAY_P99, 12_000, 5 * MINUTE)


def test_a_hard_stop_waits_for_its_patience() -> None:
    state, breach = check_hard(STOP, Above(), 12_001, NOW)
    assert breach is None
    state, breach = check_hard(STOP, state, 15_000, NOW + 5 * MINUTE)
    assert breach == Breach(What.DELAY_P99, 15_000, 12_000, NOW)
    state, breach = check_hard(STOP, state, 12_000, NOW + 6 * MINUTE)
    assert (state, breach) == (Above(), None)


def test_without_patience_the_first_value_stops() -> None:
    _, breach = check_hard(HardStop(What.BYPASS, 0), Above(), 1, NOW)
    assert breach == Breach(What.BYPASS, 1, 0, NOW)


@pytest.mark.parametrize("value", [None, nan])
def test_no_value_changes_nothing(value: float | None) -> None:
    assert value is None or isnan(value)
    assert check_hard(STOP, Above(NOW), value, NOW + DAY) == (Above(NOW), None)
    assert check_hard(STOP, Above(), value, NOW) == (Above(), None)


def test_a_clock_that_goes_back_lets_patience_begin_anew() -> None:
    early = NOW - DAY
    state, breach = check_hard(STOP, Above(NOW), 13_000, early)
    assert (state, breach) == (Above(early), None)
    assert check_hard(STOP, state, 13_000, early + 5 * MINUTE)[1] is not None


@given(st.lists(st.one_of(st.none(), st.integers(0, 2)), max_size=60), st.integers(0, 5))
def test_a_hard_stop_breaches_just_where_it_was_above_for_long_enough(
    values: list[int | None], patience: int
) -> None:
    stop = HardStop(What.GATE_ERRORS, 1, patience * MINUTE)
    state, since = Above(), None
    for number, value in enumerate(values):
        state, breach = check_hard(stop, state, value, NOW + number * MINUTE)
        if value is not None:
            since = None if value <= 1 else number if since is None else since
        expected = value is not None and since is not None and number - since >= patience
        assert (breach is not None) == expected


@given(COUNTS, st.lists(REAL, max_size=20))
def test_states_outlast_a_restart(counts: list[int], values: list[float]) -> None:
    states: list[Complaints | Differences | Above] = [
        counted(counts, 1.5)[0],
        followed(values)[0],
        Above(NOW),
    ]
    for state in states:
        adapter = TypeAdapter(type(state))
        assert adapter.validate_json(adapter.dump_json(state)) == state


def test_the_daemon_needs_no_numbers_library_for_guardrails() -> None:
    loaded = (
        "import sys, sekisho.trial.guardrails; print(*{'numpy', 'scipy', 'statsmodels'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
