"""Counts that were released with noise: kept for ever, so that a window has one answer and budgets add up."""

from __future__ import annotations

import json
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, Column, Double, Integer, Table, Text, UniqueConstraint, insert, select

from sekisho.measure.noisy import Release
from sekisho.measure.windows import Size, Window
from sekisho.store.door import Door
from sekisho.store.moments import from_us, to_us
from sekisho.store.schema import metadata

private_release = Table(
    "private_release",
    metadata,
    Column("number", Integer, primary_key=True),
    *(Column(name, BigInteger, nullable=False) for name in ("begin", "end", "at")),
    Column("epsilon", Double, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("statistic", "size", "counts", "by")),
    UniqueConstraint("statistic", "begin", "size", name="private_release_key"),
)


class KeptRelease(NamedTuple):
    """What was released, when, and by whom."""

    release: Release
    at: datetime
    by: str


class PrivateReleases(Door):
    """Counts with noise in a transaction."""

    def private_releases(self) -> list[KeptRelease]:
        """Return all that was ever released, in order."""
        return [
            KeptRelease(
                Release(
                    row.statistic,
                    Window(from_us(row.begin), from_us(row.end), Size(row.size)),
                    row.epsilon,
                    {tuple(place): count for place, count in json.loads(row.counts)},
                ),
                from_us(row.at),
                row.by,
            )
            for row in self._connection.execute(select(private_release).order_by(private_release.c.number))
        ]

    def add_private_release(self, kept: KeptRelease) -> None:
        """Write what is released; StoreError where that window was released before."""
        one = kept.release
        row = {
            "begin": to_us(one.window.begin),
            "end": to_us(one.window.end),
            "at": to_us(kept.at),
            "epsilon": one.epsilon,
            "statistic": one.statistic,
            "size": one.window.size,
            "counts": json.dumps(list(one.counts.items()), separators=(",", ":")),
            "by": kept.by,
        }
        self._connection.execute(insert(private_release).values(row))
