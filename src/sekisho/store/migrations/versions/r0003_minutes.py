"""What gates have counted, by minutes and hours, and the last reading of each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_SUMS = (
    "attempted",
    "admitted",
    "refused",
    "over_cap",
    "untracked",
    "held",
    "retransmissions_dropped",
    "early_dropped",
    "adopted",
    "without_slot_passed",
    "without_slot_dropped",
    "closed_fin",
    "closed_rst",
    "closed_time",
    "unjudgeable",
    "bytes_out",
    "bytes_in",
)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "counted_series",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("arm_number", sa.SmallInteger, nullable=False),
        sa.Column("gate", sa.Text, nullable=False),
        sa.Column("class_name", sa.Text, nullable=False),
        sa.UniqueConstraint("gate", "class_name", "arm_number", name="counted_series_key"),
    )
    for name in ("counted_minute", "counted_hour"):
        op.create_table(
            name,
            *(sa.Column(one, sa.BigInteger, nullable=False) for one in ("begin", "since", "covered", *_SUMS)),
            sa.Column("series", sa.Integer, nullable=False),
            sa.Column("phase", sa.SmallInteger, nullable=False),
            sa.Column("timing", sa.SmallInteger, nullable=False),
            sa.Column("washout", sa.Boolean, nullable=False),
            sa.Column("arm", sa.Text, nullable=False),
            sa.Column("concurrency", sa.LargeBinary, nullable=False),
            sa.Column("length", sa.LargeBinary, nullable=False),
            sa.PrimaryKeyConstraint(
                "series", "begin", "since", "phase", "timing", "washout", "arm", name=f"{name}_pkey"
            ),
            sqlite_with_rowid=False,
        )
    op.create_table(
        "counted_mark",
        sa.Column("begin", sa.BigInteger, nullable=False),
        sa.Column("end", sa.BigInteger, nullable=False),
        sa.Column("why", sa.SmallInteger, nullable=False),
        sa.Column("gate", sa.Text, nullable=False),
        sa.Column("class_name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("gate", "begin", "end", "why", "class_name", name="counted_mark_pkey"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "last_reading",
        sa.Column("gate", sa.Text, nullable=False),
        sa.Column("packed", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("gate", name="last_reading_pkey"),
        sqlite_with_rowid=False,
    )
