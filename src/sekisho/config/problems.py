"""What is wrong with a configuration, and the way out of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

Path = tuple[str | int, ...]  # where in the file: ("pool", 0, "prefix")


class Severity(StrEnum):
    """Whether the configuration is refused for it."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing for the operator to mend: where, what (with the value) and the way out.

    `line` counts from 1; `key` is the dotted key as in `pool[0].prefix`.
    """

    line: int
    key: str
    what: str
    way_out: str
    severity: Severity = Severity.ERROR

    def place(self, file: str) -> str:
        """Tell where it is, as compilers do, and nothing of the value."""
        where = f": {self.key}" if self.key else ""
        return f"{file}:{self.line}: {self.severity}{where}"

    def sentence(self, file: str) -> str:
        """Put it as one line of text."""
        return f"{self.place(file)}: {self.what}: {self.way_out}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem before its line is known."""

    path: Path
    what: str
    way_out: str
    severity: Severity = Severity.ERROR


def dotted(path: Path) -> str:
    """Write a path as an operator would: `pool[0].prefix`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def errors(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Keep what a configuration is refused for."""
    return tuple(problem for problem in problems if problem.severity is Severity.ERROR)


def twice(entries: Iterable[tuple[Path, Hashable, str]]) -> Iterator[Finding]:
    """Tell which values stand there again; `entries`: where, the value, and how it is shown."""
    seen = set()
    for path, value, shown in entries:
        if value in seen:
            yield Finding(path, f"{shown} is there twice", "leave one of them")
        seen.add(value)
