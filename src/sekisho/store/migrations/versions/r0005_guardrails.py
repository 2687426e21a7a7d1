"""What guardrails know, complaints, and what is told to others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "outbox",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("due", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("attempts", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "state", "payload")),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("why", sa.Text),
    )
    op.create_index("outbox_state", "outbox", ["state", "kind", "number"])
    op.create_table(
        "complaint",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("uid", sa.BigInteger, nullable=False),
        sa.Column("complaints", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("trial", "day", "reason", "by")),
    )
    op.create_index("complaint_trial", "complaint", ["trial", "number"])
    op.create_table(
        "trial_watch",
        sa.Column("trial", sa.Text, nullable=False),
        sa.Column("packed", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("trial", name="trial_watch_pkey"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "trial_path",
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("bound", sa.Double, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("trial", "what", "day")),
        sa.PrimaryKeyConstraint("trial", "what", "day", name="trial_path_pkey"),
        sqlite_with_rowid=False,
    )
