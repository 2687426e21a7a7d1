"""What was published, and when by whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "released_table",
        sa.Column("number", sa.Integer, primary_key=True),
        *(sa.Column(one, sa.BigInteger, nullable=False) for one in ("begin", "end", "at")),
        *(sa.Column(one, sa.Text, nullable=False) for one in ("statistic", "size", "shape", "digest", "by")),
        sa.UniqueConstraint("statistic", "begin", "size", "shape", name="released_table_key"),
    )
    op.create_table(
        "released_cell",
        sa.Column("begin", sa.BigInteger, nullable=False),
        sa.Column("end", sa.BigInteger, nullable=False),
        sa.Column("value", sa.BigInteger),
        sa.Column("secret", sa.SmallInteger),
        *(sa.Column(one, sa.Text, nullable=False) for one in ("statistic", "size", "place")),
        sa.PrimaryKeyConstraint("statistic", "begin", "size", "place", name="released_cell_pkey"),
        sqlite_with_rowid=False,
    )
