"""Made-up hourly counts in noise other than the facts': few, bursting, drifting, or not read at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import tau
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.trial_models import BY_DAY, DAYS, HOUR, LEVEL_OF_TEST, SPAN, Reals, switchback
from sekisho.trial.estimate import Estimate, measure
from sekisho.trial.plan import Arm, schedule
from sekisho.trial.series import Columns, Series, Whole, microseconds

_HOURS: Final = DAYS * 24
_AT: Final = np.arange(_HOURS)
_DAY: Final = _AT // 24
_BY_HOUR: Final = np.sin(_AT % 24 / 24 * tau)
_SHAPE: Final = (1 + 0.5 * _BY_HOUR) * np.array(BY_DAY)[_DAY % 7]
_NOISE: Final = 0.15
_US: Final = 3_600_000_000


class Counted(NamedTuple):
    """Counts by hour, the share of each that was read, and which were read at all."""

    counts: Whole
    covered: Reals
    read: NDArray[np.bool_]


Draw = Callable[[np.random.Generator, Reals], Counted]
"""Counts where a block multiplies what there is, by hour."""


def of_noise(kind: str, times: float, seed: int) -> Mapping[str, float]:
    """Analyse a switchback in noise of a kind."""
    plan = switchback(6 * HOUR, seed)
    limited = np.ones(_HOURS)
    for block in schedule(plan):
        if block.arm is Arm.ON:
            limited[(block.begin - SPAN.begin) // HOUR : (block.end - SPAN.begin) // HOUR] = times
    counts, covered, read = KINDS[kind](np.random.default_rng(seed), limited)
    cells = Columns(microseconds(SPAN.begin) + _AT * _US, counts.astype(np.float64), covered).where(read)
    effect = measure(plan, "dynamic", [Series("bench", HOUR, cells)], registered=True).effect
    assert isinstance(effect, Estimate)
    assert effect.p is not None
    return {
        "rejected": effect.p <= LEVEL_OF_TEST,
        "covered": effect.low_percent <= 100 * (times - 1) <= effect.high_percent,
        "change": effect.change_percent,
    }


def _all(counts: Whole) -> Counted:
    return Counted(counts, np.ones(_HOURS), np.ones(_HOURS, dtype=np.bool_))


def _few(random: np.random.Generator, times: Reals) -> Counted:
    return _all(random.poisson(0.3 * _SHAPE * times))


def _over_dispersed(random: np.random.Generator, times: Reals) -> Counted:
    return _all(random.negative_binomial(2, 2 / (2 + 200 * _SHAPE * times)))


def _bursts(random: np.random.Generator, times: Reals) -> Counted:
    more = np.zeros(_HOURS)
    for begin in np.flatnonzero(random.random(_HOURS) < 0.01):
        more[begin : begin + int(random.integers(1, 9))] += 200 * random.pareto(1.5)
    return _all(random.poisson((200 * _SHAPE + more) * times))


def _weekly(random: np.random.Generator, times: Reals) -> Counted:
    days = np.array((1.3, 1, 1, 1, 1.2, 0.3, 0.2))[_DAY % 7]
    holidays = np.where(random.random(DAYS) < 0.05, 0.4, 1)[_DAY]
    return _all(random.poisson(500 * (1 + 0.9 * _BY_HOUR) * days * holidays * times))


def _drift(random: np.random.Generator, times: Reals) -> Counted:
    walk = np.cumsum(random.normal(0, 0.15, DAYS))[_DAY]
    return _all(random.poisson(500 * _SHAPE * np.exp(0.01 * _AT / 24 + walk) * times))


def _walk(random: np.random.Generator, times: Reals) -> Counted:
    return _all(random.poisson(2_000 * _SHAPE * np.exp(np.cumsum(random.normal(0, 0.05, _HOURS))) * times))


def _plain(random: np.random.Generator, times: Reals) -> Whole:
    counts: Whole = random.poisson(2_000 * _SHAPE * np.exp(random.normal(0, _NOISE, _HOURS)) * times)
    return counts


def _unread(random: np.random.Generator, times: Reals) -> Counted:
    counts, covered, read = _all(_plain(random, times))
    part = random.random(_HOURS) < 0.05
    covered[part] = random.uniform(0.1, 1, int(part.sum()))
    for _ in range(6):
        read[_outage(random)] = False
    return Counted(random.binomial(counts, covered), covered, read)


def _down(random: np.random.Generator, times: Reals) -> Counted:
    counts = _plain(random, times)
    for _ in range(3):
        counts[_outage(random)] = 0
    return _all(counts)


def _outage(random: np.random.Generator) -> slice:
    begin = int(random.integers(0, _HOURS - 12))
    return slice(begin, begin + int(random.integers(2, 12)))


def _varying(random: np.random.Generator, times: Reals) -> Counted:
    by_block = np.exp(random.normal(np.log(times[::6]), 0.3))[_AT // 6]
    return _all(random.poisson(2_000 * _SHAPE * np.where(times == 1, 1.0, by_block)))


KINDS: Final[Mapping[str, Draw]] = {
    "few counts": _few,
    "over-dispersed": _over_dispersed,
    "bursts": _bursts,
    "weekends and nights": _weekly,
    "drift": _drift,
    "random walk": _walk,
    "hours not read": _unread,
    "network down": _down,
    "varying effect": _varying,
}
