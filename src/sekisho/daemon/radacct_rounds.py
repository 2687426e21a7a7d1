"""Asks FreeRADIUS's table of accounting every so often, and keeps in the store how far it was read."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sekisho.config.schema import RadacctTable
from sekisho.daemon.attempts import Attempts
from sekisho.lines.events import Heard
from sekisho.lines.radacct import Mark, read_mark, show_mark
from sekisho.lines.radacct_poll import Batch, Radacct, RadacctError
from sekisho.lines.radius_secrets import SecretError, read_secret
from sekisho.store import Store


class RadacctRounds:
    """A thread that reads a table; `open_table` raises RadacctError, and is called again then.

    `take` makes durable what was heard, or raises StoreError; `since`: sessions that ended before it are
    left out. A table or a store that is away is tried again with the next round.
    """

    def __init__(
        self,
        open_table: Callable[[], Radacct],
        store: Store,
        *,
        every_seconds: float,
        take: Callable[[Sequence[Heard]], object],
        since: Callable[[], datetime],
    ) -> None:
        self._open, self._store = open_table, store
        self._every_seconds, self._take, self._since = every_seconds, take, since
        self._table: Radacct | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="radacct")
        self.counts: Counter[str] = Counter()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End when the batch at hand is taken."""
        self._stopping.set()
        self._thread.join()
        if self._table is not None:
            self._table.close()

    @property
    def is_alive(self) -> bool:
        """Tell whether the thread runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        attempts = Attempts()
        while not self._stopping.is_set():
            attempts.attempt("radacct", self._round)
            self._stopping.wait(self._every_seconds)

    def _round(self) -> None:
        if self._table is None:
            self._table = self._open()
        mark = self._mark(self._table.where)
        for batch in self._table.poll(mark, self._since()):
            self._keep(self._table.where, mark, batch)
            mark = batch.mark
            if self._stopping.is_set():
                return

    def _mark(self, where: str) -> Mark:
        with self._store.reading() as transaction:
            text = transaction.mark(where)
        return Mark() if text is None else read_mark(text)

    def _keep(self, where: str, before: Mark, batch: Batch) -> None:
        """Take a batch, then write down that it was: what a crash parts is heard again."""
        if batch.heard:
            self._take(batch.heard)
        if batch.mark != before:
            with self._store.transaction() as transaction:
                transaction.put_mark(where, show_mark(batch.mark))
        self.counts.update(taken=len(batch.heard), unparsable=batch.unparsable)


def open_radacct(table: RadacctTable, directory: Path) -> Radacct:
    """Open the table that a configuration names; relative names start at `directory`. Raises RadacctError."""
    zone = None if table.zone is None else ZoneInfo(table.zone)
    return Radacct(_url(table, directory), table.line, zone, utc=lambda: datetime.now(UTC))


def _url(table: RadacctTable, directory: Path) -> str:
    if table.url_file is None:
        return table.url or ""
    try:
        return read_secret(directory / table.url_file).decode()
    except SecretError as error:
        raise RadacctError(f"radacct: {error}") from error
    except UnicodeDecodeError:
        raise RadacctError(f"radacct: {table.url_file} is no text: write the url into it") from None
