"""What the office keeps about lines beside their leases: frozen values."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class ListedLine(NamedTuple):
    """A line, and what a static list says of it: its class, that its addresses are fixed, and its contact.

    `contact`, `language`: the mail address for notices to its customer, and their language; "": not known.
    They are for notices alone: in no log, and shown to nobody.
    """

    number: int
    name: str
    class_name: str | None = None
    fixed: bool = False
    contact: str = ""
    language: str = ""


class Relief(NamedTuple):
    """A line's release from its limit, from a moment until another, and who said so and why."""

    line: int
    since: datetime
    until: datetime
    by: str
    reason: str


class EvidenceHold(NamedTuple):
    """An order to keep all that is known of a line, from a moment on, and who gave it and why."""

    line: int
    since: datetime
    by: str
    reason: str
