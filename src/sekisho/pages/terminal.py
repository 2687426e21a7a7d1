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
from sekisho.pages.voice import Language
from sekisho.trial.report_values import Report

_NARROW: Final = 10  # columns: a head of one longer word may be parted


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
            yield _table(section.rows)


def _table(rows: Rows) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in rows.columns:
        longest = max(map(cell_len, column.split()), default=0)
        table.add_column(Text(column), overflow="fold", min_width=min(longest, _NARROW))
    for row in rows.rows:
        table.add_row(*map(Text, row))
    return table
