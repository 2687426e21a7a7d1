"""The sign-flip test and its interval against every world, counted one by one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import fsum

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sekisho.trial.estimate_flips import DRAWS, MOST_EXACT, flip_signs

DIFFERENCES = st.lists(st.floats(-1, 1).map(lambda x: round(x, 3)), min_size=6, max_size=9)


def share_as_far(differences: Sequence[float], shift: float) -> float:
    moved = [value - shift for value in differences]
    happened = abs(fsum(moved)) - 1e-9
    worlds = [
        abs(fsum(map(float.__mul__, signs, moved))) for signs in product((1.0, -1.0), repeat=len(moved))
    ]
    return sum(world >= happened for world in worlds) / len(worlds)


@settings(max_examples=60)
@example([0.344] * 6)
@given(DIFFERENCES)
def test_p_is_the_share_of_all_worlds_and_the_interval_its_inversion(differences: list[float]) -> None:
    found = flip_signs(differences, seed=1)
    assert found.exact
    assert found.p == share_as_far(differences, 0.0)
    assert found.low <= found.shift <= found.high
    for end, outward in ((found.low, -1), (found.high, 1)):
        assert share_as_far(differences, end) > 0.05
        assert share_as_far(differences, end + outward * 1e-6) <= 0.05


@settings(max_examples=40)
@given(DIFFERENCES, st.floats(-1, 1))
def test_what_is_added_to_all_moves_the_interval(differences: list[float], more: float) -> None:
    found, moved = flip_signs(differences, 1), flip_signs([value + more for value in differences], 1)
    for one, other in ((found.low, moved.low), (found.shift, moved.shift), (found.high, moved.high)):
        assert other == pytest.approx(one + more, abs=1e-9)


def test_six_pairs_that_agree_are_the_fewest_for_an_interval() -> None:
    found = flip_signs([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 1)
    assert (found.p, found.low, found.high) == (2 / 64, 0.1, 0.6)
    with pytest.raises(ValueError, match="six"):
        flip_signs([0.1] * 5, 1)


def test_drawn_worlds_are_the_seeds_alone_and_close_to_all_worlds() -> None:
    values = np.random.default_rng(5).normal(0.4, 1, MOST_EXACT + 1).tolist()
    found, again, other = flip_signs(values, 1), flip_signs(values, 1), flip_signs(values, 2)
    assert not found.exact
    assert found == again != other
    sets = (np.arange(2 ** len(values))[:, None] >> np.arange(len(values))) & 1
    sums = np.abs((1 - 2 * sets) @ np.array(values))
    exact = float(np.mean(sums >= abs(sum(values)) - 1e-9))
    assert found.p == pytest.approx(exact, abs=5 * (exact * (1 - exact) / DRAWS) ** 0.5)
    assert (found.p * (DRAWS + 1)) == pytest.approx(round(found.p * (DRAWS + 1)))


@pytest.mark.parametrize("pairs", [17, 40, 120])
def test_an_interval_of_drawn_worlds_is_that_of_the_test(pairs: int) -> None:
    values = np.random.default_rng(pairs).normal(0.2, 1, pairs)
    found = flip_signs(values.tolist(), 3)
    for end, outward in ((found.low, -1), (found.high, 1)):
        assert flip_signs((values - end + outward * 1e-6).tolist(), 3).p > 0.05
        assert flip_signs((values - end - outward * 1e-6).tolist(), 3).p <= 0.05


def test_the_smallest_p_of_draws_is_not_zero() -> None:
    assert flip_signs([1.0 + number / 1e3 for number in range(60)], 1).p == 1 / (DRAWS + 1)


def test_no_difference_at_all_is_no_evidence() -> None:
    assert flip_signs([0.0] * 30, 1).p == 1
    assert flip_signs([0.5, -0.5] * 10, 1).p == 1


def test_very_many_pairs_are_flipped_in_portions() -> None:
    found = flip_signs(np.random.default_rng(1).normal(0.1, 1, 3000).tolist(), 1)
    assert found.low < 0.1 < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 / 3000**0.5, rel=0.1)
