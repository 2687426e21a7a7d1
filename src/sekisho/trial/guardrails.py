"""When a trial stops by itself: evidence of harm that is looked at daily, and bounds that nothing may pass.

Theory of operation. A test made for one look is wrong sooner or later when it is made daily. Both kinds of
evidence here hold at all times at once: each stops a harmless trial with a probability of at most ALPHA,
however often somebody looks.

- *Complaints* a day against a rate known from before: the likelihood of a rate theta times as high over that
  of the known one, mixed over theta by a gamma density, is an e-process: under the known rate it is
  expected to be 1 at any time, and by Ville's inequality ever reaches 1 / ALPHA with a probability of at
  most ALPHA.
- *Differences*, one a day: the confidence sequence of the normal mixture (Robbins 1970; Howard, Ramdas,
  McAuliffe, Sekhon, Annals of Statistics 49, 2021; with an estimated deviation Waudby-Smith et al.,
  Annals of Statistics 52, 2024). That one holds as days become many, hence LEAST_DAYS.

What has once been evidence stays: whoever resumes a trial begins with a new state. A *hard stop* asks of the
present alone. States are plain values, so that they outlast a restart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import exp, inf, isfinite, isnan, lgamma, log, sqrt
from typing import Final

ALPHA: Final = 0.05
LEAST_DAYS: Final = 10
SHARPEST_DAYS: Final = 30  # about which the confidence sequence is narrowest

SHAPE: Final = 4.0  # of the gamma density over how many times the known rate there is
RATE: Final = 2.0  # its mean is thus a doubling

LARGEST_LOG: Final = 700.0  # whose exponential a float holds


class What(StrEnum):
    """What a guardrail looks at."""

    COMPLAINTS = "complaints"
    DIFFERENCE = "difference"
    GATE_ERRORS = "gate-errors"
    BYPASS = "bypass"
    DELAY_P99 = "delay-p99"
    LEASES = "leases"


@dataclass(frozen=True, slots=True)
class Breach:
    """What was passed: `value` against `bound`, in the unit of what is watched, since a moment."""

    what: What
    value: float
    bound: float
    since: datetime


@dataclass(frozen=True, slots=True)
class Complaints:
    """Complaints so far and how many the known rate lets expect; `since`: when they became evidence."""

    count: int = 0
    expected: float = 0.0
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Differences:
    """Days so far, their mean, the sum of squares about it; `since`: when they became evidence."""

    days: int = 0
    mean: float = 0.0
    squares: float = 0.0
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class HardStop:
    """What may not be above `bound` for as long as `patience`."""

    what: What
    bound: float
    patience: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Above:
    """Since when a hard stop's bound has been passed, if it is."""

    since: datetime | None = None


def count_complaints(
    state: Complaints, complaints: int, expected: float, now: datetime
) -> tuple[Complaints, Breach | None]:
    """Add what came in a day, or the part of it that was watched; `expected`: the known rate times that part.

    Raise ValueError where either is negative or no number, as somebody then counts wrongly.
    """
    if complaints < 0 or not 0 <= expected < inf:
        raise ValueError(f"{complaints} complaints, {expected} expected: count neither below zero")
    state = replace(state, count=state.count + complaints, expected=state.expected + expected)
    evidence = log_evidence(state)
    # Few complaints are evidence against the known rate too, but not of harm.
    if state.since is None and state.count > state.expected and evidence >= -log(ALPHA):
        state = replace(state, since=now)
    if state.since is None:
        return state, None
    return state, Breach(What.COMPLAINTS, exp(min(evidence, LARGEST_LOG)), 1 / ALPHA, state.since)


def log_evidence(state: Complaints) -> float:
    """Return the logarithm of the e-process: how much likelier complaints are than by the known rate."""
    return (
        state.expected
        + SHAPE * log(RATE)
        - lgamma(SHAPE)
        + lgamma(SHAPE + state.count)
        - (SHAPE + state.count) * log(RATE + state.expected)
    )


def follow_difference(
    state: Differences, difference: float, now: datetime, harmless: float = 0.0
) -> tuple[Differences, Breach | None]:
    """Add the difference of a day, which is harm when it is higher than `harmless`.

    A breach has the lower end of the interval as its value. Raise ValueError where a difference is no number:
    leave out a day that has none.
    """
    if not isfinite(difference):
        raise ValueError(f"a difference of {difference}: leave out a day that has none")
    days = state.days + 1
    mean = state.mean + (difference - state.mean) / days
    squares = state.squares + (difference - state.mean) * (difference - mean)
    state = replace(state, days=days, mean=mean, squares=squares)
    ends = interval(state)
    if state.since is None and ends is not None and ends[0] > harmless:
        state = replace(state, since=now)
    if state.since is None or ends is None:
        return state, None
    return state, Breach(What.DIFFERENCE, ends[0], harmless, state.since)


def interval(state: Differences) -> tuple[float, float] | None:
    """Return the ends between which the mean difference lies, at all times at once; None: too few days."""
    if state.days < LEAST_DAYS:
        return None
    reach = radius(state.days, sqrt(max(0.0, state.squares) / (state.days - 1)))
    return state.mean - reach, state.mean + reach


def radius(days: int, deviation: float) -> float:
    """Return half the width of the confidence sequence after so many days."""
    scaled = days * _MIXTURE
    return deviation * sqrt(2 * (scaled + 1) / (days * scaled) * log(sqrt(scaled + 1) / ALPHA))


def _narrowest(days: int) -> float:
    """Return the variance of the mixture, in squared deviations, with which `radius` is least at `days`.

    There the derivative by x = days * variance is zero: x = ln((x + 1) / ALPHA**2).
    """
    x = 1.0
    for _ in range(60):  # contracts by a factor of about nine
        x = log((x + 1) / ALPHA**2)
    return x / days


_MIXTURE: Final = _narrowest(SHARPEST_DAYS)


def check_hard(
    stop: HardStop, state: Above, value: float | None, now: datetime
) -> tuple[Above, Breach | None]:
    """Compare a present value; None or NaN: there is none, which changes nothing.

    What is above its bound again after a time without values counts as above all along. Where the clock went
    back, patience begins anew.
    """
    if value is None or isnan(value):
        return state, None
    if not value > stop.bound:
        return Above(), None
    since = now if state.since is None else min(state.since, now)
    return Above(since), Breach(stop.what, value, stop.bound, since) if now - since >= stop.patience else None
