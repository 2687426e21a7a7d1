"""The announcement of a trial on the command line."""

from __future__ import annotations

from pathlib import Path

import typer

from sekisho.cli.common import fail
from sekisho.cli.trial_words import Language
from sekisho.config import Config
from sekisho.config.trial_plan import notice_of
from sekisho.pages import voice
from sekisho.pages.notice import NoticeWords, notice_page, notice_text


def print_notice(config: Config, file: Path, language: Language, html: Path | None) -> None:
    """Print the announcement, or write it as a page; `config`: of `file`, with a trial."""
    notice = notice_of(config)
    table = None if config.trial is None else config.trial.notice.get(language)
    if notice is None or table is None:
        way_out = f"add [trial.notice.{language}] with `provider` and `contact` (docs/trial.md)"
        raise fail(f"{file} does not say who announces the trial in this language: {way_out}")
    words = NoticeWords(table.provider, table.contact, table.classes)
    spoken = voice.Language(language)
    if html is None:
        typer.echo(notice_text(notice, words, spoken), nl=False)
    else:
        write_page(html, notice_page(notice, words, spoken))


def write_page(path: Path, page: str) -> None:
    """Write a page; tell why where that fails."""
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise fail(f"{path} cannot be written: {error.strerror}") from error
    typer.echo(f"written: {path}", err=True)
