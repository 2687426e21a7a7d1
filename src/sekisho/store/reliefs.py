"""Reliefs of lines from their limits, and orders to keep evidence; what has ended stays as history."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Table, bindparam, func, insert, or_, select, update

from sekisho.lines.records import EvidenceHold, Relief
from sekisho.store.door import Door
from sekisho.store.many import Query
from sekisho.store.moments import from_us, to_us
from sekisho.store.schema import evidence_hold, relief

_NOW = bindparam("now", type_=BigInteger)
IN_FORCE = (
    relief.c.since <= _NOW,
    relief.c.until > _NOW,
    or_(relief.c.ended.is_(None), relief.c.ended > _NOW),
)
_RELIEFS = select(relief.c.line, relief.c.since, relief.c.until, relief.c.by, relief.c.reason)
_RELIEVED = Query(relief.c.line, select(relief.c.line).where(*IN_FORCE))
_HOLDS = select(
    evidence_hold.c.line, evidence_hold.c.since, evidence_hold.c.by, evidence_hold.c.reason
).where(evidence_hold.c.released.is_(None))


class Reliefs(Door):
    """Reliefs and evidence holds in a transaction."""

    def add_relief(self, one: Relief) -> None:
        """Write a relief; one that the line has already ends when this begins."""
        self.end_relief(one.line, one.since, one.by)
        self._insert(relief, one)

    def end_relief(self, line: int, at: datetime, by: str) -> bool:
        """End the relief of a line; tell whether it had one."""
        changed = self._connection.execute(
            update(relief).where(relief.c.line == line, *IN_FORCE).values(ended=to_us(at), ended_by=by),
            {"now": to_us(at)},
        )
        return changed.rowcount > 0

    def relief(self, line: int, now: datetime) -> Relief | None:
        """Return the relief of a line, None where it has none."""
        return next(iter(self._reliefs(now, relief.c.line == line)), None)

    def reliefs(self, now: datetime) -> tuple[Relief, ...]:
        """Return all reliefs in force, the oldest first."""
        return self._reliefs(now)

    def released_in(self, begin: datetime, end: datetime) -> int:
        """Count the lines that had a relief at some time of a span, of what is kept."""
        until = func.coalesce(relief.c.ended, relief.c.until)
        found = select(func.count(relief.c.line.distinct())).where(
            relief.c.since < to_us(end), until > to_us(begin), until > relief.c.since
        )
        return int(self._connection.execute(found).scalar_one())

    def relieved(self, lines: Iterable[int], now: datetime) -> frozenset[int]:
        """Return which of the lines have a relief in force."""
        return frozenset(line for (line,) in self._many.find(_RELIEVED, lines, now=to_us(now)))

    def hold_evidence(self, one: EvidenceHold) -> None:
        """Write an order to keep all that is known of a line."""
        self._insert(evidence_hold, one)

    def release_evidence(self, line: int, at: datetime, by: str) -> bool:
        """Withdraw the orders to keep what is known of a line; tell whether there was any."""
        changed = self._connection.execute(
            update(evidence_hold)
            .where(evidence_hold.c.line == line, evidence_hold.c.released.is_(None))
            .values(released=to_us(at), released_by=by)
        )
        return changed.rowcount > 0

    def evidence_holds(self) -> tuple[EvidenceHold, ...]:
        """Return all orders in force, the oldest first."""
        rows = self._connection.execute(_HOLDS.order_by(evidence_hold.c.since, evidence_hold.c.id))
        return tuple(EvidenceHold(line, from_us(since), by, reason) for line, since, by, reason in rows)

    def _reliefs(self, now: datetime, *conditions: ColumnElement[bool]) -> tuple[Relief, ...]:
        query = _RELIEFS.where(*IN_FORCE, *conditions).order_by(relief.c.since, relief.c.id)
        return tuple(
            Relief(line, from_us(since), from_us(until), by, reason)
            for line, since, until, by, reason in self._connection.execute(query, {"now": to_us(now)})
        )

    def _insert(self, table: Table, one: Relief | EvidenceHold) -> None:
        values: dict[str, Any] = one._asdict()
        moments = {name: to_us(value) for name, value in values.items() if isinstance(value, datetime)}
        self._connection.execute(insert(table).values({**values, **moments}))
