"""Incidents as rows."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row

from sekisho.desk.attribute import Because, Found
from sekisho.desk.records import KeptIncident
from sekisho.desk.trust import Weight
from sekisho.store.moments import from_us

FOLDED: Final = "folded"
"""The weight of what one party has reported before."""


def read_incident(row: Row[Any]) -> KeptIncident:
    """Read a row."""
    return KeptIncident(
        report=row.report,
        place=row.place,
        found=Found(row.found),
        party=row.party,
        because=None if row.because is None else Because[row.because],
        weight=None if row.weight in (None, FOLDED) else Weight(row.weight),
        incidents=row.incidents,
        moment=from_us(row.moment),
        line=row.line,
        case=row.case,
        folded=row.folded,
    )
