"""Commands about the trial."""

# Every command imports what it needs itself, so that the others start at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sekisho.cli.common import FAILED, File, fail, print_json
from sekisho.cli.trial_words import Language

if TYPE_CHECKING:
    from sekisho.trial.protocol import TrialProtocol

app = typer.Typer(
    help="The trial: what is limited when, on purpose, so that the effect can be measured.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, as docs/trial.md describes it.")]
Lang = Annotated[Language, typer.Option("--lang", help="In which language.")]


@app.callback()
def trial() -> None:
    """Hold the commands of the trial, also while there is one alone."""


@app.command("plan")
def show_plan(config: File, as_json: Json = False, lang: Lang = Language.EN) -> None:
    """Show the plan of a trial.

    Which limit holds when, which blocks are compared in pairs, and a drawing of its days.
    """
    from sekisho.cli.show_trial import print_trial, trial_json

    protocol = _protocol(config)
    if as_json:
        print_json(trial_json(protocol))
    else:
        print_trial(protocol, lang)


def _protocol(config: Path) -> TrialProtocol:
    """Read the trial of a configuration; tell what is wrong with it on the way."""
    from sekisho.cli.files import read_config, told
    from sekisho.config.trial_plan import protocol_of

    try:
        checked = read_config(config)
    except OSError as error:
        raise fail(f"{config} cannot be read: {error.strerror}") from error
    if checked.problems:
        typer.echo(told(config, checked), err=True)
    if checked.config is None:
        raise typer.Exit(FAILED)
    protocol = protocol_of(checked.config)
    if protocol is None:
        raise fail(f"{config} has no [trial]: docs/trial.md tells how one is written")
    return protocol
