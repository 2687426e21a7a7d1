"""Complaints of customers during a trial, as people entered them; they only grow."""

from __future__ import annotations

from datetime import date

from sqlalchemy import func, insert, select

from sekisho.store.door import Door
from sekisho.store.guardrail_tables import complaint
from sekisho.store.moments import from_us, to_us
from sekisho.trial.complaints import Complaint


class ComplaintRows(Door):
    """Complaints in a transaction, by trial."""

    def add_complaint(self, trial: str, one: Complaint) -> None:
        """Write one; its number is given here."""
        row = {
            "trial": trial,
            "at": to_us(one.at),
            "day": one.day.isoformat(),
            "complaints": one.count,
            "reason": one.reason,
            "by": one.by,
            "uid": one.uid,
        }
        self._connection.execute(insert(complaint).values(row))

    def complaints_after(self, trial: str, number: int) -> tuple[Complaint, ...]:
        """Return those that were written after one, in order; 0: all."""
        found = (
            select(complaint)
            .where(complaint.c.trial == trial, complaint.c.number > number)
            .order_by(complaint.c.number)
        )
        return tuple(
            Complaint(
                from_us(row.at),
                date.fromisoformat(row.day),
                row.complaints,
                row.reason,
                row.by,
                row.uid,
                row.number,
            )
            for row in self._connection.execute(found)
        )

    def complaints_by_day(self, trial: str) -> dict[date, int]:
        """Return the sum of each day that has any, in order."""
        found = (
            select(complaint.c.day, func.sum(complaint.c.complaints))
            .where(complaint.c.trial == trial)
            .group_by(complaint.c.day)
            .order_by(complaint.c.day)
        )
        return {date.fromisoformat(day): int(count) for day, count in self._connection.execute(found)}
