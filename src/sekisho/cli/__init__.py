"""The command line. Exit status: 0 done, 1 not done (with the reason), 2 wrong usage."""

# Every command imports what it needs itself, so that the others start at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sekisho.cli.audit import app as audit
from sekisho.cli.common import FAILED, File, Json, Name, NameFrom, fail, meant, print_json
from sekisho.cli.desk import app as desk
from sekisho.cli.line import app as line
from sekisho.cli.trial import app as trial

app = typer.Typer(
    name="sekisho",
    help="A checkpoint for outbound mail: caps and delays each line's sessions to port 25.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # it would take "[class.NAME]" for markup
)
gate = typer.Typer(
    help="The gate of this machine: up, down, its state and its limits.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(gate, name="gate")
app.add_typer(line, name="line")
app.add_typer(audit, name="audit")
app.add_typer(trial, name="trial")
app.add_typer(desk, name="desk")


def main() -> None:
    """Run the command line."""
    app()


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"sekisho {version('sekisho')}")
        raise typer.Exit


@app.callback()
def sekisho(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Hold the options of the command itself."""


@app.command()
def check(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The configuration to check.")],
    as_json: Json = False,
) -> None:
    """Check a configuration and the files it names, and list every error.

    Each is told with its line and the way out.
    """
    from sekisho.cli.files import checked_json, told
    from sekisho.config import errors
    from sekisho.daemon.reading import read_whole

    try:
        checked = read_whole(config)
    except OSError as error:
        raise fail(f"{config} cannot be read: {error.strerror}") from error
    if as_json:
        print_json(checked_json(config, checked))
    else:
        typer.echo(told(config, checked))
    if errors(checked.problems):
        raise typer.Exit(FAILED)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def lab(context: typer.Context) -> None:
    """Run real mail programs against a gate."""
    from sekisho.lab.cli import app as laboratory

    laboratory(context.args, prog_name="sekisho lab")


@gate.command()
def up(config: File) -> None:
    """Attach the gate and run in the foreground.

    A gate that is attached already is taken over. SIGHUP reads the file again; with an error in it
    the old one stays. SIGTERM ends the process and leaves the limits on: `sekisho gate down` takes
    them off.
    """
    from sekisho.cli.files import places, read_config
    from sekisho.daemon.logs import set_up_logs
    from sekisho.daemon.service import serve
    from sekisho.gate import GateError

    try:
        checked = read_config(config)
    except OSError as error:
        raise fail(f"{config} cannot be read: {error.strerror}") from error
    if checked.problems:
        typer.echo(places(config, checked), err=True)
    if checked.config is None:
        raise typer.Exit(FAILED)
    set_up_logs()
    try:
        serve(config, checked.config)
    except GateError as error:
        raise fail(error) from error


@gate.command()
def status(as_json: Json = False, name: Name = None, config: NameFrom = None) -> None:
    """Tell what the gate does, also with the daemon away."""
    from sekisho.api.client import AnswerError, AwayError, ask
    from sekisho.api.models import Status
    from sekisho.gate import GateError

    wanted = meant(name, config)
    try:
        try:
            found = Status.model_validate(ask(wanted, "GET", "/v1/gate"))
        except AwayError:
            from sekisho.cli.away import status_without_daemon

            found = status_without_daemon(wanted)
    except (AnswerError, GateError) as error:
        raise fail(error) from error
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    from sekisho.cli.line import print_lines
    from sekisho.cli.show import print_status

    print_status(found)
    if found.daemon is not None:
        print_lines(wanted)


@gate.command()
def down(name: Name = None, config: NameFrom = None) -> None:
    """Detach the gate and end its daemon."""
    from sekisho.api.client import AnswerError, AwayError, ask, wait_for_end
    from sekisho.gate import GateError

    wanted = meant(name, config)
    try:
        try:
            ask(wanted, "POST", "/v1/gate/down")
            wait_for_end(wanted)
            was_there = True
        except AwayError:
            from sekisho.cli.away import down_without_daemon

            was_there = down_without_daemon(wanted)
    except (AnswerError, GateError) as error:
        raise fail(error) from error
    typer.echo(f"gate {wanted}: " + ("detached, nothing is limited" if was_there else "was not attached"))
    if was_there:
        typer.echo(
            "A service that is enabled attaches it again at boot: `systemctl disable` it if it is not to."
        )


@gate.command("set")
def set_limit(
    class_name: Annotated[str, typer.Argument(metavar="CLASS", help="The class, as in [class.NAME].")],
    cap: Annotated[int | None, typer.Option(help="Sessions of one line at the same time.")] = None,
    delay: Annotated[str | None, typer.Option(help='Before each session goes on, as in "1s".')] = None,
    mode: Annotated[str | None, typer.Option(help="enforce or observe.")] = None,
    excess: Annotated[str | None, typer.Option(help="Beyond the cap: drop or reset.")] = None,
    name: Name = None,
    config: NameFrom = None,
) -> None:
    """Give a class another limit.

    It holds from the next SYN on, for every line of the class. It lasts until the daemon starts anew,
    or the file gives this class another limit and is read again.
    """
    from urllib.parse import quote

    from sekisho.api.client import AnswerError, AwayError, ask
    from sekisho.api.models import LimitAnswer
    from sekisho.cli.show import limit_text

    given = {"cap": cap, "delay": delay, "mode": mode, "excess": excess}
    change = {key: value for key, value in given.items() if value is not None}
    if not change:
        raise typer.BadParameter("say what to change: --cap, --delay, --mode or --excess")
    wanted = meant(name, config)
    try:
        answer = ask(wanted, "POST", f"/v1/gate/classes/{quote(class_name, safe='')}/limit", change)
    except (AnswerError, AwayError) as error:
        raise fail(error) from error
    done = LimitAnswer.model_validate(answer)
    typer.echo(f"class {done.class_name}: {limit_text(done.limit)}")
    for warning in done.warnings:
        typer.echo(f"warning: {warning}", err=True)
    if done.limit != done.file:
        typer.echo(f"the file says: {limit_text(done.file)}; write it there too if it is to last")


@gate.command()
def top(name: Name = None, config: NameFrom = None) -> None:
    """Watch the classes; Ctrl-C ends it."""
    from sekisho.api.client import AnswerError, AwayError
    from sekisho.cli.top import watch

    try:
        watch(meant(name, config))
    except (AnswerError, AwayError) as error:
        raise fail(error) from error


@gate.command()
def caps(
    config: File,
    days: Annotated[
        int | None, typer.Option(min=1, max=366, help="Look for the busiest hour of the last days: 7.")
    ] = None,
    private: Annotated[
        float | None,
        typer.Option(
            metavar="EPSILON", help="Tell instead all counts of the hour of [private], with noise of so much."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell how many lines each cap would have met, by the most sessions that lines had at once in an hour.

    With --private also what is of few lines is told, as differential privacy lets it be; it spends of the
    budget in [private], and is kept in the store, so that it can be told again (docs/publishing.md).
    """
    from sekisho.cli.files import usable

    if private is None:
        from sekisho.cli.caps import tell_caps

        tell_caps(usable(config), 7 if days is None else days, as_json=as_json)
        return
    if days is not None:
        raise fail("--private tells of the hour that [private] names: leave --days out")
    from sekisho.cli.private_caps import tell_private_caps

    tell_private_caps(usable(config), config, private, as_json=as_json)
