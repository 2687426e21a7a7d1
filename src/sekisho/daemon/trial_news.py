"""Hears at once that another gate's daemon has suspended or resumed the trial in the store of both."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from sekisho.daemon.attempts import Attempts
from sekisho.store import Store

RETRY_SECONDS = 1.0


class TrialNews:
    """A thread that calls `on_news` for all that others write of trials, and when it begins to listen."""

    def __init__(self, store: Store, *, on_news: Callable[[], object]) -> None:
        self._store, self._on_news = store, on_news
        self._stopping = threading.Event()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)
        self._attempts = Attempts()
        self._thread = threading.Thread(target=self._run, name="trial news")

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._stopping.set()
        os.eventfd_write(self._wake, 1)
        if self._thread.is_alive():
            self._thread.join()
        os.close(self._wake)

    @property
    def is_alive(self) -> bool:
        """Tell whether the thread runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._attempts.attempt("hearing what other gates do with the trial", self._listen)
            self._stopping.wait(RETRY_SECONDS)

    def _listen(self) -> None:
        """Listen until the end. Raises StoreError."""
        with self._store.listening() as news:
            is_news = True  # something may have been written before
            while is_news:
                self._on_news()
                is_news = news.wait(self._wake)
