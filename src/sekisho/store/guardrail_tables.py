"""The tables of guardrails, of what people enter, and of what is told to others.

As the newest migration leaves them.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, PrimaryKeyConstraint, Table, Text

from sekisho.store.schema import metadata

outbox = Table(  # numbered in the order of writing
    "outbox",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("created", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("ended", BigInteger),  # when it was sent or given up
    Column("attempts", Integer, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("kind", "state", "payload")),
    Column("gate", Text, nullable=False, server_default=""),  # whose daemon sends it; empty: any
    Column("id", Text, nullable=False, unique=True),
    Column("why", Text),  # the last try failed
    Column("thread", Text),  # an earlier one of it goes before
    Index("outbox_state", "state", "kind", "number"),
    Index("outbox_thread", "thread", "number"),
)

complaint = Table(  # only grows
    "complaint",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("uid", BigInteger, nullable=False),
    Column("complaints", Integer, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("trial", "day", "reason", "by")),
    Index("complaint_trial", "trial", "number"),
)

blocklist_count = Table(  # only grows: of what is entered again the last holds
    "blocklist_count",
    metadata,
    Column("number", Integer, primary_key=True),
    *(Column(name, BigInteger, nullable=False) for name in ("at", "uid", "begin", "end")),
    Column("addresses", Integer, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("trial", "class_name", "reason", "by")),
    Index("blocklist_count_trial", "trial", "number"),
)

trial_watch = Table(  # what the guardrails of a trial know at a gate; no gate: what all of them begin with
    "trial_watch",
    metadata,
    *(Column(name, Text, nullable=False) for name in ("trial", "gate", "packed")),
    PrimaryKeyConstraint("trial", "gate", name="trial_watch_pkey"),
    sqlite_with_rowid=False,
)

trial_gate = Table(  # what each gate's kernel obeys, as its daemon wrote last
    "trial_gate",
    metadata,
    *(Column(name, Text, nullable=False) for name in ("trial", "gate")),
    Column("suspended", BigInteger),  # since when; null: it follows the plan
    Column("heard", BigInteger, nullable=False),
    PrimaryKeyConstraint("trial", "gate", name="trial_gate_pkey"),
    sqlite_with_rowid=False,
)

trial_path = Table(  # the highest value of a day
    "trial_path",
    metadata,
    Column("at", BigInteger, nullable=False),
    Column("value", Double, nullable=False),
    Column("bound", Double, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("trial", "what", "day")),
    PrimaryKeyConstraint("trial", "what", "day", name="trial_path_pkey"),
    sqlite_with_rowid=False,
)
