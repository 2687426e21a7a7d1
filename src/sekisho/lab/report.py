"""The figures as tables, a chart and JSON. Pure: text from values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sekisho.durations import format_ms
from sekisho.lab.lines import Lines, Twofold
from sekisho.lab.measure import Figures, Quantiles, Timeline
from sekisho.lab.phases import describe
from sekisho.lab.result import WANTED_SECONDS_TO_GATE, WANTED_SPAM_SHARE, Result
from sekisho.model import Limit, Mode

_BLOCKS = " ▁▂▃▄▅▆▇█"
_CHART_MARGIN = 22  # label, frame and scale beside the chart


def render(result: Result, width: int) -> list[RenderableType]:
    """Lay out the whole report for a terminal `width` columns wide."""
    verdict_lines = [Text(line, style="green" if holds else "bold red") for line, holds in verdicts(result)]
    tables = (_phases(result.phases, result.lines.twofold), _bots(result.phases))
    return ["", *tables, "", *chart(result.timeline, width), "", *verdict_lines]


def verdicts(result: Result) -> tuple[tuple[str, bool], ...]:
    """Say what was wanted, what was measured, and whether it holds."""
    enforce = next(phase for phase in result.phases if phase.name == "enforce")
    letters = result.letters
    spam = (
        f"spam in enforce: {_percent(enforce.spam.share_of_observe)} of the observe rate "
        f"(wanted: at most {_percent(WANTED_SPAM_SHARE)}; the arithmetic N/(D+T) allows "
        f"{number(enforce.spam.arithmetic_per_minute)} messages a minute, "
        f"measured {number(enforce.spam.messages_per_minute)})"
    )
    honest = (
        f"honest letters in the whole run: {letters.written} written, {letters.delivered} delivered, "
        f"{letters.failed} failed (wanted: 0); the office's Postfix put off {letters.deferred}, "
        f"gave up {letters.bounced}, has {letters.left} in its queue"
    )
    return (
        (spam, result.spam_holds),
        (honest, result.honest_holds),
        (_of_lines(result.lines), result.lines_hold),
        (_of_one_line(result), result.twofold_holds),
    )


def _of_lines(lines: Lines) -> str:
    delays = lines.seconds_to_gate
    return (
        f"lines: {lines.known} known by accounting, {lines.starts} came up, {lines.lease_changes} changes of "
        f"leases; from acknowledgement to the gate: median {delays.median:.3f} s, worst {delays.worst:.3f} s "
        f"(wanted: at most {WANTED_SECONDS_TO_GATE:g} s)"
    )


def _of_one_line(result: Result) -> str:
    limits = {phase.name: phase.limit for phase in result.phases}
    most = ", ".join(
        f"{span.sessions_at_most} in {span.phase} (cap {limits[span.phase].cap})"
        for span in result.lines.twofold
        if limits[span.phase].mode is Mode.ENFORCE
    )
    return f"one line, IPv4 and IPv6 ({result.lines.twofold[0].line}): sessions at most at once {most}"


def _phases(phases: Sequence[Figures], twofold: Sequence[Twofold]) -> Table:
    table = Table(title="Spam and honest mail through the gate", box=SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for phase in phases:
        table.add_column(f"{phase.name}\n{describe(phase.limit)}".replace(", ", "\n"), justify="right")
    rows: list[tuple[str, Iterable[str]]] = [
        ("counted for, s", (number(p.seconds) for p in phases)),
        ("spam: sessions a minute", (number(p.spam.sessions_per_minute) for p in phases)),
        ("spam: messages a minute", (number(p.spam.messages_per_minute) for p in phases)),
        ("  of the observe rate", (_percent(p.spam.share_of_observe) for p in phases)),
        ("  allowed by N/(D+T)", (number(p.spam.arithmetic_per_minute) for p in phases)),
        ("honest: messages a minute", (number(p.honest.messages_per_minute) for p in phases)),
        ("  delivery median / p95, s", (_quantiles(p.honest.delivery_seconds) for p in phases)),
        *_sender_rows(phases),
        ("  delivered / failed", (f"{p.honest.delivered} / {p.honest.failed}" for p in phases)),
        ("gate: admitted", (f"{p.gate.admitted:,}" for p in phases)),
        ("gate: refused", (f"{p.gate.refused:,}" for p in phases)),
        ("gate: held", (f"{p.gate.held:,}" for p in phases)),
        (f"one line, IPv4 and IPv6: {twofold[0].line}", ("" for _ in phases)),
        ("  sessions at most at once", map(_most, twofold, (p.limit for p in phases))),
        ("  messages over IPv4 / IPv6", (f"{t.ipv4_messages} / {t.ipv6_messages}" for t in twofold)),
    ]
    for label, cells in rows:
        table.add_row(label, *cells)
    return table


def _most(span: Twofold, limit: Limit) -> str:
    """Say how many sessions there were at once, and whether that is what the limit allows."""
    is_cap = limit.mode is Mode.ENFORCE and span.sessions_at_most == limit.cap
    return f"{span.sessions_at_most}{' = cap' if is_cap else ''}"


def _sender_rows(phases: Sequence[Figures]) -> list[tuple[str, Iterable[str]]]:
    """One row of delivery times for each honest line."""
    names = {sender.line: sender.exempt for phase in phases for sender in phase.honest.senders}
    rows: list[tuple[str, Iterable[str]]] = []
    for name, exempt in names.items():
        by_phase = [
            next((s.delivery_seconds for s in p.honest.senders if s.line == name), Quantiles(None, None))
            for p in phases
        ]
        note = " (exempt)" if exempt else ""
        rows.append((f"    {name}{note}", [_quantiles(value) for value in by_phase]))
    return rows


def _bots(phases: Sequence[Figures]) -> Table:
    table = Table(
        title="Spamming lines: messages a minute (and what N/(D+T) allows)",
        box=SIMPLE_HEAD,
    )
    table.add_column("line")
    table.add_column("sessions at once", justify="right")
    for phase in phases:
        table.add_column(phase.name, justify="right")
    for rows in zip(*(phase.spam.lines for phase in phases), strict=True):
        cells = (
            number(row.messages_per_minute)
            + (f" ({number(row.arithmetic_per_minute)})" if row.arithmetic_per_minute is not None else "")
            for row in rows
        )
        table.add_row(rows[0].line, str(rows[0].sessions), *cells)
    return table


def chart(timeline: Timeline, width: int) -> list[Text]:
    """Draw arrivals a minute over the run; spam and honest each on a scale of its own."""
    merge = max(1, -(-len(timeline.spam) // max(10, width - _CHART_MARGIN)))
    seconds = merge * timeline.bin_seconds
    spam, honest = merged(timeline.spam, merge), merged(timeline.honest, merge)
    ruler = [" "] * len(spam)
    for name, at in timeline.begins:
        for offset, letter in enumerate(f"│{name}"):
            if at // merge + offset < len(ruler):
                ruler[at // merge + offset] = letter
    unit = 60 / seconds
    return [
        Text(f"Messages a minute as they arrive, {seconds:g} s a column"),
        Text(f"spam   {bars(spam)} up to {max(spam) * unit:,.0f}", style="red"),
        Text(f"honest {bars(honest)} up to {max(honest) * unit:,.0f}", style="green"),
        Text(f"       {''.join(ruler)}"),
    ]


def merged(counts: Sequence[int], size: int) -> list[int]:
    """Add up neighbours, `size` at a time."""
    return [sum(counts[at : at + size]) for at in range(0, len(counts), size)]


def bars(values: Sequence[float]) -> str:
    """Draw values as blocks of an eighth's height; anything above 0 is seen."""
    top = max(values, default=0)
    return "".join(_BLOCKS[-(-int(8 * value) // int(top))] if value else " " for value in values)


def as_json(result: Result) -> dict[str, Any]:
    """Give all figures under the keys of docs/lab.md."""
    figures = asdict(result)
    for phase in figures["phases"]:
        phase["limit"]["delay"] = format_ms(phase["limit"].pop("delay_ms"))
    figures["holds"] = {"spam": result.spam_holds, "honest": result.honest_holds, "lines": result.lines_hold}
    figures["timeline"]["begins"] = dict(result.timeline.begins)
    return figures


def number(value: float | None) -> str:
    """Write a rate; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _quantiles(found: Quantiles) -> str:
    if found.p50 is None or found.p95 is None:
        return "–"
    return f"{found.p50:.1f} / {found.p95:.1f}"
