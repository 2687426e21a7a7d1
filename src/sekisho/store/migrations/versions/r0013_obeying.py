"""What each gate of a trial obeys, so that whoever suspends one learns where that holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "trial_gate",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("trial", "gate")),
        sa.Column("suspended", sa.BigInteger),
        sa.Column("heard", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("trial", "gate", name="trial_gate_pkey"),
        sqlite_with_rowid=False,
    )
