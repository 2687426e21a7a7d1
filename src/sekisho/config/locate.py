"""The line of every key in a TOML text, which tomllib does not tell.

The text has passed tomllib before, so this reader only has to find where keys and array elements
start; it judges nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

from sekisho.config.problems import Path

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = r"""'[^'\n]*'|"(?:[^"\\\n]|\\.)*\""""
_LONG_STRING = r"""'{3}(?s:.*?)'{3,5}(?!')|"{3}(?s:[^\\]|\\.)*?"{3,5}(?!")"""
_KEY = re.compile(rf"{_STRING}|[A-Za-z0-9_-]+")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_VALUE = re.compile(rf"{_LONG_STRING}|{_STRING}|[^,\]}}#\n]+")


class _Reader:
    """A cursor over the text that writes down where keys start."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.counted_to = 0
        self.line = 1
        self.lines: dict[Path, int] = {(): 1}
        self.lengths: dict[Path, int] = {}  # of arrays of tables

    def document(self) -> None:
        table: Path = ()
        while not self.blank_to_end():
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)

    def header(self) -> Path:
        is_array = self.text.startswith("[[", self.at)
        line = self.line_here()
        self.at += 2 if is_array else 1
        self.blank_to_end()
        path = self.resolve(self.key(), is_array)
        self.blank_to_end()
        self.at += 2 if is_array else 1
        self.mark(path, line)
        return path

    def resolve(self, key: Path, is_array: bool) -> Path:
        path: Path = ()
        for part in key[:-1]:
            path = self.last_element((*path, part))
        path = (*path, key[-1])
        if not is_array:
            return self.last_element(path)
        self.lines.setdefault(path, self.line_here())
        self.lengths[path] = self.lengths.get(path, 0) + 1
        return (*path, self.lengths[path] - 1)

    def last_element(self, path: Path) -> Path:
        return (*path, self.lengths[path] - 1) if path in self.lengths else path

    def pair(self, table: Path) -> None:
        line = self.line_here()
        path = table
        for part in self.key():
            path = (*path, part)
            self.mark(path, line)
        self.blank_to_end()
        self.at += 1  # the equals sign
        self.value(path)

    def key(self) -> Path:
        parts = [self.key_part()]
        while dot := _DOT.match(self.text, self.at):
            self.at = dot.end()
            parts.append(self.key_part())
        return tuple(parts)

    def key_part(self) -> str:
        token = self.take(_KEY)
        return str(tomllib.loads(f"key = {token}")["key"]) if token[0] in "\"'" else token

    def value(self, path: Path) -> None:
        self.blank_to_end()
        if self.text[self.at] == "[":
            self.array(path)
        elif self.text[self.at] == "{":
            self.inline_table(path)
        else:
            self.take(_VALUE)

    def array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while not self.closed_by("]"):
            self.mark((*path, index), self.line_here())
            self.value((*path, index))
            index += 1

    def inline_table(self, path: Path) -> None:
        self.at += 1
        while not self.closed_by("}"):
            self.pair(path)

    def closed_by(self, bracket: str) -> bool:
        self.blank_to_end()
        if self.text[self.at] == ",":
            self.at += 1
            self.blank_to_end()
        if self.text[self.at] != bracket:
            return False
        self.at += 1
        return True

    def blank_to_end(self) -> bool:
        self.take(_BLANK)
        return self.at == len(self.text)

    def take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise ValueError(f"line {self.line_here()} is no TOML, which tomllib should have told before")
        self.at = match.end()
        return match[0]

    def line_here(self) -> int:
        self.line += self.text.count("\n", self.counted_to, self.at)
        self.counted_to = self.at
        return self.line

    def mark(self, path: Path, line: int) -> None:
        self.lines.setdefault(path, line)


def locate(text: str) -> Mapping[Path, int]:
    """Return the line (from 1) on which each key, table and array element of a TOML text starts.

    `text` is valid TOML. The root, (), is on line 1.
    """
    reader = _Reader(text)
    reader.document()
    return reader.lines


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """Return the line of the innermost part of `path` that is in the text."""
    while path not in lines:
        path = path[:-1]
    return lines[path]
