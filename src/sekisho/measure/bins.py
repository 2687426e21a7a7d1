"""The bins of what is published: fixed, so that nobody can choose them to single out a line.

Each edge is also one of the kernel's buckets, so that a bin is a sum of whole buckets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

SESSIONS_AT_ONCE: Final = "sessions_at_once"
SESSION_LENGTH: Final = "session_length"

BINS: Final[Mapping[str, tuple[str, ...]]] = {
    SESSIONS_AT_ONCE: ("1", "2", "3", "4-5", "6-10", "11-16", "17-64", "65 or more"),
    SESSION_LENGTH: ("under 1 s", "1-4 s", "4-16 s", "16-65 s", "65 s - 4.4 min", "over 4.4 min"),
}
"""The only values of a dimension of such a name, in this order."""

_BUCKETS: Final[Mapping[str, tuple[int, ...]]] = {
    SESSIONS_AT_ONCE: (1, 2, 3, 5, 10, 16, 18),  # buckets 1..16 one by one, then 17-32, 33-64, …
    SESSION_LENGTH: (10, 12, 14, 16, 18),  # bucket n: from 2**n - 1 ms; 2**10 - 1 ms is the first second
}
"""How many of the kernel's buckets lie below each bin but the first."""


def binned(dimension: str, buckets: Sequence[int]) -> dict[str, int]:
    """Add up the kernel's buckets of one dimension to its bins; zeros at the end may be missing."""
    edges = (0, *_BUCKETS[dimension], len(buckets))
    return {
        name: sum(buckets[begin:end])
        for name, begin, end in zip(BINS[dimension], edges, (*edges[1:],), strict=False)
    }
