"""How many addresses came onto a blocklist, as it was entered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "blocklist_count",
        sa.Column("number", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("at", "uid", "begin", "end")),
        sa.Column("addresses", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("trial", "class_name", "reason", "by")),
    )
    op.create_index("blocklist_count_trial", "blocklist_count", ["trial", "number"])
