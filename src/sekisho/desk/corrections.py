"""What accounting that came late makes of an incident that was another line's by what was known before."""

from __future__ import annotations

from dataclasses import replace

from sekisho.desk.attribute import Because, Found, Outcome
from sekisho.desk.records import Askable, KeptIncident
from sekisho.desk.trust import folded


def corrected(kept: KeptIncident, outcome: Outcome, askable: Askable) -> KeptIncident | None:
    """Return an incident as it is by what is known now, of no case yet; None: it is as it was.

    `outcome`: of asking anew. What its reporter's word counts for stays. Who is not certain any more is
    nobody to whom it counts, until more is known; where a person has chosen one of several, that one stays.
    """
    if outcome.line == kept.line or (askable.by_hand and kept.line in outcome.candidates):
        return None
    if outcome.line is None or kept.moment is None:
        because = outcome.because
        return replace(kept, found=outcome.found, because=because, line=None, case=None, folded=None)
    key = folded(askable.same, outcome.line, kept.moment)
    return replace(kept, found=Found.ATTRIBUTED, because=None, line=outcome.line, case=None, folded=key)


def for_people(turned: KeptIncident) -> KeptIncident:
    """Return a corrected incident as one for people, who have dismissed it: it may be false of any line."""
    because = turned.because if turned.line is None else Because.DISMISSED
    return replace(turned, found=Found.AMBIGUOUS, because=because, line=None, case=None, folded=None)
