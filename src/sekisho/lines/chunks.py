"""What may be a million, some at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

CHUNK = 2_000  # leases or lines that are objects at once, or written while others wait: 0.2 s
_T = TypeVar("_T")


def chunks(many: Iterable[_T]) -> Iterator[list[_T]]:
    """Cut what may be a million into lists short enough to make objects of."""
    rest = iter(many)
    while some := list(islice(rest, CHUNK)):
        yield some
