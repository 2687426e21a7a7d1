"""`sekisho lab`: the laboratory on the command line."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sekisho.lab import desk_report, report, trial_report
from sekisho.lab.desk import run as run_desk
from sekisho.lab.interrupts import Interrupted
from sekisho.lab.phases import DEFAULT_SECONDS
from sekisho.lab.progress import Screen
from sekisho.lab.run import run
from sekisho.lab.topology import LabError
from sekisho.lab.trial import run as run_trial
from sekisho.lab.trial_layout import DEFAULT_SECONDS as TRIAL_SECONDS
from sekisho.lab.trial_words import say
from sekisho.pages.report import report_page
from sekisho.pages.voice import Language

_LAST_SEED = 2**63 - 1  # as in a configuration
_SEEDS = 1_000_000_000  # of which one is drawn: short enough to be typed again

JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write the figures there as JSON too.")
]

app = typer.Typer()


@app.callback()
def lab() -> None:
    """Try the gate on real mail programs, in a small Internet of network namespaces."""


@app.command("run")
def run_command(
    seconds: Annotated[float, typer.Option(help="How long the run may take in all.")] = DEFAULT_SECONDS,
    json_file: JsonFile = None,
) -> None:
    """Run spam and honest mail through a real gate: observe, enforce, a raised cap; print the figures."""
    _check_place("--json", json_file)
    console = Console()
    with _ending(), Screen(console) as screen:
        result = run(seconds, screen)
    if json_file is not None:
        _write(json_file, json.dumps(report.as_json(result), indent=2))
    for part in report.render(result, console.width):
        console.print(part)
    if not (result.spam_holds and result.honest_holds and result.lines_hold):
        raise typer.Exit(1)


@app.command("trial")
def trial_command(
    seconds: Annotated[float, typer.Option(help="About how long it may take in all.")] = TRIAL_SECONDS,
    seed: Annotated[
        int | None, typer.Option(min=0, max=_LAST_SEED, help="What the lots follow from; if not said, any.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the report there as a page.")
    ] = None,
    json_file: JsonFile = None,
    lang: Annotated[Language, typer.Option("--lang", help="In which language it is reported.")] = Language.EN,
) -> None:
    """Run a trial in blocks of seconds, on and off by lot, on the same mail programs; end with its report."""
    for option, path in (("--html", html), ("--json", json_file)):
        _check_place(option, path)
    console = Console()
    lots = secrets.randbelow(_SEEDS) if seed is None else seed
    with _ending(), Screen(console) as screen:
        result = run_trial(seconds, lots, screen)
    if json_file is not None:
        _write(json_file, json.dumps(trial_report.as_json(result), indent=2, ensure_ascii=False))
    if html is not None:
        _write(html, report_page(result.report, lang))
    for part in trial_report.render(result, lang, console.width):
        console.print(part, highlight=False)
    if html is not None:
        console.print(say(lang, "written", path=html), highlight=False, soft_wrap=True)
    if not (result.effect_holds and result.honest_holds):
        raise typer.Exit(1)


@app.command("desk")
def desk_command(
    json_file: JsonFile = None,
) -> None:
    """Report a spamming line to the desk: stop request, individual limit, suspension, restoration."""
    _check_place("--json", json_file)
    console = Console()
    with _ending(), Screen(console) as screen:
        result = run_desk(screen)
    if json_file is not None:
        _write(json_file, json.dumps(desk_report.as_json(result), indent=2))
    for part in desk_report.render(result, console.width):
        console.print(part, highlight=False)
    if not all(result.holds.values()):
        raise typer.Exit(1)


@contextmanager
def _ending() -> Iterator[None]:
    """Say in a sentence why a laboratory could not run, or that it was ended."""
    try:
        yield
    except (LabError, ValueError) as error:
        for text in reversed(_with_causes(error)):
            typer.echo(f"sekisho lab: {text}", err=True)
        raise typer.Exit(2) from error
    except Interrupted as stop:
        typer.echo(f"sekisho lab: {stop}; everything is cleaned up", err=True)
        raise typer.Exit(128 + stop.number) from stop


def _check_place(option: str, path: Path | None) -> None:
    """Refuse before the run what could not be written after it."""
    if path is None:
        return
    if not path.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no directory {path.parent}", param_hint=option)
    if path.is_dir():
        raise typer.BadParameter(f"{path} is a directory: name a file in it", param_hint=option)


def _write(path: Path, text: str) -> None:
    path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")


def _with_causes(error: Exception) -> list[str]:
    """List an error's text and those of the errors during whose cleaning up it came."""
    before = error.__context__
    return [str(error), *(_with_causes(before) if isinstance(before, (LabError, Interrupted)) else [])]
