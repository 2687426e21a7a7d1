"""The report of a trial on the command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

import typer
from rich.console import Console

from sekisho.cli.common import fail
from sekisho.cli.notice import write_page
from sekisho.cli.recording import recording_here
from sekisho.cli.trial_words import Language
from sekisho.config import Config
from sekisho.pages import voice
from sekisho.pages.report import report_page
from sekisho.pages.terminal import report_parts
from sekisho.reporting.trial import read_report
from sekisho.store import StoreError
from sekisho.store.read_only import reading_only
from sekisho.trial.report_written import report_json

_BROWSER: Final = "chromium"
_PRINT_SECONDS: Final = 120
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
    recording = recording_here(config)
    try:
        with reading_only(recording.url) as transaction:
            report = read_report(config, transaction, recording)
    except StoreError as error:
        raise fail(error) from error
    spoken = voice.Language(language)
    console = Console(highlight=False)
    for part in report_parts(report, spoken):
        console.print(part)
    if files.json is not None:
        write_page(files.json, report_json(report))
    if files.html is not None or files.pdf is not None:
        page = report_page(report, spoken)
        if files.html is not None:
            write_page(files.html, page)
        if files.pdf is not None:
            _print_pdf(files.pdf, page)


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
