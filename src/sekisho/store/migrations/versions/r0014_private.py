"""Counts that were released with noise, and what of the budget each has spent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "private_release",
        sa.Column("number", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("begin", "end", "at")),
        sa.Column("epsilon", sa.Double, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("statistic", "size", "counts", "by")),
        sa.UniqueConstraint("statistic", "begin", "size", name="private_release_key"),
    )
