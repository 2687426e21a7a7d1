"""Puts reports into words, and shows their originals."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

from sekisho.api.desk_models import (
    IncidentLook,
    IncidentValue,
    QueueAnswer,
    ReportAnswer,
    ReportersAnswer,
    ReporterValue,
    ReportLook,
    SeenAnswer,
)
from sekisho.cli.common import print_json
from sekisho.cli.desk_export import fetch_bytes
from sekisho.cli.show_desk import MORE, at
from sekisho.cli.show_line import holder_text

_UNOPENED = "reports that have come in cannot be opened and stay unread"


def queue_text(answer: QueueAnswer) -> str:
    """Tell people's queue, a line each."""
    lines = [report_text(one) for one in answer.reports] or ["the queue is empty"]
    unopened = [f"{answer.unopened} {_UNOPENED}"] if answer.unopened else []
    more = [f"{MORE}: --after {answer.reports[-1].report}"] if answer.more else []
    return "\n".join([*lines, *more, *unopened])


def seen_text(answer: SeenAnswer) -> str:
    """Tell how many reports were taken out of the queue."""
    return f"{answer.seen} reports are taken out of the queue"


def report_text(report: ReportAnswer) -> str:
    """Tell what became of a report."""
    why = f": {report.why}" if report.why else ""
    return f"report {report.report} of {at(report.received)} from {report.party or '?'}: {report.state}{why}"


def reporters_text(answer: ReportersAnswer) -> str:
    """Tell how reporters stand, a line each."""
    lines = [reporter_text(one) for one in answer.reporters] or ["no reporter is proved"]
    more = [f"{MORE}: --after {answer.reporters[-1].party}"] if answer.more else []
    return "\n".join([*lines, *more])


def reporter_text(one: ReporterValue) -> str:
    """Tell how a reporter stands."""
    named = ", named in `trusted`" if one.is_named else ""
    too_many = ", too many reports now" if one.too_many else ""
    found = f"{one.confirmed} cases confirmed, {one.dismissed} dismissed"
    counted = f"{one.incidents} incidents count; {found}; last {at(one.last)}"
    return f"{one.party}: {one.standing}{named}{too_many}; {counted}"


def look_text(look: ReportLook) -> str:
    """Tell what a report says, and who held what it names."""
    return "\n".join(_look(look))


def tell_original(
    number: int, question: dict[str, Any], name: str | None, config: Path | None, *, as_json: bool
) -> None:
    """Print an original: as it came, but on a terminal without what a terminal obeys. Raises typer.Exit."""
    content = fetch_bytes(f"/v1/desk/reports/{number}/original", question, name, config)
    if as_json:
        print_json({"report": number, "original_base64": b64encode(content).decode()})
        return
    out = typer.get_binary_stream("stdout")
    out.write(printable(content).encode() if out.isatty() else content)


def printable(content: bytes) -> str:
    """Return what came as lines of text in which nothing is but what can be seen."""
    lines = content.decode(errors="replace").splitlines()
    return "".join(f"{_visible(line)}\n" for line in lines)


def _visible(line: str) -> str:
    seen = (one if one.isprintable() or one == "\t" else "\N{REPLACEMENT CHARACTER}" for one in line)
    return "".join(seen)


def _look(look: ReportLook) -> Iterator[str]:
    yield report_text(look.report)
    if look.report.vouched is not None:
        yield f"vouched for as of {look.report.vouched}"
    if look.refused is not None:
        yield f"it cannot be read: {look.refused}"
    if look.feedback is not None:
        proved = f"proved to be of {look.authenticated}" if look.authenticated else "not proved whose it is"
        yield f"{look.feedback}, {look.trust}, as of {look.reporter or 'nobody'}: {proved}"
    became = {one.place: one for one in look.report.incidents}
    for one in look.incidents:
        yield from _incident(one, became.get(one.place))
    if look.incidents_more:
        yield f"and {look.incidents_more} more incidents"


def _incident(one: IncidentLook, became: IncidentValue | None) -> Iterator[str]:
    yield f"incident {one.place + 1}{_became(became)}"
    yield from _indented(
        f"{moment.source}: {moment.written}" + ("" if moment.at else ", which cannot be told")
        for moment in one.times
    )
    if not one.holders:
        yield from _indented(f"{address}: no time that can be told" for address in one.addresses)
        if not one.addresses:
            yield "  it names no address of a line of ours"
    for held in one.holders:
        yield from _indented(holder_text(held).splitlines())


def _became(one: IncidentValue | None) -> str:
    if one is None:
        return ""
    because = f", {one.because}" if one.because else ""
    counted = "" if one.weight is None else f", counted {one.weight}"
    case = "" if one.case is None else f", case {one.case}"
    return f": {one.found}{because}{counted}{case}"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)
