"""The paired sign-flip test, and the interval that comes from its inversion.

Theory of operation. The lot could as well have put the other block of any pair on: under the hypothesis
that the limit adds `shift` to every difference, each difference less `shift` could as well have had the
other sign. The p-value of `shift` is the share of all such worlds whose mean is as far from zero as that
which happened. With the differences of a set of pairs flipped, the mean is as high as before exactly where
the mean of that set is `shift` or less, so the ends of the interval are order statistics of the means of
sets of pairs (Hartigan, JASA 64, 1969): no grid, no search. With more than MOST_EXACT pairs, sets are drawn;
the world that happened is counted among them (Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9, 2010), so
that the test keeps its level whatever was drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import shake_256
from typing import Final

import numpy as np
from numpy.typing import NDArray

MOST_EXACT: Final = 16  # pairs: 65,536 worlds
DRAWS: Final = 19_999
ONE_IN: Final = 20  # a true shift lies outside the interval once in so many times: 95 %

_AT_ONCE: Final = 4_000_000  # numbers in memory
_TIE: Final = 1e-9  # of the largest difference: what rounding may add to a mean that is zero

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Flipped:
    """A shift with its interval, and the p-value of no shift; `exact`: of all worlds, not of drawn ones."""

    shift: float
    low: float
    high: float
    p: float
    exact: bool


@dataclass(frozen=True, slots=True)
class _Worlds:
    """The means of flipped sets and of what is left; `sure`: worlds, of `worlds`, that are always as far."""

    means: Reals
    sure: int
    worlds: int

    def share_below(self, shift: float) -> float:
        """Return the p-value of a shift below the one that was found."""
        return min(1.0, (self.sure + int(np.count_nonzero(self.means <= shift))) / self.worlds)

    def end(self) -> float:
        """Return the lowest shift whose p-value is above one in ONE_IN."""
        rank = self.worlds // ONE_IN - self.sure
        return float(np.partition(self.means, rank)[rank])


def flip_signs(differences: Sequence[float] | Reals, seed: int) -> Flipped:
    """Test the differences of pairs; six or more, else there is no interval, and ValueError is raised.

    The sets that are drawn are the bits of SHAKE-256 of "SEED:flips", a row of whole bytes for each.
    """
    found = np.asarray(differences, dtype=np.float64)
    if 2 ** (len(found) - 1) < ONE_IN:
        raise ValueError(f"{len(found)} pairs have no interval: six are the fewest")
    shift = float(found.mean())
    exact = len(found) <= MOST_EXACT
    worlds = (_all_worlds if exact else _drawn_worlds)(found, seed)
    mirrored = _Worlds(-worlds.means, worlds.sure, worlds.worlds)
    tie = _TIE * float(np.abs(found).max())
    p = worlds.share_below(tie) if shift > 0 else mirrored.share_below(tie)
    low, high = min(worlds.end(), shift), max(-mirrored.end(), shift)  # means of equal numbers are rounded
    return Flipped(shift, low, high, p if abs(shift) > tie else 1.0, exact)


def _all_worlds(differences: Reals, _seed: int) -> _Worlds:
    """Flip every set but none and all; each is the rest of another, so that its mean counts twice."""
    pairs = len(differences)
    numbers = np.arange(1, 2**pairs - 1)
    sets = (numbers[:, None] >> np.arange(pairs)) & 1
    means = (sets @ differences) / sets.sum(axis=1)
    return _Worlds(np.repeat(means, 2), 2, 2**pairs)


def _drawn_worlds(differences: Reals, seed: int) -> _Worlds:
    total, pairs = differences.sum(), len(differences)
    parts, sure = [], 1
    for sets in _draw_sets(pairs, seed):
        sizes = sets.sum(axis=1)
        mixed = (sizes > 0) & (sizes < pairs)
        sure += int(np.count_nonzero(~mixed))
        sums, sizes = (sets @ differences)[mixed], sizes[mixed]
        parts += [sums / sizes, (total - sums) / (pairs - sizes)]
    return _Worlds(np.concatenate(parts), sure, DRAWS + 1)


def _draw_sets(pairs: int, seed: int) -> Iterator[Reals]:
    """Draw which pairs are flipped, a row for each draw, as many rows at once as fit."""
    width = -(-pairs // 8)
    drawn = np.frombuffer(shake_256(f"{seed}:flips".encode("ascii")).digest(DRAWS * width), dtype=np.uint8)
    rows = drawn.reshape(DRAWS, width)
    height = max(1, _AT_ONCE // pairs)
    for first in range(0, DRAWS, height):
        yield np.unpackbits(rows[first : first + height], axis=1, count=pairs).astype(np.float64)
