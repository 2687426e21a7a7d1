"""What it takes to ask anew to which line an incident belongs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Make the tables; of what was attributed before it is not known."""
    op.create_table(
        "asked",
        sa.Column("due", sa.BigInteger),
        sa.Column("report", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("place", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("packed", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("report", "place", name="asked_pkey"),
        sqlite_with_rowid=False,
    )
    op.create_index("asked_due", "asked", ["due"])
    op.create_table(
        "asked_under",
        sa.Column("until", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("report", "place")),
        sa.Column("address", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("address", "until", "report", "place", name="asked_under_pkey"),
        sqlite_with_rowid=False,
    )
