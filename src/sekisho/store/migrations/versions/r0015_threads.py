"""Letters of one thread, as those to one customer, which go in their order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Make the column; what waits already goes by itself."""
    op.add_column("outbox", sa.Column("thread", sa.Text))
    op.create_index("outbox_thread", "outbox", ["thread", "number"])
