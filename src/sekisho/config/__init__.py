"""The configuration: TOML in, a frozen `Config` or everything that is wrong with it out.

    checked = parse(path.read_bytes())
    checked.config    # None where it is refused
    checked.problems  # errors and warnings in the order of the file

Pure: whoever calls `parse` has read the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sekisho.config.checks import check
from sekisho.config.draft import finish, read_draft
from sekisho.config.locate import line_of, locate
from sekisho.config.problems import Finding, Path, Problem, Severity, dotted, errors
from sekisho.config.rules import cap_beyond, delay_worry
from sekisho.config.schema import ClassTable, Config, GateTable, LineTable, PoolTable, digest
from sekisho.config.text import UnreadableError, decode, read_toml
from sekisho.config.values import Held

__all__ = [
    "Checked",
    "ClassTable",
    "Config",
    "Finding",
    "GateTable",
    "Held",
    "LineTable",
    "PoolTable",
    "Problem",
    "Severity",
    "also",
    "cap_beyond",
    "delay_worry",
    "digest",
    "errors",
    "parse",
]


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a text: a configuration, unless a problem is an error."""

    config: Config | None
    problems: tuple[Problem, ...]


def parse(content: bytes) -> Checked:
    """Read a configuration; list all that is wrong with it, each with its line and the way out."""
    try:
        text = decode(content)
        data = read_toml(text)
    except UnreadableError as error:
        return Checked(None, (error.problem,))
    draft, unreadable = read_draft(data)
    problems = _sorted(text, (*unreadable, *check(draft)))
    return Checked(None if errors(problems) else finish(draft), problems)


def also(checked: Checked, content: bytes, findings: Iterable[Finding]) -> Checked:
    """Add what somebody has found beside the text, as in files that it names."""
    problems = tuple(sorted((*checked.problems, *_sorted(decode(content), findings))))
    return Checked(None if errors(problems) else checked.config, problems)


def _sorted(text: str, findings: Iterable[Finding]) -> tuple[Problem, ...]:
    found = tuple(findings)
    lines = locate(text) if found else {}
    return tuple(sorted(_located(finding, lines) for finding in found))


def _located(finding: Finding, lines: Mapping[Path, int]) -> Problem:
    line = line_of(lines, finding.path)
    return Problem(line, dotted(finding.path), finding.what, finding.way_out, finding.severity)
