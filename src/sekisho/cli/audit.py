"""Commands about the audit log: is it whole, and what is in it."""

# Every command imports what it needs itself, so that the others start at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from typing import Annotated

import typer

from sekisho.cli.common import FAILED, Json, Name, NameFrom, asked, print_json

app = typer.Typer(
    help="The audit log: who asked what of which line, and why.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def verify(
    head: Annotated[
        str | None,
        typer.Option(metavar="HASH", help="A head that was noted before: it must be in the log still."),
    ] = None,
    as_json: Json = False,
    name: Name = None,
    config: NameFrom = None,
) -> None:
    """Walk the whole log and tell whether every record is as it was written.

    Note the head it prints somewhere else: with `--head` it shows later that the log was not cut off or
    written anew. Exit status 1 where a record does not fit or the head is not found.
    """
    from urllib.parse import urlencode

    from sekisho.api.line_models import AuditVerification
    from sekisho.cli.show_audit import verification_text

    query = "" if head is None else "?" + urlencode({"head": head.strip().lower()}, errors="replace")
    answer = asked(name, config, "GET", f"/v1/audit/verification{query}")
    found = AuditVerification.model_validate(answer)
    if as_json:
        print_json(answer)
    else:
        typer.echo(verification_text(found))
    if not found.sound:
        raise typer.Exit(FAILED)


@app.command("log")
def show_log(
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="With its zone: 2026-11-24T21:30:00+09:00.")
    ] = None,
    as_json: Json = False,
    name: Name = None,
    config: NameFrom = None,
) -> None:
    """Print the log, a record a line; with --json as JSON, an object a line. That is recorded too."""
    import json
    from urllib.parse import urlencode

    from sekisho.api.line_models import AuditLog
    from sekisho.cli.show_audit import record_text

    after, more = 0, True
    while more:
        query = {"after": after} if since is None else {"after": after, "since": since}
        path = f"/v1/audit?{urlencode(query, errors='replace')}"
        answer = AuditLog.model_validate(asked(name, config, "GET", path))
        for record in answer.records:
            after = record.number
            if as_json:
                typer.echo(json.dumps(record.model_dump(mode="json"), ensure_ascii=False))
            else:
                typer.echo(record_text(record))
        more = answer.more
