"""Counts of lines with noise, released once and kept. It takes opendp."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sekisho.config import Config
from sekisho.config.private import PrivateTable
from sekisho.measure.cells import Table
from sekisho.measure.judge import NotPublishableError
from sekisho.measure.noisy import spent
from sekisho.measure.peaks import to_release
from sekisho.measure.private import release
from sekisho.measure.turns import HOUR, is_whole
from sekisho.model import Peaks
from sekisho.reporting.recorded import Recording
from sekisho.store import Transaction, open_store
from sekisho.store.private import KeptRelease
from sekisho.store.read_only import reading_only

_DAY = timedelta(days=1)
_UTC = ZoneInfo("UTC")


class Released(NamedTuple):
    """What was released now or before; `spent`: of the budget, by all releases of the store."""

    kept: KeptRelease
    spent: float


def release_peaks(config: Config, private: PrivateTable, epsilon: float, recording: Recording) -> Released:
    """Release lines by their most sessions at once in the configured hour that was over last, at this gate.

    Which hour that is follows from the clock alone, and the classes from the configuration: nothing is chosen
    by what was counted. Raises StoreError, NotPublishableError.
    """
    begin = last_hour(private.hour, recording.now)
    with reading_only(recording.url) as transaction:
        hour = _counted(transaction, config.gate.name, begin)
    table = to_release(hour, config.gate.name, sorted(config.classes))
    with closing(open_store(recording.url)) as store, store.transaction() as transaction:
        return _released(table, epsilon, private.budget, transaction, recording)


def last_hour(hour: int, now: datetime) -> datetime:
    """Return when an hour of the day began (UTC) that is over, the last one."""
    begin = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    return begin if begin + HOUR <= now else begin - _DAY


def _counted(transaction: Transaction, gate: str, begin: datetime) -> Peaks:
    for span in transaction.active_lines(begin, begin + HOUR, gate):
        if is_whole(span):
            return transaction.peaks_since(span.since, gate)
    raise NotPublishableError(
        f"the hour from {begin:%Y-%m-%d %H:%M} UTC is not counted as a whole at gate {gate!r}: the daemon"
        " counts lines from full hour to full hour while it keeps a store; ask again when the next is over"
    )


def _released(
    table: Table, epsilon: float, budget: float, transaction: Transaction, recording: Recording
) -> Released:
    """Draw and write in the one transaction that may: whoever comes second finds the first's answer."""
    kept: Sequence[KeptRelease] = transaction.private_releases()
    before = [one.release for one in kept]
    found = release(table, epsilon, before, budget, _UTC)
    for one in kept:
        if one.release is found:
            return Released(one, spent(before))
    made = KeptRelease(found, recording.now, recording.by)
    transaction.add_private_release(made)
    return Released(made, spent([*before, found]))
