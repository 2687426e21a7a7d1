"""Commands about reports: in, looked at, and out of the queue for people."""

# Every command imports what it needs itself, so that the others start at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sekisho.cli.common import (
    FAILED,
    Json,
    Name,
    NameFrom,
    Purpose,
    Reference,
    asked,
    given,
    show,
    with_query,
)
from sekisho.cli.desk_options import After, Reason, Report, show_case

app = typer.Typer()


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
    show(outcomes, lambda: "\n".join(map(told, outcomes)) or nothing, as_json=as_json)
    if any(one["state"] == "failed" for one in outcomes):
        raise typer.Exit(FAILED)


@app.command()
def report(
    number: Report,
    purpose: Purpose = None,
    reference: Reference = None,
    original: Annotated[
        bool, typer.Option("--original", help="Its original instead, as it came; on a terminal, as text.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The original into a file that is not there yet.")
    ] = None,
    as_json: Json = False,
    name: Name = None,
    config: NameFrom = None,
) -> None:
    """Tell what a report says, and who held each address of ours in it, then. It is recorded."""
    from sekisho.api.desk_models import ReportLook
    from sekisho.cli.desk_export import fetch_file
    from sekisho.cli.show_desk_reports import look_text, tell_original

    question = given({"purpose": purpose, "reference": reference})
    if output is not None:
        size = fetch_file(f"/v1/desk/reports/{number}/original", output, question, name, config)
        told = {"report": number, "file": str(output), "bytes": size}
        show(told, lambda: f"written: {output} ({size:,} bytes)", as_json=as_json)
    elif original:
        tell_original(number, question, name, config, as_json=as_json)
    else:
        answer = asked(name, config, "POST", f"/v1/desk/reports/{number}/look", question)
        show(answer, lambda: look_text(ReportLook.model_validate(answer)), as_json=as_json)


@app.command()
def attribute(
    number: Report,
    line: Annotated[str, typer.Option(metavar="LINE", help="The line that it is about.")],
    reason: Reason,
    incident: Annotated[
        int | None,
        typer.Option(metavar="K", min=1, help="Which of its incidents, where several wait for people."),
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="Our address, as you have read it in the original.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Its source port, where lines share the address.")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="The moment, with its zone, as you have read it.")
    ] = None,
    as_json: Json = False,
    name: Name = None,
    config: NameFrom = None,
) -> None:
    """Say about which line a report is that no program could attribute. It counts as its reporter's word.

    The line has to have held, at the moment, an address that the report names.
    """
    place = None if incident is None else incident - 1
    body = {"line": line, "reason": reason, "place": place, "address": address, "port": port, "at": at}
    answer = asked(name, config, "POST", f"/v1/desk/reports/{number}/attribute", given(body))
    show_case(answer, as_json=as_json)


@app.command("reporters")
def show_reporters(
    after: Annotated[
        str | None, typer.Option(metavar="PARTY", help="Go on after this party, where there are more.")
    ] = None,
    forget: Annotated[
        str | None,
        typer.Option(metavar="PARTY", help="Forget what was found of this party's reports instead."),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="Why it is forgotten; recorded, and needed with --forget.")
    ] = None,
    as_json: Json = False,
    name: Name = None,
    config: NameFrom = None,
) -> None:
    """Tell how the reporters stand that are proved, by what came of their reports."""
    from sekisho.api.desk_models import ReportersAnswer, ReporterValue
    from sekisho.cli.show_desk_reports import reporter_text, reporters_text

    if forget is not None:
        body = given({"party": forget, "reason": reason})
        answer = asked(name, config, "POST", "/v1/desk/reporters/forget", body)
        show(answer, lambda: reporter_text(ReporterValue.model_validate(answer)), as_json=as_json)
        return
    answer = asked(name, config, "GET", with_query("/v1/desk/reporters", after=after))
    show(answer, lambda: reporters_text(ReportersAnswer.model_validate(answer)), as_json=as_json)


@app.command("queue")
def show_queue(
    after: After = 0,
    why: Annotated[
        str | None, typer.Option(metavar="WORDS", help="Only those whose reason has these words.")
    ] = None,
    seen: Annotated[
        list[int] | None,
        typer.Option("--seen", metavar="N", help="Take report N out of the queue instead; again for others."),
    ] = None,
    before: Annotated[
        str | None,
        typer.Option(
            metavar="DATE", help="Take out what came before a day (UTC), or before a time with its zone."
        ),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="Why it is seen; recorded, and needed with --seen and --before.")
    ] = None,
    as_json: Json = False,
    name: Name = None,
    config: NameFrom = None,
) -> None:
    """Tell which reports people have to look at, and why; or take some out of their queue."""
    from sekisho.api.desk_models import QueueAnswer, SeenAnswer
    from sekisho.cli.show_desk_reports import queue_text, seen_text

    if seen or before is not None:
        body = given({"reports": seen or None, "before": before, "reason": reason})
        answer = asked(name, config, "POST", "/v1/desk/queue/seen", body)
        show(answer, lambda: seen_text(SeenAnswer.model_validate(answer)), as_json=as_json)
        return
    answer = asked(name, config, "GET", with_query("/v1/desk/queue", after=after or None, why=why))
    show(answer, lambda: queue_text(QueueAnswer.model_validate(answer)), as_json=as_json)
