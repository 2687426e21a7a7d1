"""A database that is open, and its transactions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from sekisho.store.audit_log import AuditLog
from sekisho.store.blocklist import BlocklistRows
from sekisho.store.complaints import ComplaintRows
from sekisho.store.engine import Engines, make_engines, read_url
from sekisho.store.errors import told
from sekisho.store.guardrails import GuardrailRows
from sekisho.store.lines import Lines
from sekisho.store.marks import Marks
from sekisho.store.migrate import migrate
from sekisho.store.minutes import Minutes
from sekisho.store.minutes_asked import AskedMinutes
from sekisho.store.news import News, listen
from sekisho.store.obeying import ObeyingRows
from sekisho.store.peaks import PeakSpans
from sekisho.store.port_plans import PortPlans
from sekisho.store.private import PrivateReleases
from sekisho.store.publishing import Publishing
from sekisho.store.reliefs import Reliefs
from sekisho.store.reported import Reported
from sekisho.store.retention import Retention
from sekisho.store.stages import StageRows
from sekisho.store.sums import Sums
from sekisho.store.trials import Trials
from sekisho.store.workload import Workloads


class Transaction(
    Lines,
    Retention,
    PortPlans,
    Reliefs,
    AuditLog,
    Sums,
    Marks,
    Minutes,
    AskedMinutes,
    Trials,
    ObeyingRows,
    ComplaintRows,
    BlocklistRows,
    GuardrailRows,
    PeakSpans,
    Publishing,
    PrivateReleases,
    Workloads,
    Reported,
    StageRows,
):
    """All that can be asked and written, by theme."""


class Store:
    """An open database. Any thread may use it; a transaction is one thread's."""

    def __init__(self, engines: Engines, where: str) -> None:
        self._engines, self._where = engines, where
        self._turn = threading.Lock()  # to write; SQLite itself would have threads sleep and try again

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open the one transaction that writes; what it wrote is durable when it has ended."""
        with self._turn, told(self._where), self._engines.writing.begin() as connection:
            yield Transaction(connection)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Open a transaction that only reads, beside whatever is written."""
        with told(self._where), self._engines.reading.begin() as connection:
            yield Transaction(connection)

    @contextmanager
    def listening(self) -> Iterator[News]:
        """Hear what others write about trials while it is open, on a connection of its own."""
        with told(self._where), closing(listen(self._engines.plain)) as news:
            yield news

    def close(self) -> None:
        """Let go of every connection."""
        self._engines.writing.dispose()


def open_store(url: str) -> Store:
    """Open a database and bring its schema to the newest.

    Raises StoreError for an url that cannot be, a database that cannot be reached or written, and one whose
    schema is newer than this program.
    """
    read = read_url(url)
    where = read.render_as_string(hide_password=True)
    engines = make_engines(read)
    store = Store(engines, where)
    try:
        with told(where):
            migrate(engines.writing, where)
    except BaseException:
        store.close()
        raise
    return store
