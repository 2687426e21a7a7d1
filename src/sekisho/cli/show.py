"""Shows the state of a gate in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from sekisho.api.models import BlockValue, GivenBy, LimitValue, Status, TrialBrief
from sekisho.trial.plan import Arm
from sekisho.trial.standing import State

_COLOURS = {"enforcing, delay by hold": "green", "observing": "yellow", "not attached": "red"}
_ALARMS = {
    "lines_full": "sessions met a full map of lines: make `lines` in [gate] larger",
    "peaks_full": "sessions of lines that are not counted by their peaks: make `lines` in [gate] larger",
    "slots_full": "sessions met a full map of slots: make `slots` in [gate] larger",
}


def limit_text(limit: LimitValue) -> str:
    """Put a limit into a few words."""
    return f"{limit.mode}, cap {limit.cap}, delay {limit.delay}, excess {limit.excess}"


def print_status(status: Status) -> None:
    """Print the state of a gate and its classes."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(Group(*_parts(status)))


def headline(status: Status) -> Text:
    """Say which gate it is and what it does."""
    text = Text(f"gate {status.name}: ")
    colour = "red" if status.missing_interfaces else _COLOURS.get(status.state, "yellow")
    text.append(status.state, style=colour)
    return text


def _parts(status: Status) -> Iterator[RenderableType]:
    yield headline(status)
    for interface in status.interfaces:
        yield f"  {interface.name}: {interface.role}, {interface.hook}"
    if status.classes:
        yield _classes(status)
    if status.hold is not None and status.hold.late_p99_ms is not None:
        yield (
            f"hold: {status.hold.held} held, {status.hold.released} released, "
            f"late by at most {status.hold.late_p99_ms:g} ms (p99)"
        )
    yield from alarms(status)
    yield from _file(status)
    if status.trial is not None:
        yield from _trial(status, status.trial)


def _classes(status: Status) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("class", "mode", "cap", "delay", "excess", "sessions", "held", "admitted", "refused"):
        table.add_column(column, justify="left" if column in ("class", "mode", "excess") else "right")
    for name, one in status.classes.items():
        held = "-" if one.held_now is None else str(one.held_now)
        table.add_row(
            name + (" *" if one.overridden else ""),
            *(one.mode, str(one.cap), one.delay, one.excess),
            *(str(one.sessions), held, str(one.admitted), str(one.refused)),
        )
    return table


def alarms(status: Status) -> Iterator[Text]:
    """Tell what needs an operator."""
    for name in status.missing_interfaces:
        yield Text(f"alarm: the gate is not on {name}: what comes by it meets no limit", style="red")
    for key, sentence in _ALARMS.items():
        if status.totals.get(key):
            yield Text(f"alarm: {status.totals[key]} {sentence}", style="red")


def _file(status: Status) -> Iterator[RenderableType]:
    for name, one in status.classes.items():
        if one.overridden and one.file is not None:
            yield f"* {name}: set by `gate set`; the file says {limit_text(one.file)}"
    if status.config is not None and status.config.refused is not None:
        yield Text(f"the file was refused at {status.config.refused.at:%Y-%m-%d %H:%M:%S %Z}:", style="red")
        for problem in status.config.refused.problems:
            yield f"  {problem}"


def _trial(status: Status, trial: TrialBrief) -> Iterator[str]:
    yield f"trial {trial.name}: {trial.state} (`sekisho trial status` tells more)"
    for name, one in status.classes.items():
        if one.given_by is GivenBy.TRIAL and one.file is not None:
            why = "suspended" if trial.state is State.SUSPENDED else _block(one.block)
            yield f"  {name}: by the trial, {why}; the file says {limit_text(one.file)}"


def _block(block: BlockValue | None) -> str:
    if block is None:
        return "in no block"
    return f"phase {block.phase}" if block.arm is Arm.PHASE else str(block.arm)
