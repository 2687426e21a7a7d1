"""When strangers alone had a customer asked to stop, counted by the day; and whose evidence is kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0015"


def upgrade() -> None:
    """Make the column and its index, in which requests of before are nobody's, and that of kept evidence."""
    op.add_column("desk_case", sa.Column("strangers_asked", sa.BigInteger))
    op.create_index("desk_case_strangers", "desk_case", ["strangers_asked"])
    is_kept = sa.text("state = 'evidence-kept'")
    op.create_index("desk_case_kept", "desk_case", ["line"], sqlite_where=is_kept, postgresql_where=is_kept)
