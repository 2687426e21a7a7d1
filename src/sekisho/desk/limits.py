"""How much of a report is read, and how it is refused beyond that."""

from __future__ import annotations

from dataclasses import dataclass

from sekisho.desk.report import Why


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a report; what exceeds one is refused before it costs more.

    `depth`: multiparts within each other; `header_bytes`: of one header, `all_headers_bytes`: of those
    of all enclosed messages, `field_bytes`: of one field.
    Enclosed messages, which spammers write, are not refused for their headers but read to the bound.
    """

    message_bytes: int = 10_000_000
    depth: int = 10
    parts: int = 100
    fields: int = 500
    field_bytes: int = 32_768
    header_bytes: int = 262_144
    all_headers_bytes: int = 1_048_576
    text_bytes: int = 262_144
    hops: int = 30
    incidents: int = 1_000


class RefusedError(Exception):
    """Inside the parsers: what came is refused; `parse` makes it a `Refusal`. The peer's fault."""

    def __init__(self, why: Why, reason: str) -> None:
        super().__init__(reason)
        self.why = why
        self.reason = reason
