"""The tables of what gates have counted, as the newest migration leaves them.

Minutes are many and are forgotten; hours are what reports read, and are kept. Both are made of the same rows,
in the order of gate and time, so that a span of one gate is one stretch of the file.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from sekisho.measure.readings import SUMS
from sekisho.store.schema import metadata

counted_series = Table(  # what is counted by itself, so that rows need not name it
    "counted_series",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("arm_number", SmallInteger, nullable=False),  # the gate's own, whatever the trial does
    Column("gate", Text, nullable=False),
    Column("class_name", Text, nullable=False),
    UniqueConstraint("gate", "class_name", "arm_number", name="counted_series_key"),
)

PLACE = ("series", "begin", "since", "phase", "timing", "washout", "arm")
"""What tells the rows of minutes or hours apart; of one place they add up."""


def _counted(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("begin", BigInteger, nullable=False),
        Column("since", BigInteger, nullable=False),  # 0: not known
        Column("covered", BigInteger, nullable=False),  # microseconds
        *(Column(one, BigInteger, nullable=False) for one in SUMS),
        Column("series", Integer, nullable=False),
        Column("phase", SmallInteger, nullable=False),  # 0: none
        Column("timing", SmallInteger, nullable=False),  # number in `readings.Timing`
        Column("washout", Boolean, nullable=False),
        Column("arm", Text, nullable=False),
        Column("concurrency", LargeBinary, nullable=False),
        Column("length", LargeBinary, nullable=False),
        PrimaryKeyConstraint(*PLACE, name=f"{name}_pkey"),
        sqlite_with_rowid=False,
    )


counted_minute = _counted("counted_minute")
counted_hour = _counted("counted_hour")

counted_mark = Table(
    "counted_mark",
    metadata,
    Column("begin", BigInteger, nullable=False),
    Column("end", BigInteger, nullable=False),
    Column("why", SmallInteger, nullable=False),  # number in `readings.Why`
    Column("gate", Text, nullable=False),
    Column("class_name", Text, nullable=False),  # empty: all of the gate's
    PrimaryKeyConstraint("gate", "begin", "end", "why", "class_name", name="counted_mark_pkey"),
    sqlite_with_rowid=False,
)

last_reading = Table(
    "last_reading",
    metadata,
    Column("gate", Text, nullable=False),
    Column("packed", Text, nullable=False),
    PrimaryKeyConstraint("gate", name="last_reading_pkey"),
    sqlite_with_rowid=False,
)
