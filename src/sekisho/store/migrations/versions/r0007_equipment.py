"""What gates' equipment did, by minutes and hours."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_SUMS = (
    "cpu_ms",
    "busy_ms",
    "softirq_ms",
    "daemon_ms",
    "received",
    "received_dropped",
    "sent",
    "sent_dropped",
    "hold_dropped",
    "held",
    "unreleased",
    "highest",
)
_LATE = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100, 200, 500, 1000, "more")


def upgrade() -> None:
    """Make the tables."""
    counts = ("begin", "since", "covered", *_SUMS, *(f"late_{edge}" for edge in _LATE))
    for name in ("equipment_minute", "equipment_hour"):
        op.create_table(
            name,
            *(sa.Column(one, sa.BigInteger, nullable=False) for one in counts),
            sa.Column("phase", sa.SmallInteger, nullable=False),
            sa.Column("timing", sa.SmallInteger, nullable=False),
            sa.Column("washout", sa.Boolean, nullable=False),
            sa.Column("gate", sa.Text, nullable=False),
            sa.Column("arm", sa.Text, nullable=False),
            sa.PrimaryKeyConstraint(
                "gate", "begin", "since", "phase", "timing", "washout", "arm", name=f"{name}_pkey"
            ),
            sqlite_with_rowid=False,
        )
