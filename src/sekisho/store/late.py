"""A store that may be away when it is first wanted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sekisho.store.errors import StoreError
from sekisho.store.journal import Journal, open_journal
from sekisho.store.news import News
from sekisho.store.store import Store, Transaction, open_store


class LateStore(Store):
    """A store and its journal, opened when they can be; until then each transaction says why not."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._store: Store | None = None
        self._opening = threading.Lock()  # two that open one file keep each other busy
        self._why = "the store is not open yet: ask again shortly"

    @property
    def is_open(self) -> bool:
        """Tell whether it was opened."""
        return self._store is not None

    @property
    def journal(self) -> Journal:
        """Return the journal of the store. Raises StoreError."""
        self.require()
        return self._journal

    def open(self) -> None:
        """Open it, unless it is open. Raises StoreError, and may be called again then."""
        with self._opening:
            if self._store is None:
                try:
                    self._store = self._open()
                except StoreError as error:
                    self._why = str(error)
                    raise

    def _open(self) -> Store:
        store = open_store(self.url)
        try:
            self._journal = open_journal(self.url)
        except BaseException:
            store.close()
            raise
        return store

    def require(self) -> None:
        """Raise StoreError where it is not open."""
        self._opened()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open the one transaction that writes; what it wrote is durable when it has ended."""
        with self._opened().transaction() as transaction:
            yield transaction

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Open a transaction that only reads, beside whatever is written."""
        with self._opened().reading() as transaction:
            yield transaction

    @contextmanager
    def listening(self) -> Iterator[News]:
        """Hear what others write about trials while it is open, on a connection of its own."""
        with self._opened().listening() as news:
            yield news

    def close(self) -> None:
        """Let go of every connection."""
        if self._store is not None:
            self._journal.close()
            self._store.close()

    def _opened(self) -> Store:
        if self._store is None:
            raise StoreError(self._why)
        return self._store
