"""What figures about the desk are made of: counts by line, which none of them may show."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class ReportedHour(NamedTuple):
    """How many reports count about what a line has sent in the hour from `begin` (UTC)."""

    class_name: str
    line: int
    begin: datetime
    reports: int
