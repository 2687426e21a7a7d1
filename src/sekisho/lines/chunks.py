"""What may be a million, some at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

CHUNK = 10_000  # leases or lines that are objects at once
_T = TypeVar("_T")


def chunks(many: Iterable[_T], size: int | None = None) -> Iterator[list[_T]]:
    """Cut what may be a million into lists short enough to make objects of; `size`: `CHUNK` by default."""
    rest = iter(many)
    while some := list(islice(rest, size or CHUNK)):
        yield some
