"""The live view of a gate's classes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from sekisho.api.client import ask
from sekisho.api.models import Status
from sekisho.cli.show import alarms, headline

_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """A state and when it was read (seconds of a monotonic clock)."""

    status: Status
    at: float


def watch(name: str) -> None:
    """Show the classes every second until Ctrl-C; without a terminal, one after the other.

    Raises AwayError or AnswerError.
    """
    console = Console()
    with suppress(KeyboardInterrupt):
        _redraw(name, console) if console.is_terminal else _print(name, console)


def _redraw(name: str, console: Console) -> None:
    frames = _frames(name)
    with Live(next(frames), console=console, screen=True, auto_refresh=False) as live:
        for one in frames:
            live.update(one, refresh=True)


def _print(name: str, console: Console) -> None:
    for one in _frames(name):
        console.print(one)
        console.file.flush()


def _frames(name: str) -> Iterator[Group]:
    before = now = _sample(name)
    while True:
        yield frame(before, now)
        time.sleep(_SECONDS)
        before, now = now, _sample(name)


def _sample(name: str) -> Sample:
    return Sample(Status.model_validate(ask(name, "GET", "/v1/gate")), time.monotonic())


def frame(before: Sample, now: Sample) -> Group:
    """Draw a state, with rates from the one before."""
    table = Table()
    for column in ("class", "mode", "cap", "delay", "sessions", "held", "admitted/s", "refused/s"):
        table.add_column(column, justify="left" if column in ("class", "mode") else "right")
    for name, one in now.status.classes.items():
        earlier = before.status.classes.get(name, one)
        table.add_row(
            name + (" *" if one.overridden else ""),
            *(one.mode, str(one.cap), one.delay, str(one.sessions)),
            "-" if one.held_now is None else str(one.held_now),
            _rate(one.admitted - earlier.admitted, now.at - before.at),
            _rate(one.refused - earlier.refused, now.at - before.at),
        )
    return Group(headline(now.status), table, *alarms(now.status))


def _rate(count: int, seconds: float) -> str:
    return "-" if seconds <= 0 else f"{max(0, count) / seconds:.1f}"
