"""Reads a static list: a `StaticList`, or everything that is wrong with it, and nothing half imported.

checked = read_list(content, ListKind.CSV, config)
checked.lines     # None where it is refused
checked.problems  # errors and warnings in the order of the list
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from sekisho.config import Config, Problem, errors
from sekisho.config.locate import line_of, locate
from sekisho.config.problems import dotted
from sekisho.config.text import UnreadableError, decode
from sekisho.lines.static import StaticList
from sekisho.lines.static_checks import Gathering
from sekisho.lines.static_rows import Told, csv_rows, toml_rows


class ListKind(StrEnum):
    """How a list is written; also the ending of its file's name."""

    CSV = "csv"
    TOML = "toml"


@dataclass(frozen=True, slots=True)
class CheckedList:
    """What came of a list: its lines, unless a problem is an error."""

    lines: StaticList | None
    problems: tuple[Problem, ...]


def read_list(content: bytes, kind: ListKind, config: Config) -> CheckedList:
    """Read a list whose lines have the classes and lie in the pools of a configuration."""
    told = Told()
    is_csv = kind is ListKind.CSV
    gathering = Gathering(config, told, () if is_csv else ("line",))
    try:
        for row in (csv_rows if is_csv else toml_rows)(content, told):
            gathering.add(row)
    except UnreadableError as error:
        return CheckedList(None, (error.problem,))
    lines = gathering.finish()
    problems = sorted(_csv_problems(told) if is_csv else _toml_problems(told, decode(content)))
    if told.more:
        what = f"{told.more:,} more problems are not shown"
        problems.append(Problem(problems[-1].line, "", what, "mend these first"))
    return CheckedList(None if errors(problems) else lines, tuple(problems))


def _csv_problems(told: Told) -> Iterator[Problem]:
    for finding in told.findings:
        line, *key = finding.path or (1,)
        yield Problem(int(line), dotted(tuple(key)), finding.what, finding.way_out, finding.severity)


def _toml_problems(told: Told, text: str) -> Iterator[Problem]:
    places = locate(text) if told.findings else {}
    for finding in told.findings:
        line = line_of(places, finding.path)
        yield Problem(line, dotted(finding.path), finding.what, finding.way_out, finding.severity)
