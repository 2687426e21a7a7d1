"""The number by which the gate knows a line, made of its name."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

LINE_NUMBERS: Final = 1 << 48
"""Numbers of lines are below this."""


def own_number(name: str) -> int:
    """Return the number a name has unless another name has it already (1 in 500 among a million lines)."""
    return int.from_bytes(blake2b(name.encode(), digest_size=6).digest(), "big")


def following(number: int) -> int:
    """Return the number to try where one is taken."""
    return (number + 1) % LINE_NUMBERS
