"""Waiting for a condition, never for a span of time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from tests.system.patience import patience


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until a condition is true."""
    end, pause = time.monotonic() + patience(seconds), threading.Event()
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        pause.wait(0.005)
