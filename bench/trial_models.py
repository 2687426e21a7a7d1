"""Made-up trials: hourly counts with noise whose truth is known, and what analyses of one say.

Each function takes the numbers of a trial and returns what is to be averaged over many, or the days until
something was found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import exp, log, sin, sqrt, tau
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import t as student

from sekisho.model import Limit, Mode
from sekisho.trial.estimate import Answer, Estimate, measure
from sekisho.trial.estimate_observed import Observational, observe
from sekisho.trial.guardrails import Complaints, Differences, count_complaints, follow_difference
from sekisho.trial.plan import Arm, Phase, Plan, Span, Switchback, schedule
from sekisho.trial.series import Cell, Series

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
DAYS: Final = 56
SPAN: Final = Span(datetime(2027, 1, 3, 15, tzinfo=UTC), datetime(2027, 2, 28, 15, tzinfo=UTC))  # Mondays
ZONE: Final = ZoneInfo("Asia/Tokyo")
FREE: Final = Limit(Mode.OBSERVE, 5, 0)
LIMITED: Final = Limit(Mode.ENFORCE, 3, 1_000)

LEVEL: Final = 2_000  # sessions an hour
BY_DAY: Final = (1.05, 1.0, 0.97, 1.0, 1.03, 0.7, 0.65)
NOISE: Final = 0.15  # standard deviation of the logarithms
COMPLAINTS: Final = 2.0  # a day, known
LEVEL_OF_TEST: Final = 0.05

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Truth:
    """What there is to be found: how many times as much is counted while a block is on, in which noise."""

    rho: float
    times: float = 1.0
    noise: float = NOISE
    block: timedelta = 6 * HOUR


def of_switchback(truth: Truth, seed: int) -> Mapping[str, float]:
    """Analyse a switchback by the registered analysis and, for comparison, by least squares."""
    plan = switchback(truth.block, seed)
    counted = _count(plan, truth, np.random.default_rng(seed))
    found = measure(plan, "dynamic", [counted], registered=True)
    effect = _number(found.effect)
    truly = 100 * (truth.times - 1)
    return {
        "rejected": rejects(found.effect),
        "covered": effect.low_percent <= truly <= effect.high_percent,
        "width": effect.high_percent - effect.low_percent,
        "carry-over": rejects(found.carry_over),
        "placebo": rejects(found.placebo),
        "least squares": _least_squares_rejects(plan, counted),
    }


def of_phases(truth: Truth, seed: int) -> Mapping[str, float]:
    """Observe two phases of four weeks beside a class that is not limited."""
    middle = SPAN.begin + DAYS // 2 * DAY
    phases = (
        Phase(Span(SPAN.begin, middle), (("dynamic", FREE),)),
        Phase(Span(middle, SPAN.end), (("dynamic", LIMITED),)),
    )
    plan = Plan("bench", SPAN, ZONE.key, (("dynamic", LIMITED),), phases)
    random = np.random.default_rng(seed)
    found = observe(
        plan, "dynamic", _count(plan, truth, random), _count(plan, replace(truth, times=1.0), random)
    )
    assert isinstance(found, Observational)
    (step,) = found.steps
    return {"covered": step.low_percent <= 100 * (truth.times - 1) <= step.high_percent}


def of_days(drift: float, seed: int) -> Mapping[str, float]:
    """Compare the days before with the days after by a t test, where nothing but a drift is."""
    random = np.random.default_rng(seed)
    days = np.cumsum(random.normal(0, drift, DAYS)) + random.normal(0, NOISE, DAYS)
    before, after = days[: DAYS // 2], days[DAYS // 2 :]
    error = sqrt((before.var(ddof=1) + after.var(ddof=1)) / (DAYS // 2))
    return {"rejected": abs(after.mean() - before.mean()) > student.ppf(0.975, DAYS - 2) * error}


def of_complaints(times: float, seed: int) -> Mapping[str, float]:
    """Count complaints daily; `days`: until the guardrail stops, else one more than there are."""
    state = Complaints()
    for day, count in enumerate(np.random.default_rng(seed).poisson(times * COMPLAINTS, DAYS).tolist(), 1):
        state, breach = count_complaints(state, count, COMPLAINTS, SPAN.begin + day * DAY)
        if breach is not None:
            return {"days": day, "stopped": True}
    return {"days": DAYS + 1, "stopped": False}


def of_differences(seed: int) -> Mapping[str, float]:
    """Look at harmless daily differences, by the guardrail and by a t test on each day."""
    values = np.random.default_rng(seed).normal(0, NOISE, DAYS)
    state, stopped = Differences(), False
    for day, value in enumerate(values.tolist(), 1):
        state, breach = follow_difference(state, value, SPAN.begin + day * DAY)
        stopped = stopped or breach is not None
    days = np.arange(2, DAYS + 1)
    means = values.cumsum()[1:] / days
    deviations = np.sqrt(((values**2).cumsum()[1:] - days * means**2) / (days - 1))
    harm = means > student.ppf(0.95, days - 1) * deviations / np.sqrt(days)
    return {"stopped": stopped, "t test": bool(harm.any())}


def switchback(block: timedelta, seed: int) -> Plan:
    """Return a plan of eight weeks."""
    drawn = Switchback(SPAN, block, HOUR, seed, (("dynamic", LIMITED),))
    return Plan("bench", SPAN, ZONE.key, (("dynamic", LIMITED),), switchback=drawn)


def _count(plan: Plan, truth: Truth, random: np.random.Generator) -> Series:
    """Count for eight weeks."""
    return counted_hours(plan, truth.times, correlated(truth, len(_BEGINS), random), random)


def counted_hours(plan: Plan, times: float, noise: Reals, random: np.random.Generator) -> Series:
    """Count the hours of a plan, with `noise` added to the logarithm of what is usual.

    What a block changes reaches an hour into the next, as mail servers queue.
    """
    hours = (plan.span.end - plan.span.begin) // HOUR
    limited = np.zeros(hours, dtype=bool)
    for block in schedule(plan):
        if block.limit.mode is Mode.ENFORCE:
            first, last = ((moment - plan.span.begin) // HOUR + 1 for moment in (block.begin, block.end))
            limited[first:last] = True
    levels = _PATTERN[:hours] + noise + np.where(limited, log(times), 0.0)
    counts = random.poisson(np.exp(levels)).tolist()
    return Series("bench", HOUR, tuple(map(Cell, _BEGINS[:hours], counts)))


def correlated(truth: Truth, hours: int, random: np.random.Generator) -> Reals:
    """Return noise of a first-order autoregression, from its stationary state on."""
    steps = random.normal(0, truth.noise * sqrt(1 - truth.rho**2), hours)
    steps[0] = random.normal(0, truth.noise)
    noise: Reals = lfilter([1.0], [1.0, -truth.rho], steps)
    return noise


def _usual(wall: datetime) -> float:
    return log(LEVEL * BY_DAY[wall.weekday()] * exp(0.4 * sin(tau * (wall.hour - 9) / 24)))


_BEGINS: Final = tuple(SPAN.begin + hour * HOUR for hour in range((SPAN.end - SPAN.begin) // HOUR))
_PATTERN: Final = np.array([_usual(begin.astimezone(ZONE)) for begin in _BEGINS])


def _number(answer: Answer) -> Estimate:
    assert isinstance(answer, Estimate)
    return answer


def rejects(answer: Answer) -> bool:
    """Tell whether no change is rejected."""
    p = _number(answer).p
    return p is not None and p <= LEVEL_OF_TEST


def _least_squares_rejects(plan: Plan, counted: Series) -> bool:
    """Test hours on against hours off, each less the mean of its hour of the week, as if independent."""
    on = np.zeros(len(counted.cells))
    for block in schedule(plan):
        if block.arm is Arm.ON:
            first, last = ((moment - SPAN.begin) // HOUR for moment in (block.begin, block.end))
            on[first:last] = 1.0
    limited = _less_weekly_means(on)
    levels = _less_weekly_means(np.log1p([cell.count for cell in counted.cells]))
    slope = float((limited * levels).sum() / (limited**2).sum())
    rest = levels - slope * limited
    error = sqrt(float((rest**2).sum()) / (rest.size - 7 * 24 - 1) / float((limited**2).sum()))
    return abs(slope) > 1.96 * error


def _less_weekly_means(hours: Reals) -> Reals:
    weeks = hours.reshape(-1, 7 * 24)
    less: Reals = weeks - weeks.mean(axis=0)
    return less


Trial = Callable[[int], Mapping[str, float]]
