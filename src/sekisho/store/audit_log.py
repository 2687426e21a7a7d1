"""The audit log on disk: written at its end, forgotten from its beginning, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, or_, select

from sekisho.audit import RETENTION, Entry, Record, follow, forgetting, keeping, may_forget
from sekisho.store.door import Door
from sekisho.store.moments import from_us, to_us
from sekisho.store.schema import audit

_LAST = select(audit).order_by(audit.c.number.desc()).limit(1)
_KEPT = select(audit.c.subject).where(audit.c.action == RETENTION).order_by(audit.c.number.desc()).limit(1)
_CHUNK = 1_000  # rows that a stream reads ahead


class AuditLog(Door):
    """The audit log in a transaction."""

    def record(self, entry: Entry) -> Record:
        """Write an entry at the end."""
        record = follow(self._newest(), entry)
        row = (record.number, to_us(entry.at), entry.uid, entry.user, entry.action, entry.subject)
        self._many.put(audit, [(*row, entry.purpose, entry.reference, entry.outcome, record.hash)])
        return record

    def records(self, after: int = 0, since: datetime | None = None) -> Iterator[Record]:
        """Yield what was recorded, in order; `after`: a record's number."""
        query = select(audit).where(audit.c.number > after).order_by(audit.c.number)
        if since is not None:
            query = query.where(audit.c.at >= to_us(since))
        with self._connection.execute(query.execution_options(yield_per=_CHUNK)) as rows:
            yield from map(_record, rows)

    def records_of_case(self, case: int) -> Iterator[Record]:
        """Yield, in order, the records that name a case of the desk, as subject or as reference."""
        named = f"case {case}"
        of_report = audit.c.reference.like(f"report %, {named}")
        is_named = or_(audit.c.subject == named, audit.c.reference == named, of_report)
        query = select(audit).where(is_named).order_by(audit.c.number)
        yield from map(_record, self._connection.execute(query))

    def forget_records(self, before: datetime, now: datetime) -> int:
        """Forget what was recorded before a moment, and record that; return how many records.

        Only what stands before every younger record goes, and nothing by a clock that may be wrong. Where
        the log was kept for another time until now, that is recorded first.
        """
        newest = self._newest()
        if newest is None or not may_forget(newest, now):
            return 0
        kept = keeping(now - before, now)
        if self._connection.execute(_KEPT).scalar_one_or_none() != kept.subject:
            self.record(kept)
        first_young = select(func.min(audit.c.number)).where(audit.c.at >= to_us(before)).scalar_subquery()
        young = func.coalesce(first_young, newest.number + 1)
        old = select(audit).where(audit.c.number < young).order_by(audit.c.number.desc()).limit(1)
        found = self._connection.execute(old).one_or_none()
        if found is None:
            return 0
        last = _record(found)
        self.record(forgetting(last, now))
        return self._connection.execute(delete(audit).where(audit.c.number <= last.number)).rowcount

    def _newest(self) -> Record | None:
        return next(map(_record, self._many.rows(_LAST)), None)


def _record(row: Iterable[Any]) -> Record:
    number, at, *others, digest = row
    return Record(number, Entry(from_us(at), *others), digest)
