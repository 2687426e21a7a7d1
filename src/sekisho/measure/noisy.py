"""What was released with noise. Apart from `private`, which loads opendp."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import fsum
from typing import NamedTuple

from sekisho.measure.windows import Window


class Release(NamedTuple):
    """Noisy counts of lines in a window, by a value of each dimension."""

    statistic: str
    window: Window
    epsilon: float
    counts: Mapping[tuple[str, ...], int]


def spent(releases: Collection[Release]) -> float:
    """Return the epsilon of releases together: what they tell of a line adds up."""
    return fsum(one.epsilon for one in releases)
