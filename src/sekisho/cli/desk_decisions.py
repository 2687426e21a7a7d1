"""Commands with which people decide about a case. Each is recorded, refusals too."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sekisho.cli.common import Json, Name, NameFrom, asked, given
from sekisho.cli.desk_options import Number, Reason, show_case

app = typer.Typer()

Until = Annotated[
    str | None,
    typer.Option(
        metavar="DATE", help="The last day (its end in UTC), or a time with its zone; else by the policy."
    ),
]
Kind = Annotated[
    str | None,
    typer.Option(help="port-25-suspension or line-suspension; else what the policy of the class says."),
]


@app.command()
def approve(
    number: Number,
    reason: Reason,
    kind: Annotated[
        str | None, typer.Option(help="The suspension that you approve; needed where it is grave.")
    ] = None,
    version: Annotated[
        int | None,
        typer.Option(
            metavar="V", min=0, help="That of the case as `desk case` showed it: of no other is it approved."
        ),
    ] = None,
    until: Until = None,
    as_json: Json = False,
    name: Name = None,
    config: NameFrom = None,
) -> None:
    """Approve the next step: the stop request, after it the line's own limit, or the suspension proposed.

    A suspension that is grave needs two persons.
    """
    body = {"reason": reason, "kind": kind, "version": version, "until": until}
    _decide("approve", number, name, config, body, as_json=as_json)


@app.command()
def suspend(
    number: Number,
    reason: Reason,
    kind: Kind = None,
    until: Until = None,
    as_json: Json = False,
    name: Name = None,
    config: NameFrom = None,
) -> None:
    """Suspend at once, or give a suspension another end or kind; what is grave needs two persons."""
    body = {"reason": reason, "kind": kind, "until": until}
    _decide("suspend", number, name, config, body, as_json=as_json)


@app.command()
def confirm(
    number: Number, reason: Reason, as_json: Json = False, name: Name = None, config: NameFrom = None
) -> None:
    """Confirm that the line is the same customer's still, after a list has made that doubtful."""
    _decide("confirm", number, name, config, {"reason": reason}, as_json=as_json)


@app.command()
def hold(
    number: Number,
    reason: Reason,
    until: Until = None,
    as_json: Json = False,
    name: Name = None,
    config: NameFrom = None,
) -> None:
    """Keep the evidence: limit the line instead of suspending it, and forget nothing of the case.

    Once more, it gives the limit another end.
    """
    _decide("hold", number, name, config, {"reason": reason, "until": until}, as_json=as_json)


@app.command()
def release(
    number: Number, reason: Reason, as_json: Json = False, name: Name = None, config: NameFrom = None
) -> None:
    """Release a case from its evidence hold."""
    _decide("release", number, name, config, {"reason": reason}, as_json=as_json)


@app.command()
def restore(
    number: Number, reason: Reason, as_json: Json = False, name: Name = None, config: NameFrom = None
) -> None:
    """Undo all that is done to the line, and close the case."""
    _decide("restore", number, name, config, {"reason": reason}, as_json=as_json)


@app.command()
def dismiss(
    number: Number, reason: Reason, as_json: Json = False, name: Name = None, config: NameFrom = None
) -> None:
    """Undo all, close the case, and let it count against those who have reported."""
    _decide("dismiss", number, name, config, {"reason": reason}, as_json=as_json)


@app.command()
def told(
    number: Number, reason: Reason, as_json: Json = False, name: Name = None, config: NameFrom = None
) -> None:
    """Say that you have told the customer to stop, where the stop request's letter reaches nobody.

    What is sent later than the grace from now on counts as sent in spite of it.
    """
    _decide("told", number, name, config, {"reason": reason}, as_json=as_json)


@app.command()
def retry(
    number: Number, reason: Reason, as_json: Json = False, name: Name = None, config: NameFrom = None
) -> None:
    """Have asked again, at once, what was asked for a case and is refused or not confirmed."""
    _decide("retry", number, name, config, {"reason": reason}, as_json=as_json)


def _decide(
    what: str, number: int, name: str | None, config: Path | None, body: dict[str, Any], *, as_json: bool
) -> None:
    show_case(asked(name, config, "POST", f"/v1/desk/cases/{number}/{what}", given(body)), as_json=as_json)
