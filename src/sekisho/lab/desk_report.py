"""What the desk's laboratory found, as tables, a chart and JSON. Pure: text from values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sekisho.lab.desk_layout import NEIGHBOUR, OWN_LIMIT, SPAMMER
from sekisho.lab.desk_result import DeskResult, What, in_words
from sekisho.lab.phases import describe
from sekisho.lab.report import chart, number

_TIMES = {
    What.STOP_REQUEST: "the customer has the stop request",
    What.LIMIT: "the kernel limits the line",
    What.PROPOSAL: "suspension is proposed",
    What.SUSPENSION: "the kernel has port 25 closed",
    What.RESTORATION: "the kernel has the line free",
}


def render(result: DeskResult, width: int) -> Iterator[RenderableType]:
    """Lay out the figures for a terminal `width` columns wide."""
    yield ""
    yield _stages(result)
    yield _times(result)
    yield ""
    yield from chart(result.timeline, width)
    yield ""
    for line, holds in verdicts(result):
        yield Text(line, style="green" if holds else "bold red")


def verdicts(result: DeskResult) -> tuple[tuple[str, bool], ...]:
    """Say what was wanted, what was measured, and whether it holds."""
    accused, letters, holds = result.accused, result.letters, result.holds
    attribution = (
        f"accused: {accused.line}, by {_count(result, What.REPORT)} reports; "
        f"left to people for doubt: {accused.queued} (wanted: 0)"
    )
    idle = "nobody else told or limited" if holds["forgery"] else "somebody else accused, told or limited"
    forgery = f"{_count(result, What.FORGERY)} forged reports against {NEIGHBOUR}: {idle}"
    states = ", ".join(map(in_words, accused.states))
    neighbour = (
        f"honest letters: {letters.written} written, {letters.delivered} delivered, "
        f"{letters.failed} failed (wanted: 0)"
    )
    measured = holds["limit"] and holds["suspension"] and holds["restoration"]
    return (
        (attribution, holds["attribution"]),
        (forgery, holds["forgery"]),
        (
            f"its case was {states}; notices to the customer: {len(result.notices)} (wanted: 4)",
            holds["notices"],
        ),
        (f"messages a minute from {SPAMMER.line}: {_sent(result)}", measured),
        (neighbour, holds["neighbour"]),
    )


def as_json(result: DeskResult) -> dict[str, Any]:
    """Give all figures under the keys of docs/lab.md."""
    figures = asdict(result)
    figures["timeline"]["begins"] = dict(result.timeline.begins)
    times = {str(what): asdict(taken) for what, taken in result.times.items()}
    return {"line": SPAMMER.line, "neighbour": NEIGHBOUR, **figures, "times": times, "holds": result.holds}


def _stages(result: DeskResult) -> Table:
    title = f"{SPAMMER.line} beside {NEIGHBOUR}, messages a minute (its own limit: {describe(OWN_LIMIT)})"
    table = Table(title=title, box=SIMPLE_HEAD)
    table.add_column("the case is", no_wrap=True)
    for head in (SPAMMER.line, "N/(D+T)", "sessions", "reset", NEIGHBOUR, "failed"):
        table.add_column(head, justify="right", no_wrap=True)
    for one in result.stages:
        table.add_row(
            in_words(one.stage),
            number(one.messages_per_minute),
            number(one.arithmetic_per_minute),
            str(one.sessions_at_most),
            str(one.refused),
            number(one.neighbour.messages_per_minute),
            str(one.neighbour.failed),
        )
    return table


def _times(result: DeskResult) -> Table:
    table = Table(title="How long it took, in seconds", box=SIMPLE_HEAD)
    table.add_column("until", no_wrap=True)
    for head in ("after the first report", "after its cause"):
        table.add_column(head, justify="right", no_wrap=True)
    for what, taken in result.times.items():
        table.add_row(_TIMES[what], f"{taken.since_first_report:.1f}", f"{taken.since_cause:.1f}")
    return table


def _sent(result: DeskResult) -> str:
    return ", ".join(f"{in_words(one.stage)} {number(one.messages_per_minute)}" for one in result.stages)


def _count(result: DeskResult, what: What) -> int:
    return sum(1 for one in result.record if one.what is what)
