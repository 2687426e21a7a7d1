"""Forgets what is older than it may be kept, a chunk at a time, so that nobody waits for long."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import chain

import structlog

from sekisho.config import Config
from sekisho.store.forgetting import forget, forget_desk, forget_minutes
from sekisho.store.late import LateStore

EVERY = timedelta(hours=1)
MINUTES_KEPT = timedelta(weeks=2)  # to look closely; hours are kept

log = structlog.get_logger()


class Forgetter:
    """Rounds through a store by the configuration in force; `utc` tells the time."""

    def __init__(
        self, store: LateStore, *, config: Callable[[], Config], utc: Callable[[], datetime]
    ) -> None:
        self._store, self._config, self._utc = store, config, utc
        self._round: Iterator[int] | None = None
        self._next = utc()

    def step(self) -> None:
        """Forget a chunk; now and then a new round begins. Raises StoreError, and the round is over then."""
        now = self._utc()
        if self._round is None and now >= self._next:
            self._round = self._begin(now)
            self._next = now + EVERY
        if self._round is not None and next(self._round, None) is None:
            self._round = None

    def _begin(self, now: datetime) -> Iterator[int]:
        config = self._config()
        kept, desk = config.kept, config.desk
        leases_before = now - timedelta(milliseconds=kept.leases_ms)
        audit_before = now - timedelta(milliseconds=kept.audit_ms)
        of_desk: Iterable[int] = ()
        if desk is not None:
            reports, cases = timedelta(milliseconds=desk.reports_ms), timedelta(milliseconds=desk.cases_ms)
            of_desk = forget_desk(self._store, now - reports, now - cases, leases_before, _tell_unseen)
        return chain(
            of_desk,
            forget_minutes(self._store, now - MINUTES_KEPT),
            forget(self._store, self._store.journal, leases_before, audit_before, now),
        )


def _tell_unseen(reports: int) -> None:
    log.warning("reports are forgotten in their time that people had not looked at", reports=reports)
