"""How much there is: sums that name nobody."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select

from sekisho.store.door import Door
from sekisho.store.moments import to_us
from sekisho.store.reliefs import IN_FORCE
from sekisho.store.schema import lease, line, relief

_SUMS = select(
    select(func.count()).select_from(line).scalar_subquery(),
    select(func.count()).select_from(lease).where(lease.c.end.is_(None)).scalar_subquery(),
    select(func.count()).select_from(relief).where(*IN_FORCE).scalar_subquery(),
)


class LineTotals(NamedTuple):
    """Lines that are known, addresses that are held, and reliefs in force."""

    lines: int
    addresses_held: int
    reliefs: int


class Sums(Door):
    """Sums in a transaction."""

    def totals(self, now: datetime) -> LineTotals:
        """Count what there is."""
        return LineTotals(*self._connection.execute(_SUMS, {"now": to_us(now)}).one())
