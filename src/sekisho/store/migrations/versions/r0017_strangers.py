"""When the word of strangers alone had a customer asked to stop: it is counted by the day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0015"


def upgrade() -> None:
    """Make the column; requests of before count for nobody."""
    op.add_column("desk_case", sa.Column("strangers_asked", sa.BigInteger))
    op.create_index("desk_case_strangers", "desk_case", ["strangers_asked"])
