"""The report of a trial on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sekisho.pages.report import report_sections
from sekisho.pages.report_telling import Rows
from sekisho.pages.templating import spread
from sekisho.pages.voice import Language
from sekisho.trial.report_values import Report

_NARROW: Final = 10  # columns: a head of one longer word may be parted
_LONG: Final = 20  # columns


def report_parts(report: Report, language: Language) -> Iterator[RenderableType]:
    """Yield what is to be printed, section by section."""
    title, first, sections = report_sections(report, language)
    yield Text(title, style="bold")
    yield from map(Text, first)
    for section in sections:
        yield Text(f"\n{section.title}", style="bold")
        yield from (Text(line, style="yellow") for line in section.warned)
        yield from map(Text, section.said)
        if section.rows is not None and section.rows.rows:
            rows, notes = _with_notes(section.rows)
            yield _table(rows)
            yield from map(Text, notes)


def _with_notes(rows: Rows) -> tuple[Rows, list[str]]:
    """Take long words at a row's end out of a narrow column, and say them below the table."""
    kept, notes = [], []
    for row in rows.rows:
        *cells, (last, columns) = spread(row)
        if columns > 1 and cell_len(last) > _LONG:
            words = [cell for cell, _ in cells]
            notes.append(f"{', '.join(filter(None, words))}: {last}")
            kept.append((*words, "–", *[""] * (columns - 1)))
        else:
            kept.append(row)
    return Rows(rows.columns, tuple(kept)), notes


def _table(rows: Rows) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in rows.columns:
        longest = max(map(cell_len, column.split()), default=0)
        table.add_column(Text(column), overflow="fold", min_width=min(longest, _NARROW))
    for row in rows.rows:
        table.add_row(*map(Text, row))
    return table
