"""How many addresses came onto a blocklist, as people and their programs entered it; rows only grow."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, insert, select

from sekisho.store.door import Door
from sekisho.store.guardrail_tables import blocklist_count
from sekisho.store.moments import from_us, to_us
from sekisho.trial.blocklist import Entered, Of
from sekisho.trial.plan import Span


class BlocklistRows(Door):
    """Numbers of blocklist entries in a transaction, by trial."""

    def add_blocklist_count(self, trial: str, one: Entered) -> None:
        """Write a number; it holds instead of one that was written before of the same."""
        row = {
            "at": to_us(one.at),
            "uid": one.uid,
            "begin": to_us(one.of.span.begin),
            "end": to_us(one.of.span.end),
            "addresses": one.count,
            "trial": trial,
            "class_name": one.of.class_name,
            "reason": one.reason,
            "by": one.by,
        }
        self._connection.execute(insert(blocklist_count).values(row))

    def blocklist_until(self, trial: str) -> dict[str, datetime]:
        """Return until when entries of each class were entered."""
        found = (
            select(blocklist_count.c.class_name, func.max(blocklist_count.c.end))
            .where(blocklist_count.c.trial == trial)
            .group_by(blocklist_count.c.class_name)
            .order_by(blocklist_count.c.class_name)
        )
        return {name: from_us(end) for name, end in self._connection.execute(found)}

    def blocklist_counts(self, trial: str) -> dict[Of, int]:
        """Return what holds of all that was entered."""
        found = (
            select(blocklist_count).where(blocklist_count.c.trial == trial).order_by(blocklist_count.c.number)
        )
        return {
            Of(row.class_name, Span(from_us(row.begin), from_us(row.end))): row.addresses
            for row in self._connection.execute(found)
        }
