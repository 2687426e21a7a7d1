"""A store that may be away when it is first wanted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sekisho.store.errors import StoreError
from sekisho.store.store import Store, Transaction, open_store


class LateStore(Store):
    """A store that is opened when it can be; until then each transaction says why it cannot be had."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._store: Store | None = None
        self._why = "the store is not open yet: ask again shortly"

    @property
    def is_open(self) -> bool:
        """Tell whether it was opened."""
        return self._store is not None

    def open(self) -> None:
        """Open it, unless it is open. Raises StoreError, and may be called again then."""
        if self._store is None:
            try:
                self._store = open_store(self._url)
            except StoreError as error:
                self._why = str(error)
                raise

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

    def close(self) -> None:
        """Let go of every connection."""
        if self._store is not None:
            self._store.close()

    def _opened(self) -> Store:
        if self._store is None:
            raise StoreError(self._why)
        return self._store
