"""Reports, what came of them, cases, what is done for them, and how reporters stand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the tables."""
    _reports()
    _cases()
    op.create_table(
        "action",
        sa.Column("key", sa.Text, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("line", "asked_for")),
        sa.Column("due", sa.BigInteger),
        sa.Column("case", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "progress", "packed")),
        sa.PrimaryKeyConstraint("key", name="action_pkey"),
    )
    op.create_index("action_line", "action", ["line", "kind"])
    op.create_index("action_case", "action", ["case"])
    op.create_index("action_due", "action", ["due"])
    op.create_index("action_progress", "action", ["progress", "asked_for"])
    op.create_table(
        "reporter",
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("left", sa.Double, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("confirmed", "dismissed")),
        sa.Column("is_authenticated", sa.Boolean, nullable=False),
        sa.Column("party", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("party", "is_authenticated", name="reporter_pkey"),
        sqlite_with_rowid=False,
    )


def _reports() -> None:
    op.create_table(
        "report",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("is_queued", sa.Boolean, nullable=False),
        *(sa.Column(name, sa.Text) for name in ("format", "party", "vouched", "refusal")),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("original", sa.LargeBinary),
    )
    op.create_index("report_received", "report", ["received"])
    queued = sa.text("is_queued")
    op.create_index("report_queued", "report", ["number"], sqlite_where=queued, postgresql_where=queued)
    op.create_table(
        "incident",
        sa.Column("report", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("place", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("incidents", sa.Integer, nullable=False),
        *(sa.Column(name, sa.BigInteger) for name in ("moment", "line")),
        sa.Column("case", sa.Integer),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("found", "party")),
        *(sa.Column(name, sa.Text) for name in ("because", "weight", "judgement")),
        sa.Column("folded", sa.LargeBinary, unique=True),
        sa.PrimaryKeyConstraint("report", "place", name="incident_pkey"),
    )
    op.create_index("incident_case", "incident", ["case", "moment"])
    op.create_index("incident_line", "incident", ["line"])


def _cases() -> None:
    op.create_table(
        "desk_case",
        sa.Column("number", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("line", "since")),
        sa.Column("due", sa.BigInteger),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("state", "packed")),
        sqlite_autoincrement=True,
    )
    is_open = sa.text("is_open")
    op.create_index(
        "desk_case_open", "desk_case", ["line"], unique=True, sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_index("desk_case_line", "desk_case", ["line", "number"])
    op.create_index("desk_case_due", "desk_case", ["due"])
    op.create_table(
        "case_event",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("uid", sa.BigInteger),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("case", "version")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("what", "before", "after", "by", "reason")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("evidence", "done")),
    )
    op.create_index("case_event_case", "case_event", ["case", "version"], unique=True)
