"""The tables of the desk, as the newest migration leaves them.

Of whoever reports only the party is kept in the clear; all else is in the sealed original.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    literal_column,
    text,
)

from sekisho.store.schema import metadata

report = Table(  # numbered in the order of their coming
    "report",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("received", BigInteger, nullable=False),
    Column("is_queued", Boolean, nullable=False),
    *(Column(name, Text) for name in ("format", "party", "vouched", "refusal")),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("original", LargeBinary),  # sealed
    Index("report_received", "received"),
    Index("report_queued", "number", sqlite_where=text("is_queued"), postgresql_where=text("is_queued")),
)

incident = Table(
    "incident",
    metadata,
    Column("report", Integer, nullable=False, autoincrement=False),
    Column("place", Integer, nullable=False, autoincrement=False),
    Column("incidents", Integer, nullable=False),
    *(Column(name, BigInteger) for name in ("moment", "line")),
    Column("case", Integer),
    *(Column(name, Text, nullable=False) for name in ("found", "party")),
    *(Column(name, Text) for name in ("because", "weight", "judgement")),
    Column("folded", LargeBinary, unique=True),
    PrimaryKeyConstraint("report", "place", name="incident_pkey"),
    Index("incident_case", "case", "moment"),
    Index("incident_line", "line"),
)

asked = Table(  # what it takes to ask anew whose a counted incident is
    "asked",
    metadata,
    Column("due", BigInteger),  # when it is to be asked; 0: leases have changed
    Column("report", Integer, nullable=False, autoincrement=False),
    Column("place", Integer, nullable=False, autoincrement=False),
    Column("packed", Text, nullable=False),  # `askables`
    PrimaryKeyConstraint("report", "place", name="asked_pkey"),
    Index("asked_due", "due"),
    sqlite_with_rowid=False,
)

asked_under = Table(  # by the addresses of leases that decide it, and up to when they do
    "asked_under",
    metadata,
    Column("until", BigInteger, nullable=False),
    *(Column(name, Integer, nullable=False) for name in ("report", "place")),
    Column("address", LargeBinary, nullable=False),
    PrimaryKeyConstraint("address", "until", "report", "place", name="asked_under_pkey"),
    sqlite_with_rowid=False,
)

desk_case = Table(  # a number is never given again
    "desk_case",
    metadata,
    Column("number", Integer, primary_key=True),
    *(Column(name, BigInteger, nullable=False) for name in ("line", "since")),
    Column("due", BigInteger),  # when time alone may change it
    Column("strangers_asked", BigInteger),
    Column("version", Integer, nullable=False),
    Column("is_open", Boolean, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("state", "packed")),
    Column("untold", Text),  # how its stop request stands which has reached nobody yet
    Index("desk_case_untold", "untold", "number"),
    Index(
        "desk_case_open",
        "line",
        unique=True,  # one at a time
        sqlite_where=text("is_open"),
        postgresql_where=text("is_open"),
    ),
    Index("desk_case_line", "line", "number"),
    Index("desk_case_due", "due"),
    Index("desk_case_strangers", "strangers_asked"),
    Index(
        "desk_case_kept",
        "line",
        sqlite_where=text("state = 'evidence-kept'"),
        postgresql_where=text("state = 'evidence-kept'"),
    ),
    sqlite_autoincrement=True,
)

IS_KEPT = literal_column("desk_case.state = 'evidence-kept'", Boolean)
"""A case is closed, and its evidence kept; written as its index is, which is used by no other words."""

IS_MARKED = desk_case.c.packed.contains('"marks":["')
"""People have to look at a case: as `packing` writes it, which is read case by case."""

case_event = Table(  # only grows
    "case_event",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("uid", BigInteger),
    *(Column(name, Integer, nullable=False) for name in ("case", "version")),
    *(Column(name, Text, nullable=False) for name in ("what", "before", "after", "by", "reason")),
    *(Column(name, Text, nullable=False) for name in ("evidence", "done")),
    Index("case_event_case", "case", "version", unique=True),
)

action = Table(
    "action",
    metadata,
    Column("key", Text, nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in ("line", "asked_for")),
    Column("due", BigInteger),
    Column("case", Integer, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("kind", "progress", "packed")),
    PrimaryKeyConstraint("key", name="action_pkey"),
    Index("action_line", "line", "kind"),
    Index("action_case", "case"),
    Index("action_due", "due"),
    Index("action_progress", "progress", "asked_for"),
)

reporter = Table(
    "reporter",
    metadata,
    Column("at", BigInteger, nullable=False),
    Column("left", Double, nullable=False),
    *(Column(name, Integer, nullable=False) for name in ("confirmed", "dismissed")),
    Column("is_authenticated", Boolean, nullable=False),
    Column("party", Text, nullable=False),
    PrimaryKeyConstraint("party", "is_authenticated", name="reporter_pkey"),
    sqlite_with_rowid=False,
)
