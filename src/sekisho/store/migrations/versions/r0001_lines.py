"""Lines, their logins, leases and holdings, reliefs, evidence holds, and the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables of an empty database."""
    op.create_table(
        "line",
        sa.Column("number", sa.BigInteger, autoincrement=False, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("class_name", sa.Text),
        sa.Column("fixed", sa.Boolean, nullable=False, server_default=sa.text("false")),
    )
    op.create_table(
        "login",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("unsettled", sa.Boolean, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("nas", sa.Text, nullable=False),
        sa.Column("packed", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_login_line", "login", ["line"])
    unsettled = sa.text("unsettled")
    op.create_index(
        "login_unsettled", "login", ["nas", "number"], sqlite_where=unsettled, postgresql_where=unsettled
    )
    op.create_table(
        "boot",
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("nas", sa.Text, nullable=False),
        sa.Column("worked_off", sa.BigInteger),
        sa.PrimaryKeyConstraint("nas", "at", name="boot_pkey"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "lease",
        sa.Column("begin", sa.BigInteger, nullable=False),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("end", sa.BigInteger),
        sa.Column("ending", sa.SmallInteger),
        sa.Column("static", sa.Boolean, nullable=False),
        sa.Column("address", sa.LargeBinary, nullable=False),
        sa.Column("login", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("address", name="lease_pkey"),
        sqlite_with_rowid=False,
    )
    op.create_index("lease_line", "lease", ["line"])
    op.create_table(
        "past_lease",
        sa.Column("begin", sa.BigInteger, nullable=False),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("end", sa.BigInteger),
        sa.Column("ending", sa.SmallInteger),
        sa.Column("address", sa.LargeBinary, nullable=False),
        sa.Column("login", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("address", "begin", "login", name="past_lease_pkey"),
        sqlite_with_rowid=False,
    )
    op.create_index("past_lease_line", "past_lease", ["line"])
    op.create_table(
        "shape",
        sa.Column("size", sa.SmallInteger, nullable=False),
        sa.Column("length", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("size", "length", name="shape_pkey"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "port_plan",
        sa.Column("begin", sa.BigInteger, nullable=False),
        sa.Column("offset", sa.SmallInteger, nullable=False),
        sa.Column("length", sa.SmallInteger, nullable=False),
        sa.Column("first", sa.Integer, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("network", sa.LargeBinary, nullable=False),
        sa.Column("class_name", sa.Text),
        sa.PrimaryKeyConstraint("network", "begin", name="port_plan_pkey"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "relief",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("ended_by", sa.Text),
    )
    op.create_index("ix_relief_line", "relief", ["line"])
    op.create_table(
        "evidence_hold",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("released", sa.BigInteger),
        sa.Column("released_by", sa.Text),
    )
    op.create_index("ix_evidence_hold_line", "evidence_hold", ["line"])
    op.create_table(
        "audit",
        sa.Column("number", sa.BigInteger, autoincrement=False, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("uid", sa.BigInteger, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
