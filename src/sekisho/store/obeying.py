"""What each gate of a trial obeys, as its daemon wrote it last."""

from __future__ import annotations

from sqlalchemy import delete, select

from sekisho.store.door import Door
from sekisho.store.guardrail_tables import trial_gate
from sekisho.store.moments import from_us, to_us
from sekisho.trial.obeying import Obeying


class ObeyingRows(Door):
    """The gates of a trial in a transaction."""

    def put_obeying(self, trial: str, one: Obeying) -> None:
        """Write what a gate obeys now."""
        suspended = None if one.suspended is None else to_us(one.suspended)
        self._many.put(trial_gate, [(trial, one.gate, suspended, to_us(one.heard))])

    def leave_trials(self, gate: str, *, but: str | None) -> None:
        """Forget what a gate obeyed of trials, but for the one that it follows."""
        left = delete(trial_gate).where(trial_gate.c.gate == gate)
        self._connection.execute(left if but is None else left.where(trial_gate.c.trial != but))

    def obeying(self, trial: str) -> tuple[Obeying, ...]:
        """Return what was written of each gate, by name."""
        found = select(trial_gate).where(trial_gate.c.trial == trial).order_by(trial_gate.c.gate)
        return tuple(
            Obeying(row.gate, None if row.suspended is None else from_us(row.suspended), from_us(row.heard))
            for row in self._connection.execute(found)
        )
