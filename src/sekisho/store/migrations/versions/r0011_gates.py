"""What guardrails know at each gate, and whose daemon sends a letter: several gates may keep one store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the table anew, with what a store of one gate knew as what every gate begins with."""
    known = op.get_bind().execute(sa.text("SELECT trial, packed FROM trial_watch")).all()
    op.drop_table("trial_watch")
    made = op.create_table(
        "trial_watch",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("trial", "gate", "packed")),
        sa.PrimaryKeyConstraint("trial", "gate", name="trial_watch_pkey"),
        sqlite_with_rowid=False,
    )
    op.bulk_insert(made, [{"trial": trial, "gate": "", "packed": packed} for trial, packed in known])
    op.add_column("outbox", sa.Column("gate", sa.Text, nullable=False, server_default=""))
