"""Which gates of one store do as a trial stands, by what each of them has written last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

HEARD_EVERY: Final = timedelta(minutes=1)
SILENT: Final = timedelta(seconds=150)  # two that did not come, and some time for the store


@dataclass(frozen=True, slots=True)
class Obeying:
    """What a gate's daemon wrote last of its kernel, at `heard` (aware UTC, by its clock).

    `suspended`: when the suspension began that the kernel obeys; None where it follows the plan.
    """

    gate: str
    suspended: datetime | None
    heard: datetime

    def is_silent(self, now: datetime) -> bool:
        """Tell whether the daemon must be down, or the store away from it."""
        return now - self.heard > SILENT


def outstanding(gates: Iterable[Obeying], suspended: datetime | None, now: datetime) -> tuple[Obeying, ...]:
    """Return the gates that are heard of and have yet to obey."""
    return tuple(one for one in gates if one.suspended != suspended and not one.is_silent(now))
