"""Python's collector of cycles, in a daemon that keeps much and makes few of them."""

from __future__ import annotations

import gc

# How many objects more than were freed make it look at the youngest, and how many of these rounds at all of
# the next age. A round over everything stops every thread: with the answers of a storm in memory for 0.2 s,
# every two seconds, by Python's own thresholds (700, 10, 10), and it found next to nothing.
_THRESHOLDS = (10_000, 10, 1_000)


def calm_collector() -> None:
    """Look at what is loaded by now never again, and at what lives long seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
