"""Commands at the desk: reports in, cases, and what people decide about them. Each is recorded."""

# Every command imports what it needs itself, so that the others start at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sekisho.cli.common import FAILED, File, Json, Name, NameFrom, asked, print_json

app = typer.Typer(
    help="The desk: reports of spam, the cases they make, and what is done about them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Number = Annotated[int, typer.Argument(metavar="N", min=1, help="The number of the case.")]
Reason = Annotated[str, typer.Option(help="Why. It is recorded, and needed.")]
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
def ingest(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", help="Messages, mbox files, Maildirs, XARF reports in JSON."),
    ],
    reporter: Annotated[
        str | None,
        typer.Option(metavar="DOMAIN", help="You vouch that all of them are from this reporter; recorded."),
    ] = None,
    as_json: Json = False,
    name: Name = None,
    config: NameFrom = None,
) -> None:
    """Take reports in from files, and tell what became of each.

    What was taken before is known again: whoever is interrupted runs the same command once more. Whose a
    report is, is believed as of any mail (docs/desk.md), unless you vouch for it.
    """
    from sekisho.cli.desk_ingest import take_files, told

    outcomes = list(take_files(files, reporter, name, config))
    nothing = "there is no file in it: nothing is taken in"
    _show(outcomes, lambda: "\n".join(map(told, outcomes)) or nothing, as_json=as_json)
    if any(one["state"] == "failed" for one in outcomes):
        raise typer.Exit(FAILED)


@app.command("queue")
def show_queue(
    seen: Annotated[
        int | None, typer.Option("--seen", metavar="N", help="Take report N out of the queue instead.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="Why it is seen; recorded, and needed with --seen.")
    ] = None,
    as_json: Json = False,
    name: Name = None,
    config: NameFrom = None,
) -> None:
    """Tell which reports people have to look at, and why."""
    from sekisho.api.desk_models import QueueAnswer, ReportAnswer
    from sekisho.cli.show_desk import queue_text, report_text

    if seen is not None:
        body = {} if reason is None else {"reason": reason}
        answer = asked(name, config, "POST", f"/v1/desk/queue/{seen}/seen", body)
        _show(answer, lambda: report_text(ReportAnswer.model_validate(answer)), as_json=as_json)
        return
    answer = asked(name, config, "GET", "/v1/desk/queue")
    _show(answer, lambda: queue_text(QueueAnswer.model_validate(answer)), as_json=as_json)


@app.command("cases")
def show_cases(as_json: Json = False, name: Name = None, config: NameFrom = None) -> None:
    """Tell the open cases, without their lines."""
    from sekisho.api.desk_models import CasesAnswer
    from sekisho.cli.show_desk import cases_text

    answer = asked(name, config, "GET", "/v1/desk/cases")
    _show(answer, lambda: cases_text(CasesAnswer.model_validate(answer)), as_json=as_json)


@app.command("case")
def show_case(number: Number, as_json: Json = False, name: Name = None, config: NameFrom = None) -> None:
    """Tell all of a case: its line, what happened, what was asked for it."""
    _case(asked(name, config, "GET", f"/v1/desk/cases/{number}"), as_json=as_json)


@app.command("actions")
def show_actions(as_json: Json = False, name: Name = None, config: NameFrom = None) -> None:
    """Tell what is asked but not confirmed, and which notices reached nobody."""
    from sekisho.api.desk_models import ActionsAnswer
    from sekisho.cli.show_desk import actions_text

    answer = asked(name, config, "GET", "/v1/desk/actions")
    _show(answer, lambda: actions_text(ActionsAnswer.model_validate(answer)), as_json=as_json)


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
    """Suspend at once; what is grave needs two persons."""
    body = {"reason": reason, "kind": kind, "until": until}
    _decide("suspend", number, name, config, body, as_json=as_json)


@app.command()
def hold(
    number: Number,
    reason: Reason,
    until: Until = None,
    as_json: Json = False,
    name: Name = None,
    config: NameFrom = None,
) -> None:
    """Keep the evidence: limit the line instead of suspending it, and forget nothing of the case."""
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
def retry(
    number: Number, reason: Reason, as_json: Json = False, name: Name = None, config: NameFrom = None
) -> None:
    """Have asked again, at once, what was asked for a case and is refused or not confirmed."""
    _decide("retry", number, name, config, {"reason": reason}, as_json=as_json)


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
    from sekisho.cli.desk_export import fetch_bundle

    size = fetch_bundle(number, out, {"purpose": purpose, "reason": reason}, name, config)
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
    _show(value, lambda: bundle_text(found), as_json=as_json)
    if found.problems:
        raise typer.Exit(FAILED)


@app.command()
def figures(config: File, as_json: Json = False) -> None:
    """Tell, by week and class, how many reports there were and how long the desk took, as far as may be seen.

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


def _decide(
    what: str, number: int, name: str | None, config: Path | None, body: dict[str, Any], *, as_json: bool
) -> None:
    given = {key: value for key, value in body.items() if value is not None}
    _case(asked(name, config, "POST", f"/v1/desk/cases/{number}/{what}", given), as_json=as_json)


def _case(answer: Any, *, as_json: bool) -> None:
    from sekisho.api.desk_models import CaseAnswer
    from sekisho.cli.show_desk import case_text

    _show(answer, lambda: case_text(CaseAnswer.model_validate(answer)), as_json=as_json)


def _show(answer: Any, text: Any, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        typer.echo(text())


@app.command()
def preview(
    notice: Annotated[
        str,
        typer.Argument(
            metavar="NOTICE", help="stop-request, suspension, restoration, relief, acknowledgement."
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
