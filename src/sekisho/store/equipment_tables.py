"""The tables of what gates' equipment did, by minute and hour, as the newest migration leaves them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, PrimaryKeyConstraint, SmallInteger, Table, Text

from sekisho.gate.releases import LATENESS_EDGES_MS
from sekisho.measure.equipment import EQUIPMENT_SUMS
from sekisho.store.schema import metadata

PLACE: Final = ("gate", "begin", "since", "phase", "timing", "washout", "arm")
"""What tells the rows of minutes or hours apart; of one place they add up."""

LATE: Final = (*(f"late_{edge}" for edge in LATENESS_EDGES_MS), "late_more")
"""SYNs that went on up to so many milliseconds after their time."""


def _equipment(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("begin", BigInteger, nullable=False),
        Column("since", BigInteger, nullable=False),  # 0: not known
        Column("covered", BigInteger, nullable=False),  # microseconds
        *(Column(one, BigInteger, nullable=False) for one in (*EQUIPMENT_SUMS, "highest", *LATE)),
        Column("phase", SmallInteger, nullable=False),  # 0: none
        Column("timing", SmallInteger, nullable=False),  # number in `readings.Timing`
        Column("washout", Boolean, nullable=False),
        Column("gate", Text, nullable=False),
        Column("arm", Text, nullable=False),
        PrimaryKeyConstraint(*PLACE, name=f"{name}_pkey"),
        sqlite_with_rowid=False,
    )


equipment_minute = _equipment("equipment_minute")
equipment_hour = _equipment("equipment_hour")
