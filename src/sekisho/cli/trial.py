"""Commands about the trial."""

# Every command imports what it needs itself, so that the others start at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sekisho.cli.common import File, Name, NameFrom, asked, fail, print_json
from sekisho.cli.trial_words import Language

if TYPE_CHECKING:
    from sekisho.config import Config
    from sekisho.trial.protocol import TrialProtocol

app = typer.Typer(
    help="The trial: what is limited when, on purpose, so that the effect can be measured.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, as docs/trial.md describes it.")]
Reason = Annotated[str, typer.Option(help="Why. It is recorded, and needed.")]
Lang = Annotated[Language, typer.Option("--lang", help="In which language.")]


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


@app.command("notice")
def show_notice(
    config: File,
    lang: Annotated[Language, typer.Option("--lang", help="In which language.")],
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page there.")] = None,
) -> None:
    """Print the announcement of the trial for customers, made of the configuration itself."""
    from sekisho.cli.notice import print_notice

    print_notice(read_trial(config), config, lang, html)


@app.command("report")
def show_report(
    config: File,
    lang: Annotated[Language, typer.Option("--lang", help="In which language.")] = Language.EN,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page there.")] = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", metavar="FILE", help="Print it there.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write it as docs/report.md describes it.")
    ] = None,
) -> None:
    """Report the trial: its effect with intervals, the harm, what is missing, and what nobody can say.

    Reads the store alone: no daemon needs to run.
    """
    from sekisho.cli.report import Files, tell_report

    tell_report(read_trial(config), lang, Files(html, pdf, json_file))


@app.command()
def register(as_json: Json = False, name: Name = None, config: NameFrom = None) -> None:
    """Freeze the plan in force under its digest, before the trial starts.

    Only what is registered beforehand is an experiment. A plan that is changed later is registered again, as
    another version.
    """
    from sekisho.api.trial_models import RegisterAnswer
    from sekisho.cli.show_trial_status import registered_text

    answer = asked(name, config, "POST", "/v1/trial/register")
    if as_json:
        print_json(answer)
    else:
        typer.echo(registered_text(RegisterAnswer.model_validate(answer)))


@app.command()
def status(as_json: Json = False, name: Name = None, config: NameFrom = None) -> None:
    """Tell how the trial stands, whether it is suspended, and what changes next."""
    from sekisho.api.trial_models import TrialStatus
    from sekisho.cli.show_trial_status import status_text

    answer = asked(name, config, "GET", "/v1/trial/status")
    if as_json:
        print_json(answer)
    else:
        typer.echo(status_text(TrialStatus.model_validate(answer)))


@app.command()
def suspend(reason: Reason, as_json: Json = False, name: Name = None, config: NameFrom = None) -> None:
    """Suspend the trial: all of its classes are observed from the next SYN on, until it is resumed."""
    _act("suspend", reason, name, config, as_json=as_json)


@app.command()
def resume(reason: Reason, as_json: Json = False, name: Name = None, config: NameFrom = None) -> None:
    """Resume a trial that is suspended: the plan goes on as if nothing had been."""
    _act("resume", reason, name, config, as_json=as_json)


@app.command()
def complaint(
    count: Annotated[int, typer.Option(min=1, help="How many complaints more there are.")],
    reason: Reason,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="DATE", help="On which day of the trial's zone: today."),
    ] = None,
    as_json: Json = False,
    name: Name = None,
    config: NameFrom = None,
) -> None:
    """Count complaints of customers, which stop the trial where they become more than is known from before.

    What is entered stays, with who entered it.
    """
    from sekisho.api.trial_models import ComplaintAnswer

    body = {"count": count, "reason": reason, **({} if on is None else {"on": on})}
    answer = asked(name, config, "POST", "/v1/trial/complaint", body)
    if as_json:
        print_json(answer)
    else:
        done = ComplaintAnswer.model_validate(answer)
        typer.echo(f"trial {done.name}: {done.count} complaints on {done.day}")


@app.command()
def blocklist(
    class_name: Annotated[
        str | None, typer.Option("--class", metavar="CLASS", help="Of which class.")
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=0, help="How many of its addresses came onto a blocklist.")
    ] = None,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="DATE", help="On which day of the trial's zone: yesterday."),
    ] = None,
    hour: Annotated[
        str | None,
        typer.Option(
            "--hour", metavar="TIME", help="Of the hour of this time instead, as `date -Is` has it."
        ),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            "--file", metavar="FILE", help="Of a line each of CLASS, DATE or TIME, and COUNT; -: stdin."
        ),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why another number than before is entered.")] = None,
    as_json: Json = False,
    name: Name = None,
    config: NameFrom = None,
) -> None:
    """Count addresses that are newly on a blocklist, an outcome of the trial: numbers alone, never addresses.

    To enter the same again changes nothing; another number needs a reason, and what was there before is kept.
    """
    from sekisho.api.trial_models import BlocklistAnswer
    from sekisho.cli.blocklist_numbers import read_numbers
    from sekisho.cli.show_trial_status import blocklist_text

    single = {"class_name": class_name, "count": count, "on": on, "hour": hour}
    given = {key: value for key, value in single.items() if value is not None}
    if file is None and not {"class_name", "count"} <= given.keys():
        raise fail("name --class and --count, or --file")
    if file is not None and given:
        raise fail("--file has class, time and count in its lines: leave the other options out")
    numbers = [given] if file is None else read_numbers(file)
    body = {"numbers": numbers, **({} if reason is None else {"reason": reason})}
    answer = asked(name, config, "POST", "/v1/trial/blocklist", body)
    if as_json:
        print_json(answer)
    else:
        typer.echo(blocklist_text(BlocklistAnswer.model_validate(answer)))


@app.command()
def log(as_json: Json = False, name: Name = None, config: NameFrom = None) -> None:
    """Tell what happened to the trial, in order."""
    from sekisho.api.trial_models import TrialLog
    from sekisho.cli.show_trial_status import log_text

    answer = asked(name, config, "GET", "/v1/trial/log")
    found = TrialLog.model_validate(answer)
    if as_json:
        print_json(answer)
    elif found.events:
        typer.echo(log_text(found))


def _act(act: str, reason: str, name: str | None, config: Path | None, *, as_json: bool) -> None:
    from sekisho.api.trial_models import ActAnswer
    from sekisho.cli.show_trial_status import act_text

    answer = asked(name, config, "POST", f"/v1/trial/{act}", {"reason": reason})
    done = ActAnswer.model_validate(answer)
    if done.not_durable is not None:
        way_out = "it is written when the store is back, and lost if the daemon ends before"
        others = "other gates that keep the store do not know of it until then"
        typer.echo(f"warning: this is not durable yet ({done.not_durable}): {way_out}; {others}", err=True)
    if as_json:
        print_json(answer)
    else:
        typer.echo(act_text(done))


def _protocol(config: Path) -> TrialProtocol:
    """Read what is settled of the trial of a configuration."""
    from sekisho.config.trial_plan import protocol_of

    protocol = protocol_of(read_trial(config))
    if protocol is None:
        raise AssertionError("a configuration without [trial] has been refused")
    return protocol


def read_trial(config: Path) -> Config:
    """Read a configuration with a trial; tell what is wrong with it on the way."""
    from sekisho.cli.files import usable

    read = usable(config)
    if read.trial is None:
        raise fail(f"{config} has no [trial]: docs/trial.md tells how one is written")
    return read
