"""Classes of whose sessions nothing is told, since too few lines have them.

Which line has how many sessions is counted nowhere, so that one line may have most of those of many; but
how many lines had any in an hour is known of each gate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from sekisho.measure.suppress import Rules
from sekisho.model import Active
from sekisho.trial.report_values import Because, NotKnown

Sizes = Counter[tuple[str, bool]]
"""How many hours each class had in which lines had sessions, by whether those were few."""


def sizes_of(spans: Iterable[Active]) -> Sizes:
    """Count the hours of one gate."""
    fewest = Rules().fewest
    return Counter((one.class_name, one.lines < fewest) for one in spans if one.lines)


def untold(names: Iterable[str], sizes: Sizes) -> Mapping[str, NotKnown]:
    """Name classes of which nothing is told, and why: in half of their hours with lines those were few."""
    return {
        name: NotKnown(Because.SUPPRESSED if sizes[name, True] else Because.NOT_COUNTED)
        for name in names
        if sizes[name, True] >= sizes[name, False]
    }
