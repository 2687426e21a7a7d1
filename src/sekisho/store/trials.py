"""What was registered of trials, and what happened to them: both only grow, and nothing is forgotten."""

from __future__ import annotations

from sqlalchemy import insert, select

from sekisho.store.door import Door
from sekisho.store.moments import from_us, to_us
from sekisho.store.news import tell
from sekisho.store.schema import trial_event, trial_version
from sekisho.trial.events import Event, Suspension, What, suspension_of
from sekisho.trial.registration import Version

_STATE = (What.SUSPENDED, What.RESUMED)


class Trials(Door):
    """Trials in a transaction, by their names."""

    def add_trial_version(self, trial: str, version: Version) -> None:
        """Write a version; StoreError where its number is taken."""
        row = {
            "trial": trial,
            "number": version.number,
            "registered_at": to_us(version.registered_at),
            "digest": version.digest,
            "canonical": version.text,
            "supersedes": version.supersedes,
            "late": version.late,
        }
        self._connection.execute(insert(trial_version).values(row))

    def trial_versions(self, trial: str) -> tuple[Version, ...]:
        """Return the versions of a trial in order."""
        found = select(trial_version).where(trial_version.c.trial == trial).order_by(trial_version.c.number)
        return tuple(
            Version(
                row.number, from_us(row.registered_at), row.digest, row.canonical, row.supersedes, row.late
            )
            for row in self._connection.execute(found)
        )

    def add_trial_event(self, event: Event) -> None:
        """Write what has happened; other gates' daemons hear of it."""
        row = {
            "at": to_us(event.at),
            "trial": event.trial,
            "what": event.what,
            "reason": event.reason,
            "by": event.by,
            "uid": event.uid,
        }
        self._connection.execute(insert(trial_event).values(row))
        if event.what in _STATE:
            tell(self._connection, event.trial)

    def trial_events(self, trial: str) -> tuple[Event, ...]:
        """Return what happened to a trial, in the order in which it was written."""
        return self._events(trial, tuple(What))

    def trial_suspension(self, trial: str) -> Suspension | None:
        """Return what a trial is suspended by."""
        return suspension_of(self._events(trial, _STATE))

    def _events(self, trial: str, kinds: tuple[What, ...]) -> tuple[Event, ...]:
        found = (
            select(trial_event)
            .where(trial_event.c.trial == trial, trial_event.c.what.in_(kinds))
            .order_by(trial_event.c.number)
        )
        return tuple(
            Event(from_us(row.at), row.trial, What(row.what), row.reason, row.by, row.uid)
            for row in self._connection.execute(found)
        )
