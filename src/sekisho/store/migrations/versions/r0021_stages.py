"""What lines with open cases have sent in whole hours, of enough lines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0017"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "stage_hour",
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("begin", "value")),
        sa.Column("lines", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("gate", "class_name", "stage", "what")),
        sa.PrimaryKeyConstraint("gate", "begin", "class_name", "stage", "what", name="stage_hour_pkey"),
        sqlite_with_rowid=False,
    )
