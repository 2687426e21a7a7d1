"""What is tried again and again: a log line when it begins to fail, and one when it works again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import structlog

from sekisho.store import StoreError

_T = TypeVar("_T")

log = structlog.get_logger()


class Attempts:
    """Remembers which actions fail, by their names."""

    def __init__(self) -> None:
        self._failing: set[str] = set()

    def attempt(self, action: Callable[[], _T]) -> _T | None:
        """Do something at the root of a thread; None where it has failed, by whatever."""
        name = action.__name__
        try:
            done = action()
        except StoreError as error:
            if name not in self._failing:
                log.error("the store is away", why=str(error))  # noqa: TRY400 - the message says it all
        except Exception:
            if name not in self._failing:
                log.exception("lines cannot be seen to, which is our fault; trying again")
        else:
            if name in self._failing:
                log.info("the store is back")
            self._failing.discard(name)
            return done
        self._failing.add(name)
        return None
