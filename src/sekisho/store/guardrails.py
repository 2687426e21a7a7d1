"""What the guardrails of trials know, and their paths: the highest value of each day beside its bound.

Several gates may keep one store: what is known is each one's own, a path has the highest of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from sqlalchemy import func, select

from sekisho.store.door import Door
from sekisho.store.guardrail_tables import trial_path, trial_watch
from sekisho.store.moments import from_us, to_us
from sekisho.store.schema import trial_event
from sekisho.trial.events import What as Happened
from sekisho.trial.guardrails import What
from sekisho.trial.watching import Point

EVERY_GATE: Final = ""
Paths = Mapping[What, tuple[tuple[date, Point], ...]]
"""The highest point of each day, by what it is of."""


class GuardrailRows(Door):
    """Guardrails in a transaction, by trial."""

    def watches(self, trial: str, gate: str) -> tuple[str, ...]:
        """Return what is known at a gate, as it was put, and after it what every gate begins with."""
        found = (
            select(trial_watch.c.packed)
            .where(trial_watch.c.trial == trial, trial_watch.c.gate.in_((gate, EVERY_GATE)))
            .order_by(trial_watch.c.gate.desc())
        )
        return tuple(self._connection.execute(found).scalars())

    def put_watch(self, trial: str, gate: str, packed: str) -> None:
        """Write what is known at a gate, or what every gate begins with."""
        self._many.put(trial_watch, [(trial, gate, packed)])

    def resumptions(self, trial: str) -> int:
        """Return the number of the event that resumed a trial last; 0: none did."""
        found = select(func.max(trial_event.c.number)).where(
            trial_event.c.trial == trial, trial_event.c.what == Happened.RESUMED
        )
        return self._connection.execute(found).scalar_one() or 0

    def raise_paths(self, trial: str, points: Iterable[tuple[date, Point]]) -> None:
        """Write the values that are the highest of their day so far."""
        for day, point in points:
            key = (
                trial_path.c.trial == trial,
                trial_path.c.what == point.what,
                trial_path.c.day == day.isoformat(),
            )
            before = self._connection.execute(select(trial_path.c.value).where(*key)).scalar_one_or_none()
            if before is None or point.value > before:
                row = (to_us(point.at), point.value, point.bound, trial, str(point.what), day.isoformat())
                self._many.put(trial_path, [row])

    def guardrail_paths(self, trial: str) -> Paths:
        """Return the point of each day, in order, by what they are of."""
        found = select(trial_path).where(trial_path.c.trial == trial).order_by(trial_path.c.day)
        paths: dict[What, list[tuple[date, Point]]] = {}
        for row in self._connection.execute(found):
            point = Point(What(row.what), row.value, row.bound, from_us(row.at))
            paths.setdefault(point.what, []).append((date.fromisoformat(row.day), point))
        return {what: tuple(points) for what, points in paths.items()}
