"""Measuring undisturbed on a machine where others are busy too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

CORE: Final = max(os.sched_getaffinity(0))


@contextmanager
def quiet() -> Iterator[None]:
    """Run this thread before all ordinary ones, on one core; for bursts only.

    Soft interrupts that the thread raises then run in it, not in the kernel's own thread for them.
    """
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {CORE})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        os.sched_setaffinity(0, cores)
