"""Commands at the desk: cases and what is asked for them; reports and decisions have modules of their own."""

# Every command imports what it needs itself, so that the others start at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sekisho.cli.common import (
    FAILED,
    File,
    Json,
    Name,
    NameFrom,
    Purpose,
    Reference,
    asked,
    given,
    print_json,
    show,
    with_query,
)
from sekisho.cli.desk_decisions import app as decisions
from sekisho.cli.desk_options import After, Number, Reason, show_case
from sekisho.cli.desk_reports import app as reports

app = typer.Typer(
    help="The desk: reports of spam, the cases they make, and what is done about them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

app.add_typer(reports)
app.add_typer(decisions)


@app.command("cases")
def show_cases(
    after: After = 0,
    state: Annotated[
        str | None,
        typer.Option(help="Only those in this state, as they are told; also restored or dismissed ones."),
    ] = None,
    claimed: Annotated[
        bool, typer.Option("--claimed", help="Also those of which nothing proves whose the reports are.")
    ] = False,
    line: Annotated[
        str | None,
        typer.Option(metavar="LINE", help="All of this line instead; that is recorded and needs a purpose."),
    ] = None,
    purpose: Purpose = None,
    reference: Reference = None,
    as_json: Json = False,
    name: Name = None,
    config: NameFrom = None,
) -> None:
    """Tell the open cases, without their lines; or all cases of a line."""
    from sekisho.api.desk_models import CasesAnswer
    from sekisho.cli.show_desk import cases_text

    if line is None:
        path = with_query("/v1/desk/cases", after=after or None, state=state, claimed=claimed or None)
        answer = asked(name, config, "GET", path)
    else:
        question = given({"line": line, "purpose": purpose, "reference": reference})
        answer = asked(name, config, "POST", "/v1/desk/cases/of-line", question)
    show(answer, lambda: cases_text(CasesAnswer.model_validate(answer)), as_json=as_json)


@app.command("case")
def show_one(number: Number, as_json: Json = False, name: Name = None, config: NameFrom = None) -> None:
    """Tell all of a case: its line, what happened, what was asked for it."""
    show_case(asked(name, config, "GET", f"/v1/desk/cases/{number}"), as_json=as_json)


@app.command("actions")
def show_actions(as_json: Json = False, name: Name = None, config: NameFrom = None) -> None:
    """Tell what is asked but not confirmed, and which notices reached nobody."""
    from sekisho.api.desk_models import ActionsAnswer
    from sekisho.cli.show_desk import actions_text

    answer = asked(name, config, "GET", "/v1/desk/actions")
    show(answer, lambda: actions_text(ActionsAnswer.model_validate(answer)), as_json=as_json)


@app.command()
def export(
    number: Number,
    out: Annotated[Path, typer.Option(metavar="FILE", help="A file that is not there yet.")],
    purpose: Annotated[str, typer.Option(help="For what: case or lawful-order. It is recorded, and needed.")],
    reason: Reason,
    as_json: Json = False,
    name: Name = None,
    config: NameFrom = None,
) -> None:
    """Write the evidence of a case in evidence hold into a file: reports, leases, actions, log, signed."""
    from sekisho.cli.desk_export import fetch_file

    question = {"purpose": purpose, "reason": reason}
    size = fetch_file(f"/v1/desk/cases/{number}/export", out, question, name, config)
    if as_json:
        print_json({"case": number, "file": str(out), "bytes": size})
    else:
        typer.echo(f"written: {out} ({size:,} bytes)", err=True)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `export` has written.")],
    key: Annotated[Path, typer.Option(metavar="PUB", help="The public key, in PEM.")],
    as_json: Json = False,
) -> None:
    """Tell whether evidence is as it was exported; no daemon is needed. Exit status 1 where it is not."""
    from sekisho.cli.desk_export import verify_bundle
    from sekisho.cli.show_desk import bundle_text

    found = verify_bundle(file, key)
    value = {"sound": not found.problems, "members": found.members, "problems": found.problems}
    show(value, lambda: bundle_text(found), as_json=as_json)
    if found.problems:
        raise typer.Exit(FAILED)


@app.command()
def figures(config: File, as_json: Json = False) -> None:
    """Tell of reports, how long the desk took and what lines sent meanwhile, as far as may be seen.

    No daemon is needed. What is shown is recorded in the store first.
    """
    from sekisho.cli.desk_figures import figures_text, read_figures
    from sekisho.cli.files import usable
    from sekisho.cli.recording import recording_here
    from sekisho.trial.report_written import written_value

    read = usable(config)
    found = read_figures(read, config, recording_here(read))
    if as_json:
        print_json(written_value(found))
    else:
        typer.echo(figures_text(found))


@app.command()
def preview(
    notice: Annotated[
        str,
        typer.Argument(
            metavar="NOTICE",
            help="stop-request, limit, suspension, restoration, withdrawal, relief, acknowledgement.",
        ),
    ],
    config: File,
    lang: Annotated[str | None, typer.Option("--lang", help="ja or en; else all that there are.")] = None,
    as_json: Json = False,
) -> None:
    """Print a notice as a customer would get it, with made-up values."""
    from sekisho.cli.desk_preview import made_up_mail
    from sekisho.cli.files import usable

    mail = made_up_mail(usable(config), config, notice, lang)
    if as_json:
        print_json(mail)
    else:
        typer.echo(f"From: {mail['from']}\nSubject: {mail['subject']}\n\n{mail['text']}", nl=False)
