"""How many lines are behind the counts of a week, as far as that is known without a record of any line."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sekisho.measure.trial_facts import Behind, Of
from sekisho.measure.windows import Window
from sekisho.model import Active
from sekisho.trial.protocol import Outcome

_OUTCOMES: Final = (Outcome.ADMITTED, Outcome.REFUSED)


def lines_behind(weeks: Sequence[Window], spans: Iterable[Active]) -> dict[Of, Behind]:
    """Return the lines that are behind the counts of each class and week for certain.

    Hours are told apart and lines are not, so these are those of the busiest hour at one gate. What share of
    a count one line has nobody knows. `spans`: of all gates.
    """
    begins = [week.begin for week in weeks]
    most: dict[tuple[int, str], tuple[int, int]] = {}
    for since, until, name, admitted, refused in spans:
        place = bisect_right(begins, since) - 1
        if place < 0 or until > weeks[place].end:
            continue
        before = most.get((place, name), (0, 0))
        if admitted > before[0] or refused > before[1] or (place, name) not in most:
            most[place, name] = max(admitted, before[0]), max(refused, before[1])
    return {
        Of(begins[place], name, outcome): Behind(lines, None)
        for (place, name), found in most.items()
        for outcome, lines in zip(_OUTCOMES, found, strict=True)
    }


def most_behind(one: Mapping[Of, Behind], other: Mapping[Of, Behind]) -> dict[Of, Behind]:
    """Return of two gates the one that has more lines behind a count: they may be the same lines."""
    return {
        place: max(
            (found[place] for found in (one, other) if place in found), key=lambda each: each.lines or 0
        )
        for place in one.keys() | other.keys()
    }
