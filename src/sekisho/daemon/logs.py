"""The daemon's log: one line of keys and values an event, to stderr."""

from __future__ import annotations

import sys

import structlog


def set_up_logs() -> None:
    """Write every event to stderr with its time (UTC) and level.

    No event names an address of a line or a destination: this is where that is kept, since the log
    leaves the machine.
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(
                key_order=["timestamp", "level", "event"], bool_as_flag=False
            ),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
