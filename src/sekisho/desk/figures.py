"""Figures about the desk: what they are made of, and what of them may be seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sekisho.model import Stage


class ReportedHour(NamedTuple):
    """How many reports count about what a line has sent in the hour from `begin` (UTC)."""

    class_name: str
    line: int
    begin: datetime
    reports: int


class CaseTimes(NamedTuple):
    """When a case was opened, by its first report, and what followed first; None: it has not."""

    class_name: str
    line: int
    opened: datetime
    stop_requested: datetime | None
    suspended: datetime | None


@dataclass(frozen=True, slots=True)
class SentInWeek:
    """What lines whose cases had come to a stage have sent in a week, in the hours of which it may be seen.

    `what`: "sessions" or "octets"; `line_hours`: the lines of each of these hours, added up; `mean`: of a
    line in an hour, at most. None: it is suppressed.
    """

    stage: Stage
    what: str
    count: int | None
    line_hours: int | None
    mean: float | None


@dataclass(frozen=True, slots=True)
class DeskWeek:
    """What may be seen of a class and the cases that were opened in a week; None: it is suppressed.

    `period`: of the trial, None: there is none. `reports`: proved ones about what was sent in the week.
    `until_stop_request`, `until_suspension`: cases by how long these took. `sent`: of all lines with open
    cases, whenever these were opened.
    """

    begin: datetime
    class_name: str
    period: str | None
    reports: int | None
    cases: int | None
    until_stop_request: Mapping[str, int | None]
    until_suspension: Mapping[str, int | None]
    sent: tuple[SentInWeek, ...] = ()


@dataclass(frozen=True, slots=True)
class DeskFigures:
    """All that may be seen; `refused`: tables of which nothing may be, `differing`: that stay as they were.

    `is_recorded`: whether what is shown could be recorded; where not, nothing is.
    """

    weeks: tuple[DeskWeek, ...]
    refused: int = 0
    differing: int = 0
    is_recorded: bool = True
