"""How many lines are behind the counts of a week, as far as that is known without a record of any line."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sekisho.measure.trial_facts import Behind, Of
from sekisho.measure.windows import Window
from sekisho.model import Peaks
from sekisho.trial.protocol import Outcome

_OUTCOMES: Final = (Outcome.ADMITTED, Outcome.REFUSED)


def lines_behind(weeks: Sequence[Window], spans: Iterable[Peaks]) -> dict[Of, Behind]:
    """Return the lines that are behind the counts of each class and week for certain.

    Hours are told apart and lines are not, so these are those of the busiest hour at one gate. What share of
    a count one line has nobody knows. `spans`: of all gates.
    """
    begins = [week.begin for week in weeks]
    most: dict[Of, int] = {}
    for span in spans:
        place = bisect_right(begins, span.since) - 1
        if place < 0 or span.until > weeks[place].end:
            continue
        found: dict[str, tuple[int, int]] = {}
        for (name, _), counts in span.classes.items():
            admitted, refused = found.get(name, (0, 0))
            found[name] = admitted + sum(counts.lines), refused + counts.met_cap
        for name, lines in found.items():
            for outcome, count in zip(_OUTCOMES, lines, strict=True):
                of = Of(begins[place], name, outcome)
                most[of] = max(most.get(of, 0), count)
    return {of: Behind(lines, None) for of, lines in most.items()}


def most_behind(one: Mapping[Of, Behind], other: Mapping[Of, Behind]) -> dict[Of, Behind]:
    """Return of two gates the one that has more lines behind a count: they may be the same lines."""
    return {
        place: max(
            (found[place] for found in (one, other) if place in found), key=lambda each: each.lines or 0
        )
        for place in one.keys() | other.keys()
    }
