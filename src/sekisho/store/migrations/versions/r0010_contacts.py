"""Where a line's customer is told of notices, and in which language."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the columns."""
    for name in ("contact", "language"):
        op.add_column("line", sa.Column(name, sa.Text))
