"""What was registered of trials, and what happened to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "trial_version",
        sa.Column("registered_at", sa.BigInteger, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("late", sa.Boolean, nullable=False),
        sa.Column("trial", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("canonical", sa.Text, nullable=False),
        sa.Column("supersedes", sa.Text),
        sa.PrimaryKeyConstraint("trial", "number", name="trial_version_pkey"),
    )
    op.create_table(
        "trial_event",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("uid", sa.BigInteger),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("trial", "what", "reason", "by")),
    )
    op.create_index("trial_event_trial", "trial_event", ["trial", "number"])
