"""What is tried again and again: a log line when it begins to fail, and one when it works again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog

from sekisho.gate import GateError
from sekisho.lines.radacct_poll import RadacctError
from sekisho.lines.radius_secrets import SecretError
from sekisho.store import StoreError, UnfitError

REST_SECONDS = 1.0  # after the first failure of what costs much; twice as long after each one more
LONGEST_REST_SECONDS = 60.0

_FORESEEN: Final[dict[type[Exception], str]] = {
    UnfitError: "the store cannot take this in as it is, which is our fault: please report it; trying again",
    StoreError: "the store is away",
    GateError: "the gate cannot do it; trying again",
    RadacctError: "radacct cannot be read; trying again",
    SecretError: "what is secret cannot be read; trying again",
}
_OURS = "this cannot be seen to, which is our fault: please report it; trying again"
_T = TypeVar("_T")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Failure:
    told: str
    rest_seconds: float  # after one more
    until_seconds: float  # nothing is tried


class Attempts:
    """Remembers what fails, and since when it has rested; `monotonic` is of a clock that is never set."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._failures: dict[str, _Failure] = {}

    def attempt(self, what: str, action: Callable[[], _T], *, rests: bool = False) -> _T | None:
        """Do something at the root of a thread; None where it has failed, by whatever, or where it rests.

        `what` is the log's word for it. What `rests` is tried ever more seldom while it fails.
        """
        before = self._failures.get(what)
        if rests and before is not None and self._monotonic() < before.until_seconds:
            return None
        try:
            done = action()
        except tuple(_FORESEEN) as error:
            told = next(told for kind, told in _FORESEEN.items() if isinstance(error, kind))
            if self._is_news(what, told):
                log.error(told, undone=what, why=str(error))  # noqa: TRY400 - the message says it all
        except Exception:
            if self._is_news(what, _OURS):
                log.exception(_OURS, undone=what)
        else:
            if self._failures.pop(what, None) is not None:
                log.info("what had failed works again", done=what)
            return done
        return None

    def _is_news(self, what: str, told: str) -> bool:
        """Remember a failure; tell whether the log does not have it yet."""
        before = self._failures.get(what)
        rest_seconds = REST_SECONDS if before is None else before.rest_seconds
        longer_seconds = min(2 * rest_seconds, LONGEST_REST_SECONDS)
        self._failures[what] = _Failure(told, longer_seconds, self._monotonic() + rest_seconds)
        return before is None or before.told != told
