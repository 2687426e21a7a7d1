"""Signals that ask the laboratory to end, raised where nothing is half done."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


class Interrupted(Exception):  # noqa: N818 - no error: somebody wants the run to end
    """A signal asked the laboratory to end; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.number = number


@dataclass
class Interrupts:
    """Signals are only noted, and raised between two steps: no step is torn in half."""

    number: int | None = None

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Remember a signal."""
        self.number = number

    def check(self) -> None:
        """Raise Interrupted when a signal came."""
        if self.number is not None:
            raise Interrupted(self.number)


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Catch SIGINT, SIGTERM and SIGHUP for as long as there is something to clean up."""
    found = Interrupts()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, found.note) for number in numbers}
    try:
        yield found
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
