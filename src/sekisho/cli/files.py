"""Reads configuration files and tells what is wrong with them."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer
from pydantic_core import PydanticCustomError

from sekisho.cli.common import FAILED, fail
from sekisho.config import Checked, Config, Problem, Severity, digest, errors, parse
from sekisho.config.values import read_name


class BadNameError(Exception):
    """A name that no gate can have, or a file without one."""


def read_config(file: Path) -> Checked:
    """Read and check a configuration. Raises OSError."""
    return parse(file.read_bytes())


def usable(file: Path) -> Config:
    """Read a configuration that can be used; tell what is wrong with it on the way."""
    try:
        checked = read_config(file)
    except OSError as error:
        raise fail(f"{file} cannot be read: {error.strerror}") from error
    if checked.problems:
        typer.echo(told(file, checked), err=True)
    if checked.config is None:
        raise typer.Exit(FAILED)
    return checked.config


def good_name(name: str) -> str:
    """Return a gate's name, which becomes part of paths. Raises BadNameError."""
    try:
        return read_name(name)
    except PydanticCustomError as fault:
        raise BadNameError(fault.message()) from fault


def gate_name(file: Path) -> str:
    """Return the gate's name of a configuration that may have errors elsewhere. Raises BadNameError."""
    try:
        return good_name(tomllib.loads(file.read_text())["gate"].get("name", "gate"))
    except OSError as error:
        raise BadNameError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, AttributeError) as error:
        raise BadNameError(f"{file} has no readable [gate]: give --name instead") from error


def told(file: Path, checked: Checked) -> str:
    """Tell every problem of a file in a line of its own, and the sum below."""
    lines = [problem.sentence(str(file)) for problem in checked.problems]
    wrong = errors(checked.problems)
    warnings = len(checked.problems) - len(wrong)
    told_warnings = f", {_number(warnings, 'warning')}" if warnings else ""
    if wrong:
        lines.append(f"{file}: {_number(len(wrong), 'error')}{told_warnings}, for the operator to mend")
    else:
        lines.append(f"{file}: good{told_warnings}")
    return "\n".join(lines)


def places(file: Path, checked: Checked) -> str:
    """Tell where a file has problems, for a log: what is wrong may be the address of a line."""
    lines = [problem.place(str(file)) for problem in checked.problems]
    return "\n".join([*lines, f"`sekisho check {file}` tells what is wrong there, and the way out"])


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def checked_json(file: Path, checked: Checked) -> dict[str, Any]:
    """Arrange what `check --json` prints; keys as docs/api.md has them."""
    warnings = [problem for problem in checked.problems if problem.severity is Severity.WARNING]
    return {
        "file": str(file),
        "good": checked.config is not None,
        "digest": None if checked.config is None else digest(checked.config),
        "errors": _problems(errors(checked.problems)),
        "warnings": _problems(warnings),
    }


def _problems(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    return [{key: value for key, value in asdict(one).items() if key != "severity"} for one in problems]
