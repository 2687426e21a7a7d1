"""`sekisho lab`: the laboratory on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sekisho.lab import report
from sekisho.lab.interrupts import Interrupted
from sekisho.lab.phases import DEFAULT_SECONDS
from sekisho.lab.progress import Screen
from sekisho.lab.run import run
from sekisho.lab.topology import LabError

app = typer.Typer()


@app.callback()
def lab() -> None:
    """Try the gate on real mail programs, in a small Internet of network namespaces."""


@app.command("run")
def run_command(
    seconds: Annotated[float, typer.Option(help="How long the run may take in all.")] = DEFAULT_SECONDS,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures there as JSON too.")
    ] = None,
) -> None:
    """Run spam and honest mail through a real gate: observe, enforce, a raised cap; print the figures."""
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no directory {json_file.parent}", param_hint="--json")
    console = Console()
    try:
        with Screen(console) as screen:
            result = run(seconds, screen)
    except (LabError, ValueError) as error:
        for text in reversed(_with_causes(error)):
            typer.echo(f"sekisho lab: {text}", err=True)
        raise typer.Exit(2) from error
    except Interrupted as stop:
        typer.echo(f"sekisho lab: {stop}; everything is cleaned up", err=True)
        raise typer.Exit(128 + stop.number) from stop
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_json(result), indent=2) + "\n")
    for part in report.render(result, console.width):
        console.print(part)
    if not (result.spam_holds and result.honest_holds and result.lines_hold):
        raise typer.Exit(1)


def _with_causes(error: Exception) -> list[str]:
    """List an error's text and those of the errors during whose cleaning up it came."""
    before = error.__context__
    return [str(error), *(_with_causes(before) if isinstance(before, (LabError, Interrupted)) else [])]
