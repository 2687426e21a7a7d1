"""Blocks by the clock on the wall, their pairs, and the lot that puts one of each pair on."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from functools import partial
from hashlib import sha256
from itertools import pairwise

from sekisho.trial.walltime import DAY, HOUR, days, first_at

_SATURDAY = 5  # of date.weekday()


@dataclass(frozen=True, slots=True)
class Piece:
    """A span (UTC) of a switchback; `stratum` (is weekend, hour in which it begins): where it can be paired.

    Blocks shorter than an hour find each other within one.
    """

    begin: datetime
    end: datetime
    stratum: tuple[bool, int] | None


@dataclass(frozen=True, slots=True)
class Lot:
    """What a piece drew: its pair, from 1, and whether it is on."""

    pair: int
    on: bool


def is_weekend(day: date) -> bool:
    """Tell whether a day is a Saturday or a Sunday; holidays are not known."""
    return day.weekday() >= _SATURDAY


def pieces(zone: tzinfo, begin: datetime, end: datetime, block: timedelta) -> Iterator[Piece]:
    """Part a span at the times of day that are multiples of `block`, which divides a day.

    What is not as long as a block, as the clock was changed within it or the span begins or ends there,
    has no stratum. What the clock skips as a whole is no piece.
    """
    for day in days(zone, begin, end):
        edge = partial(_edge, zone, datetime.combine(day, time()), block)
        walls = range(DAY // block + 1)  # many, where blocks are short; the span may be as short
        touched = walls[
            max(0, bisect_right(walls, begin, key=edge) - 1) : bisect_left(walls, end, key=edge) + 1
        ]
        for number, (first, last) in enumerate(pairwise(map(edge, touched)), touched.start):
            if max(first, begin) < min(last, end):
                whole = last - first == block and begin <= first and last <= end
                stratum = (is_weekend(day), number * block // HOUR) if whole else None
                yield Piece(max(first, begin), min(last, end), stratum)


def _edge(zone: tzinfo, midnight: datetime, block: timedelta, number: int) -> datetime:
    return first_at(zone, midnight + number * block)


def draw(found: Sequence[Piece], seed: int, unit: str | None = None) -> Mapping[int, Lot]:
    """Pair the pieces of each stratum as they follow each other, and draw; keys: numbers of pieces.

    Pairs are numbered as they are completed, for every unit alike. A piece that finds no other draws nothing.
    """
    lots: dict[int, Lot] = {}
    waiting: dict[tuple[bool, int], int] = {}
    for number, piece in enumerate(found):
        if piece.stratum is None:
            continue
        earlier = waiting.pop(piece.stratum, None)
        if earlier is None:
            waiting[piece.stratum] = number
            continue
        pair = len(lots) // 2 + 1
        on = earlier_is_on(seed, pair, unit)
        lots[earlier], lots[number] = Lot(pair, on), Lot(pair, not on)
    return lots


def earlier_is_on(seed: int, pair: int, unit: str | None = None) -> bool:
    """Draw: whether the earlier block of a pair is on.

    It is where the SHA-256 of "SEED:PAIR", both decimal, in ASCII, begins with an odd byte; for a unit that
    draws for itself that of "SEED:UNIT:PAIR", whose name has no colon.
    """
    drawn = f"{seed}:{pair}" if unit is None else f"{seed}:{unit}:{pair}"
    return sha256(drawn.encode("ascii")).digest()[0] % 2 == 1
