"""How a stop request stands that has reached nobody yet, of open cases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Make the column; of cases of before nothing is known of their letters."""
    op.add_column("desk_case", sa.Column("untold", sa.Text))
    op.create_index("desk_case_untold", "desk_case", ["untold", "number"])
