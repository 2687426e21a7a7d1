"""Tells the log, once an hour, of reporters whose word counts for nothing now."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Final

import structlog

from sekisho.desk.trust import Weight

EVERY: Final = timedelta(hours=1)

log = structlog.get_logger()


class IgnoredParties:
    """What was told of which party, and when; several threads may tell."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[tuple[str, Weight], tuple[datetime, int]] = {}  # when, and how many since

    def tell(self, party: str, weight: Weight, now: datetime) -> None:
        """Tell of a report that counts for nothing, with those that were not told since the last time."""
        key = (party, weight)
        with self._lock:
            at, since = self._told.get(key, (None, 0))
            is_due = at is None or abs(now - at) >= EVERY  # also where the clock was set
            self._told[key] = (now, 0) if is_due or at is None else (at, since + 1)
            if is_due:
                self._told = {one: told for one, told in self._told.items() if abs(now - told[0]) < 2 * EVERY}
        if is_due:
            log.warning(
                "what a reporter sends counts for nothing", party=party, why=weight, reports=since + 1
            )
