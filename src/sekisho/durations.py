"""Durations as people write them: a number and its unit."""

from __future__ import annotations

import re
from decimal import Decimal

_UNITS_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h|d)", re.ASCII)
WAY_OUT = 'write a number and its unit, such as "500ms", "1s" or "15m"'


def parse_ms(text: str) -> int:
    """Read a duration such as "500ms", "1.5s", "15m", "2h" or "183d"; return milliseconds.

    Raises ValueError, whose text says what is wrong; `WAY_OUT` says how to write it.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is not a duration')
    milliseconds = Decimal(match[1]) * _UNITS_MS[match[2]]
    if milliseconds != int(milliseconds):
        raise ValueError(f'"{text}" is finer than a millisecond')
    return int(milliseconds)


def format_ms(milliseconds: int) -> str:
    """Write milliseconds in the largest unit that needs no fraction, or seconds with one."""
    if milliseconds == 0:
        return "0s"
    for unit, size in _UNITS_MS.items():
        if unit != "ms" and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    if milliseconds < 1_000:
        return f"{milliseconds}ms"
    return f"{Decimal(milliseconds) / 1_000}s"
