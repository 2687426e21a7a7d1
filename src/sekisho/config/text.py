"""From the bytes of a file to its text and its TOML, or the one problem for which it cannot be read."""

from __future__ import annotations

import re
import tomllib
from codecs import BOM_UTF8
from typing import Any

from sekisho.config.problems import Problem

_TOML_WAY_OUT = (
    'a line is a header, as [gate] or [[pool]], or key = value: texts in "quotes", lists in [brackets], '
    "each key once"
)
_SYNTAX_LINE = re.compile(r" \(at line (\d+), column \d+\)$")


class UnreadableError(Exception):
    """A file of which nothing can be read; `problem` says why."""

    def __init__(self, line: int, what: str, way_out: str) -> None:
        self.problem = Problem(line, "", what, way_out)
        super().__init__(what)


def decode(content: bytes) -> str:
    """Read the text of a file, passing over a byte order mark. Raises UnreadableError."""
    try:
        return content.removeprefix(BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        what = f"byte {error.object[error.start]:#04x} is not UTF-8"
        raise UnreadableError(line, what, "save the file as UTF-8") from error


def read_toml(text: str) -> dict[str, Any]:
    """Read a text as TOML. Raises UnreadableError."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _SYNTAX_LINE.search(str(error))
        line = int(match[1]) if match else text.count("\n") + 1
        what = f"this is not TOML: {_SYNTAX_LINE.sub('', str(error))}"
        raise UnreadableError(line, what, _TOML_WAY_OUT) from error
    except RecursionError as error:  # raised in tomllib by the operator's brackets, not by ours
        what = "lists or tables are nested too deeply to be read"
        raise UnreadableError(1, what, "see etc/sekisho.toml") from error
