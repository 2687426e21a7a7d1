"""How many lines are behind the counts of a week, as far as that is known without a record of any line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sekisho.measure.trial_facts import Behind, Of
from sekisho.measure.windows import Window
from sekisho.model import Peaks
from sekisho.trial.protocol import Outcome


def lines_behind(weeks: Sequence[Window], spans: Iterable[Peaks]) -> dict[Of, Behind]:
    """Return the lines that are behind the counts of each class and week for certain.

    Hours are told apart and lines are not, so these are those of the busiest hour at one gate. What share of
    a count one line has nobody knows. `spans`: of all gates.
    """
    most: dict[Of, int] = {}
    for span in spans:
        week = next((one for one in weeks if one.begin <= span.since and span.until <= one.end), None)
        if week is None:
            continue
        found: dict[Of, int] = {}
        for (name, _), counts in span.classes.items():
            for outcome, lines in ((Outcome.ADMITTED, sum(counts.lines)), (Outcome.REFUSED, counts.met_cap)):
                place = Of(week.begin, name, outcome)
                found[place] = found.get(place, 0) + lines
        most.update({place: lines for place, lines in found.items() if lines > most.get(place, -1)})
    return {place: Behind(lines, None) for place, lines in most.items()}


def most_behind(one: Mapping[Of, Behind], other: Mapping[Of, Behind]) -> dict[Of, Behind]:
    """Return of two gates the one that has more lines behind a count: they may be the same lines."""
    return {
        place: max(
            (found[place] for found in (one, other) if place in found), key=lambda each: each.lines or 0
        )
        for place in one.keys() | other.keys()
    }
