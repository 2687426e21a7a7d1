"""Commands about lines. What they ask is recorded, so even what cannot be is left to the daemon to refuse."""

# Every command imports what it needs itself, so that the others start at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sekisho.cli.common import Json, Name, NameFrom, Purpose, Reference, asked, fail, given, print_json

app = typer.Typer(
    help="Lines: who held an address, what is known of one, lists, reliefs. Each look is recorded.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

LineName = Annotated[str, typer.Argument(metavar="LINE", help="The line's name.")]
Reason = Annotated[str | None, typer.Option(help="Why. It is recorded, and needed.")]
_KEEPS_NONE = ("no-store", "http")  # "http": a daemon of an older version
_MANY_DIGITS = 20  # what has so many is no number of a port, and Python reads no number of thousands
_MEDIA_TYPES = {"csv": "text/csv", "toml": "application/toml"}


@app.command()
def holder(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="One IPv4 or IPv6 address.")],
    port: Annotated[str | None, typer.Option(help="The source port, where lines share the address.")] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="The moment, with its zone: 2026-11-24T21:30:00+09:00. Needed."),
    ] = None,
    purpose: Purpose = None,
    reference: Reference = None,
    as_json: Json = False,
    name: Name = None,
    config: NameFrom = None,
) -> None:
    """Tell which line held an address at a moment.

    Where the clocks of those who report and of the network could decide it, the answer is ambiguous and
    names the candidates.
    """
    number = int(port) if port is not None and port.isdecimal() and len(port) < _MANY_DIGITS else port
    question = {"address": address, "port": number, "at": at, "purpose": purpose, "reference": reference}
    answer = asked(name, config, "POST", "/v1/lines/holder", given(question))
    if as_json:
        print_json(answer)
        return
    from sekisho.api.line_models import HolderAnswer
    from sekisho.cli.show_line import holder_text

    typer.echo(holder_text(HolderAnswer.model_validate(answer)))


@app.command()
def show(
    line: LineName,
    purpose: Purpose = None,
    reference: Reference = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Leases since then; else those of 30 days.")
    ] = None,
    as_json: Json = False,
    name: Name = None,
    config: NameFrom = None,
) -> None:
    """Tell a line's class and limit, and why it has them, and its leases."""
    question = {"line": line, "purpose": purpose, "reference": reference, "since": since}
    answer = asked(name, config, "POST", "/v1/lines/show", given(question))
    if as_json:
        print_json(answer)
        return
    from sekisho.api.line_models import LineAnswer
    from sekisho.cli.show_line import line_text

    typer.echo(line_text(LineAnswer.model_validate(answer)))


@app.command()
def relief(
    line: LineName,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="DATE", help="The last day (its end in UTC), or a time with its zone; within a year."
        ),
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="End it now instead.")] = False,
    reason: Reason = None,
    as_json: Json = False,
    name: Name = None,
    config: NameFrom = None,
) -> None:
    """Release a line from its limit until a date, or end that."""
    if end and until is not None:
        raise typer.BadParameter("--end ends a relief now: leave --until out")
    path = "/v1/lines/relief/end" if end else "/v1/lines/relief"
    answer = asked(name, config, "POST", path, given({"line": line, "until": until, "reason": reason}))
    if as_json:
        print_json(answer)
        return
    from sekisho.api.line_models import ReliefAnswer
    from sekisho.cli.show_line import relief_text

    typer.echo(relief_text(ReliefAnswer.model_validate(answer)))


@app.command("import")
def import_list(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The list: all lines that it shall name.")],
    kind: Annotated[
        str | None, typer.Option("--format", metavar="csv|toml", help="Where the file's name does not tell.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell only what it would change.")] = False,
    as_json: Json = False,
    name: Name = None,
    config: NameFrom = None,
) -> None:
    """Put a list of lines in place of the one imported before.

    Lines that stand in both as they are keep their leases. With an error in it nothing is imported.
    """
    from sekisho.api.line_models import ImportAnswer
    from sekisho.cli.common import sent
    from sekisho.cli.show_line import import_text

    media_type = _MEDIA_TYPES.get(kind or file.suffix.lower().lstrip("."))
    if media_type is None:
        raise typer.BadParameter("name the kind of list: --format csv or --format toml")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise fail(f"{file} cannot be read: {error.strerror}") from error
    path = f"/v1/lines/import?dry_run={str(dry_run).lower()}"
    answer = sent(name, config, path, content, media_type, file=str(file))
    if as_json:
        print_json(answer)
        return
    done = ImportAnswer.model_validate(answer)
    for warning in done.warnings:
        typer.echo(f"{file}:{warning}", err=True)
    typer.echo(import_text(done))


def print_lines(gate: str) -> None:
    """Print how the knowledge of lines stands where a gate's daemon keeps any."""
    from sekisho.api.client import AnswerError, AwayError, ask
    from sekisho.api.line_models import LinesStatus
    from sekisho.cli.show_line import lines_text

    try:
        answer = ask(gate, "GET", "/v1/lines/status")
    except (AnswerError, AwayError) as error:
        if isinstance(error, AnswerError) and error.kind in _KEEPS_NONE:
            return
        raise fail(error) from error
    typer.echo(lines_text(LinesStatus.model_validate(answer)))
