"""The daemon's log: one line of keys and values an event, to stderr."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from types import TracebackType

import structlog

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def set_up_logs() -> None:
    """Write every event to stderr with its time (UTC) and level; so also what nobody caught.

    No event names an address of a line or a destination: this is where that is kept, since the log
    leaves the machine. Of an exception it tells the types and the frames: its text may have any value.
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(_without_texts),
            structlog.processors.LogfmtRenderer(
                key_order=["timestamp", "level", "event"], bool_as_flag=False
            ),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    of_libraries = logging.StreamHandler()
    of_libraries.setFormatter(_Formatter())
    logging.basicConfig(handlers=[of_libraries])
    sys.excepthook = lambda _, error, __: _tell_uncaught(error)
    threading.excepthook = lambda args: _tell_uncaught(args.exc_value)


class _Formatter(logging.Formatter):
    def formatException(self, ei: object) -> str:  # noqa: N802 - the name is logging's
        error = ei[1] if isinstance(ei, tuple) else None
        return "" if error is None else "".join(_told(error))


def _tell_uncaught(error: BaseException | None) -> None:
    structlog.get_logger().critical("ended by a fault of ours: please report it", exc_info=error)


def _without_texts(exc_info: _ExcInfo) -> str:
    return "".join(_told(exc_info[1])).rstrip()


def _told(error: BaseException) -> Iterator[str]:
    """Yield the frames and types of an exception, those that led to it first, and of what it groups."""
    for one in reversed(_chain(error)):
        yield from traceback.format_tb(one.__traceback__)
        yield f"{type(one).__module__}.{type(one).__qualname__}\n"
        if isinstance(one, BaseExceptionGroup):
            for part in one.exceptions:
                yield from _told(part)


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    known: set[int] = set()
    last: BaseException | None = error
    while last is not None and id(last) not in known:
        known.add(id(last))
        chain.append(last)
        last = last.__cause__ or (None if last.__suppress_context__ else last.__context__)
    return chain
