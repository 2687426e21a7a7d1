"""The configuration: TOML in, a frozen `Config` or everything that is wrong with it out.

    checked = parse(path.read_bytes())
    checked.config    # None where it is refused
    checked.problems  # errors and warnings in the order of the file

Pure: whoever calls `parse` has read the file.
"""

from __future__ import annotations

import re
import tomllib
from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import dataclass

from sekisho.config.checks import check
from sekisho.config.draft import finish, read_draft
from sekisho.config.locate import line_of, locate
from sekisho.config.problems import Finding, Path, Problem, Severity, dotted, errors
from sekisho.config.rules import cap_beyond, delay_worry
from sekisho.config.schema import ClassTable, Config, GateTable, LineTable, PoolTable, digest
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
    "cap_beyond",
    "delay_worry",
    "digest",
    "errors",
    "parse",
]

_TOML_WAY_OUT = (
    'a line is a header, as [gate] or [[pool]], or key = value: texts in "quotes", lists in [brackets], '
    "each key once"
)
_SYNTAX_LINE = re.compile(r" \(at line (\d+), column \d+\)$")


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a text: a configuration, unless a problem is an error."""

    config: Config | None
    problems: tuple[Problem, ...]


def parse(content: bytes) -> Checked:
    """Read a configuration; list all that is wrong with it, each with its line and the way out."""
    try:
        text = content.removeprefix(BOM_UTF8).decode("utf-8")
        data = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return _refused(line, f"byte {content[error.start]:#04x} is not UTF-8", "save the file as UTF-8")
    except tomllib.TOMLDecodeError as error:
        return _not_toml(str(error), content)
    except RecursionError:  # raised in tomllib by the operator's brackets, not by ours
        return _refused(1, "lists or tables are nested too deeply to be read", "see etc/sekisho.toml")
    draft, unreadable = read_draft(data)
    findings = (*unreadable, *check(draft))
    lines = locate(text) if findings else {}
    problems = tuple(sorted(_located(finding, lines) for finding in findings))
    return Checked(None if errors(problems) else finish(draft), problems)


def _refused(line: int, what: str, way_out: str) -> Checked:
    return Checked(None, (Problem(line, "", what, way_out),))


def _not_toml(message: str, content: bytes) -> Checked:
    match = _SYNTAX_LINE.search(message)
    line = int(match[1]) if match else content.count(b"\n") + 1
    return _refused(line, f"this is not TOML: {_SYNTAX_LINE.sub('', message)}", _TOML_WAY_OUT)


def _located(finding: Finding, lines: Mapping[Path, int]) -> Problem:
    line = line_of(lines, finding.path)
    return Problem(line, dotted(finding.path), finding.what, finding.way_out, finding.severity)
