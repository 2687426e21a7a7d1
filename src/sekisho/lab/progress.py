"""What the operator sees while the laboratory runs."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

_PLAIN_SECONDS = 5.0  # between lines where no bar can be drawn


class Screen:
    """A bar for the step under way with the rates of the last seconds; plain lines without a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<46}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[rates]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._plain_at = 0.0
        self._part = ""

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last state on the screen."""
        self._bars.stop()

    def step(self, text: str) -> None:
        """Begin a step; the one before it is done."""
        if self._task is not None:
            self._bars.update(self._task, total=1, completed=1)
        self._task = self._bars.add_task(text, total=None, rates="")
        self._plain_at, self._part = 0.0, ""
        if not self._console.is_terminal:
            self._console.print(text)

    def rename(self, text: str) -> None:
        """Say what of the step is under way from now on."""
        self._part = text
        if self._task is not None:
            self._bars.update(self._task, description=text)

    def say(self, text: str) -> None:
        """Say something that stays on the screen."""
        self._console.print(text, highlight=False, soft_wrap=True)

    def show(self, elapsed: float, total: float, spam_per_minute: float, honest_per_minute: float) -> None:
        """Show how far the step is, in seconds, and what goes through at the moment."""
        rates = f"spam {spam_per_minute:6,.0f}/min   honest {honest_per_minute:4,.0f}/min"
        if self._task is not None:
            self._bars.update(self._task, total=total, completed=min(elapsed, total), rates=rates)
        if not self._console.is_terminal and elapsed // _PLAIN_SECONDS > self._plain_at // _PLAIN_SECONDS:
            self._plain_at = elapsed
            part = f"   {self._part}" if self._part else ""
            self._console.print(f"  {elapsed:3.0f} of {total:.0f} s   {rates}{part}", soft_wrap=True)
