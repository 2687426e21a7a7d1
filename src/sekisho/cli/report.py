"""The report of a trial on the command line."""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

import typer
from rich.console import Console

from sekisho.cli.common import fail
from sekisho.cli.desk_figures import figures_of
from sekisho.cli.notice import write_page
from sekisho.cli.report_counts import (
    Asking,
    blocklist_of_weeks,
    counts_of_weeks,
    lines_of,
    lines_that_would_meet,
)
from sekisho.cli.trial_words import Language
from sekisho.config import Config, digest
from sekisho.config.trial_plan import notice_of, protocol_of
from sekisho.daemon.service import STATE
from sekisho.desk.figures import DeskFigures
from sekisho.measure.blocklist import BlocklistSeries
from sekisho.measure.coverage import coverage, so_far
from sekisho.measure.equipment_compared import PLACES, compared, without_sessions
from sekisho.measure.few_lines import untold
from sekisho.measure.harm import complaints, harm, reliefs_at_least
from sekisho.measure.line_hours import met_cap
from sekisho.measure.reported import LATE, ReportedHours, reported_span
from sekisho.measure.trial_hours import SUMS, CountedHour, TrialHours
from sekisho.model import Mode
from sekisho.pages import voice
from sekisho.pages.report import report_page
from sekisho.pages.terminal import report_parts
from sekisho.store import StoreError, Transaction
from sekisho.store.minutes_asked import Asked, Per
from sekisho.store.read_only import reading_only
from sekisho.trial.blocklist import Counts
from sekisho.trial.estimate_observed import NEAR
from sekisho.trial.guardrails import What
from sekisho.trial.plan import Plan, Units
from sekisho.trial.protocol import OF_EQUIPMENT, OF_SESSIONS, Outcome, TrialProtocol
from sekisho.trial.report import Facts, as_it_was, make_report
from sekisho.trial.report_values import Because, Blocklist, NotKnown, Report
from sekisho.trial.report_written import written_report
from sekisho.trial.series import Series

_BROWSER: Final = "chromium"
_PRINT_SECONDS: Final = 120

AROUND: Final = timedelta(weeks=13)
"""So long before a trial and after it the weeks of the desk are told, to be compared with those in it."""
_CALLING_NOBODY: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


class Files(NamedTuple):
    """Where the report goes besides the terminal."""

    html: Path | None
    pdf: Path | None
    json: Path | None


def tell_report(config: Config, language: Language, files: Files) -> None:
    """Make the report of a trial, print its sum, and write what is asked for; `config`: with a trial."""
    if files.pdf is not None and shutil.which(_BROWSER) is None:
        raise fail(f"--pdf needs {_BROWSER}, which is not installed: install Debian's package `{_BROWSER}`")
    try:
        with reading_only(store_url(config)) as transaction:
            report = read_report(config, transaction, datetime.now(UTC))
    except StoreError as error:
        raise fail(error) from error
    spoken = voice.Language(language)
    console = Console(highlight=False)
    for part in report_parts(report, spoken):
        console.print(part)
    if files.json is not None:
        write_page(files.json, json.dumps(written_report(report), ensure_ascii=False, indent=2) + "\n")
    if files.html is not None or files.pdf is not None:
        page = report_page(report, spoken)
        if files.html is not None:
            write_page(files.html, page)
        if files.pdf is not None:
            _print_pdf(files.pdf, page)


def read_report(config: Config, transaction: Transaction, now: datetime) -> Report:
    """Make the report of what a store knows; `config`: with a trial."""
    gc.freeze()
    gc.disable()  # millions of cells, and no cycle among them: to look through them took half of the time
    try:
        return _read_report(config, transaction, now)
    finally:
        gc.enable()


def _read_report(config: Config, transaction: Transaction, now: datetime) -> Report:
    protocol, notice = protocol_of(config), notice_of(config)
    if protocol is None or notice is None:
        raise AssertionError("a configuration without [trial] has been refused")
    plan = protocol.plan
    events = transaction.trial_events(plan.name)
    held = as_it_was(plan, events, now)
    # Phases are compared with what was before and after them.
    around = NEAR if plan.phases else timedelta()
    asked = Asked(plan.span.begin - around, plan.span.end + around)
    hours = TrialHours(held, transaction.counted(asked, Per.HOUR, SUMS))
    marks = transaction.counted_marks(plan.span.begin, plan.span.end)
    values = {one.name: one.during for one in notice.taking_part}
    equipment = _equipment(held, protocol, transaction)
    asking = Asking(held, hours.gates(), store_url(config), transaction, now)
    lines = lines_of(asking)
    comparison = _comparison(config, protocol)
    few = untold([*values, *filter(None, [comparison])], lines.sizes)
    loads = compared(held, transaction.equipment_sums(plan.span.begin, plan.span.end))
    paths = _paths(transaction, plan)
    if few.keys() >= values.keys():  # all that the gates counted is of few lines
        loads = without_sessions(loads, NotKnown(Because.SUPPRESSED))
        paths |= dict.fromkeys((What.DIFFERENCE, What.DELAY_P99), NotKnown(Because.SUPPRESSED))
    counts = counts_of_weeks(asking, lines.weekly)
    met = {name: met_cap(name, counts, lines.weekly) for name, _ in plan.own}
    past = so_far(plan, now)
    reports, no_reports = _reports_of(config, plan, transaction, now)
    entered = transaction.blocklist_counts(plan.name)
    entries = BlocklistSeries(plan, entered)
    no_entries = {(name, Outcome.BLOCKLIST): entries.why_none(name) for name, _ in plan.own}
    facts = Facts(
        protocol=protocol,
        versions=transaction.trial_versions(plan.name),
        events=events,
        made_at=now,
        program=version("sekisho"),
        policy=digest(config),
        coverage=coverage(held, hours, _gates(config, plan), marks, now),
        harm=harm(held, hours, values, met, lines_that_would_meet(lines, values), loads, few),
        reliefs_at_least=reliefs_at_least(transaction.released_in(past.begin, past.end)),
        complaints=complaints(
            past, transaction.complaints_by_day(plan.name), protocol.guardrails.complaints_per_day
        ),
        published=counts,
        comparison=comparison,
        equipment=loads,
        untold=no_reports
        | {(name, of): why for name, why in few.items() for of in OF_SESSIONS}
        | {one: why for one, why in no_entries.items() if why is not None},
        desk=_desk(config, plan, transaction, now),
        paths=paths,
        blocklist=_blocklist(asking, protocol, entered),
    )

    def counted(name: str, outcome: Outcome) -> tuple[Series, ...]:
        if outcome is Outcome.REPORTS:
            return () if reports is None else reports.series(name)
        if outcome is Outcome.BLOCKLIST:
            return entries.series(name)
        return (equipment if outcome in OF_EQUIPMENT else hours).series(name, outcome)

    return make_report(facts, counted)


def _paths(
    transaction: Transaction, plan: Plan
) -> dict[What, tuple[tuple[datetime, float, float], ...] | NotKnown]:
    """Return what each guardrail saw."""
    return {
        what: tuple((point.at, point.value, point.bound) for _, point in path)
        for what, path in transaction.guardrail_paths(plan.name).items()
    }


def _reports_of(
    config: Config, plan: Plan, transaction: Transaction, now: datetime
) -> tuple[ReportedHours | None, dict[tuple[str, Outcome], NotKnown]]:
    """Return the reports about each hour of a trial, and of which classes they cannot be told, and why."""
    asked = [(name, Outcome.REPORTS) for name, _ in plan.own]
    if config.desk is None:
        return None, {}
    if plan.switchback is not None and plan.switchback.units is Units.GATES:
        return None, dict.fromkeys(asked, NotKnown(Because.OF_NO_GATE))
    kept = timedelta(milliseconds=config.desk.reports_ms)
    span = reported_span(plan.span, transaction.first_report(), kept, now)
    if isinstance(span, NotKnown):
        return None, dict.fromkeys(asked, span)
    found = ReportedHours(span, transaction.reported_hours(span.begin, span.end, LATE))
    reasons = {one: found.why_none(one[0]) for one in asked}
    return found, {one: why for one, why in reasons.items() if why is not None}


def _desk(
    config: Config, plan: Plan, transaction: Transaction, now: datetime
) -> DeskFigures | NotKnown | None:
    """Return what may be seen of the desk in the weeks around a trial, or why nothing is; None: no desk."""
    if config.desk is None:
        return None
    found = figures_of(config, config.desk, transaction, store_url(config), now)
    if not found.is_recorded:
        return NotKnown(Because.NOT_RECORDED)
    begin, end = plan.span.begin - AROUND, plan.span.end + AROUND
    weeks = tuple(one for one in found.weeks if begin <= one.begin < end)
    return replace(found, weeks=weeks) if weeks else NotKnown(Because.NOT_SETTLED)


def _blocklist(asking: Asking, protocol: TrialProtocol, entered: Counts) -> Blocklist | None:
    """Return what may be seen of blocklist entries; None: they are no outcome, and none was entered."""
    is_asked = entered or Outcome.BLOCKLIST in protocol.outcomes
    return blocklist_of_weeks(asking, entered) if is_asked else None


def _equipment(plan: Plan, protocol: TrialProtocol, transaction: Transaction) -> TrialHours:
    """Read the hours of the equipment where an outcome is of it, as those of a class that the lots are of."""
    rows: Iterable[CountedHour] = ()
    if plan.switchback is not None and OF_EQUIPMENT.intersection(protocol.outcomes):
        first = plan.switchback.on[0][0]
        rows = transaction.equipment_loads(plan.span.begin, plan.span.end, first)
    return TrialHours(plan, rows, PLACES)


def _gates(config: Config, plan: Plan) -> Sequence[str]:
    """Return the gates that should have reported: those that draw lots, else at least that of this file."""
    return (config.gate.name,) if plan.switchback is None else plan.switchback.gates or (config.gate.name,)


def store_url(config: Config) -> str:
    """Return where the daemon of a configuration keeps its store."""
    return config.kept.url or f"sqlite:///{STATE}/{config.gate.name}.db"


def _comparison(config: Config, protocol: TrialProtocol) -> str | None:
    """Return a class that takes no part and is not limited, if there is one."""
    taking = dict(protocol.plan.own)
    others: Mapping[str, Mode] = {
        name: table.mode for name, table in config.classes.items() if name not in taking
    }
    return next((name for name, mode in others.items() if mode is Mode.OBSERVE), None)


def _print_pdf(path: Path, page: str) -> None:
    """Let the browser print a page, which is ours and has no script."""
    with tempfile.TemporaryDirectory(prefix="sekisho-") as directory:
        source = Path(directory) / "report.html"
        source.write_text(page, encoding="utf-8")
        options = ["--no-sandbox"] if os.geteuid() == 0 else []  # root cannot have one
        argv = [
            *(_BROWSER, "--headless", "--disable-gpu", f"--user-data-dir={directory}/profile", *options),
            *_CALLING_NOBODY,
            *("--no-pdf-header-footer", f"--print-to-pdf={path.absolute()}", source.as_uri()),
        ]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=_PRINT_SECONDS)
        except subprocess.TimeoutExpired:
            way_out = "write the page by --html and print that"
            raise fail(f"{_BROWSER} did not end within {_PRINT_SECONDS} s: {way_out}") from None
    if done.returncode or not path.is_file():
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise fail(f"{path} was not printed: {_BROWSER}: {last}")
    typer.echo(f"written: {path}", err=True)
