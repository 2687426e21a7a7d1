"""Made-up trials of several gates that drew lots of their own, in noise that they have in common in part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import sqrt
from typing import Final

import numpy as np

from bench.trial_models import (
    DAY,
    HOUR,
    SPAN,
    Reals,
    Truth,
    correlated,
    counted_hours,
    rejects,
    switchback,
)
from sekisho.trial.estimate import Estimate, measure
from sekisho.trial.plan import Plan, Span, Units, at_gate

WEEKS: Final = 2  # four gates say as much as one in eight
SIZES: Final[Mapping[str, float]] = {"large": 1.0, "middle": 0.5, "small": 0.1, "smallest": 0.03}
"""How much a gate has of what one has in the other simulations."""
COMMON: Final[Mapping[str, float]] = {"half of the noise in common": 0.5, "all noise in common": 1.0}


@dataclass(frozen=True, slots=True)
class Common:
    """What there is to be found, and which share of the noise's variance all gates have in common."""

    truth: Truth
    share: float


def of_units(common: Common, seed: int) -> Mapping[str, float]:
    """Analyse a switchback of four gates over two weeks."""
    plan = _plan(seed)
    hours = WEEKS * 7 * 24
    random = np.random.default_rng(seed)
    of_all = sqrt(common.share) * correlated(common.truth, hours, random)
    series = []
    for gate, size in SIZES.items():
        own: Reals = sqrt(1 - common.share) * correlated(common.truth, hours, random)
        levels: Reals = of_all + own + np.log(size)
        series.append(
            replace(counted_hours(at_gate(plan, gate), common.truth.times, levels, random), gate=gate)
        )
    effect = measure(plan, "dynamic", series, registered=True).effect
    assert isinstance(effect, Estimate)
    return {
        "rejected": rejects(effect),
        "covered": effect.low_percent <= 100 * (common.truth.times - 1) <= effect.high_percent,
        "width": effect.high_percent - effect.low_percent,
    }


def _plan(seed: int) -> Plan:
    span = Span(SPAN.begin, SPAN.begin + WEEKS * 7 * DAY)
    plan = switchback(6 * HOUR, seed)
    assert plan.switchback is not None
    drawn = replace(plan.switchback, span=span, units=Units.GATES, gates=tuple(SIZES))
    return replace(plan, span=span, switchback=drawn)
