"""Reads numbers of blocklist entries from lines, as a program writes them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

from sekisho.cli.common import fail

STDIN: Final = "-"
_WORDS: Final = 3


def read_numbers(file: str) -> list[dict[str, Any]]:
    """Return what a file or the standard input says, as the daemon is told it. Raises typer.Exit."""
    try:
        text = sys.stdin.read() if file == STDIN else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise fail(f"{file} cannot be read: {error}") from error
    numbers = [_number(file, place, line) for place, line in enumerate(text.splitlines(), 1) if _says(line)]
    if not numbers:
        raise fail(f"{file} has no number: write one a line, as in `dynamic 2027-04-20 12`")
    return numbers


def _says(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _number(file: str, place: int, line: str) -> dict[str, Any]:
    words = line.split()
    if len(words) != _WORDS or not (words[-1].isascii() and words[-1].isdecimal()):
        way_out = "write class, day or hour, and how many: `dynamic 2027-04-20 12`"
        raise fail(f"{file}:{place}: {line.strip()!r} is no number of blocklist entries: {way_out}")
    name, when, count = words
    return {"class_name": name, "hour" if "T" in when else "on": when, "count": int(count)}
