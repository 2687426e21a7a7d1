"""What the guardrails of trials know, and their paths: the highest value of each day beside its bound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from sqlalchemy import func, select

from sekisho.store.door import Door
from sekisho.store.guardrail_tables import trial_path, trial_watch
from sekisho.store.moments import from_us, to_us
from sekisho.store.schema import trial_event
from sekisho.trial.events import What as Happened
from sekisho.trial.guardrails import What
from sekisho.trial.watching import Point

Paths = Mapping[What, tuple[tuple[date, Point], ...]]
"""The highest point of each day, by what it is of."""


class GuardrailRows(Door):
    """Guardrails in a transaction, by trial."""

    def watch(self, trial: str) -> str | None:
        """Return what is known, as it was put; None: nothing is."""
        found = select(trial_watch.c.packed).where(trial_watch.c.trial == trial)
        return self._connection.execute(found).scalar_one_or_none()

    def put_watch(self, trial: str, packed: str) -> None:
        """Write what is known."""
        self._many.put(trial_watch, [(trial, packed)])

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
