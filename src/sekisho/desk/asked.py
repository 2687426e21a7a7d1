"""What became of each login of a line that was to be asked for, as people are shown it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Became(StrEnum):
    """What became of a login."""

    ACKNOWLEDGED = "acknowledged"
    GONE = "gone"  # its NAS knows no such login
    REFUSED = "refused"
    SILENT = "no-answer"
    NOT_ASKED = "not-asked"


HELD = frozenset({Became.ACKNOWLEDGED, Became.GONE})
"""What was wanted has become of it, as its NAS says."""


@dataclass(frozen=True, slots=True)
class Part:
    """One login in an action.

    `nas`: the name of its NAS; None: none can be asked. `cause`: of a refusal, its Error-Cause.
    """

    became: Became
    nas: str | None = None
    cause: int | None = None
    why: str = ""
