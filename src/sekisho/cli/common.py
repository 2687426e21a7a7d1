"""What the commands share: options, the end of one that failed, which gate is meant."""

# Loaded at every start: what is heavy is imported where it is needed.
# ruff: noqa: PLC0415

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

FAILED = 1
_DEFAULT_NAME = "gate"

File = Annotated[
    Path, typer.Option("--config", metavar="FILE", help="The configuration, as etc/sekisho.toml.")
]
Name = Annotated[str | None, typer.Option("--name", help="The gate, where this machine has several.")]
NameFrom = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Take the gate's name from this configuration."),
]
Purpose = Annotated[
    str | None,
    typer.Option(
        help="Why: case, report, customer-request, fault or lawful-order. It is recorded, and needed."
    ),
]
Reference = Annotated[
    str | None, typer.Option(help="For what, as the number of a case, a ticket, an order. It is recorded.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, as docs/api.md describes it.")]


def fail(reason: object) -> typer.Exit:
    """Tell why something was not done; raise what this returns."""
    typer.echo(f"sekisho: {reason}", err=True)
    return typer.Exit(FAILED)


def print_json(value: Any) -> None:
    """Print a value as `--json` promises it."""
    import json

    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def show(answer: Any, text: Callable[[], str], *, as_json: bool) -> None:
    """Print an answer as it is, or in words."""
    if as_json:
        print_json(answer)
    else:
        typer.echo(text())


def given(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what was not given: the daemon says what is needed."""
    return {key: value for key, value in values.items() if value is not None}


def with_query(path: str, **values: Any) -> str:
    """Return a path with what was given of a query."""
    from urllib.parse import urlencode

    some = given(values)
    return f"{path}?{urlencode(some)}" if some else path


def meant(name: str | None, config: Path | None) -> str:
    """Return which gate is meant."""
    from sekisho.cli.files import BadNameError, gate_name, good_name

    try:
        if config is not None and name is None:
            return gate_name(config)
        return good_name(name or _DEFAULT_NAME)
    except BadNameError as error:
        raise typer.BadParameter(str(error)) from error


def asked(name: str | None, config: Path | None, method: str, path: str, body: Any = None) -> Any:
    """Ask the daemon of the gate that is meant; tell why where it does not answer."""
    from sekisho.api.client import AnswerError, AwayError, ask

    try:
        return ask(meant(name, config), method, path, body)
    except (AnswerError, AwayError) as error:
        raise fail(error) from error


def sent(
    name: str | None, config: Path | None, path: str, content: bytes, media_type: str, *, file: str
) -> Any:
    """Send the daemon a file; tell every problem of it in a line of its own."""
    from sekisho.api.client import AnswerError, AwayError, send

    try:
        return send(meant(name, config), path, content, media_type)
    except AnswerError as error:
        for problem in error.problems:
            typer.echo(f"{file}:{problem}", err=True)
        raise fail(f"{file}: {error}") from error
    except AwayError as error:
        raise fail(error) from error
