"""The tables, as the newest migration leaves them.

Moments are microseconds (`moments`), addresses and logins bytes (`packing`). On SQLite a table whose key is
no number is stored in the order of that key, without a row number beside it. On PostgreSQL columns of eight
bytes stand first, so that no room is lost between them. There are a hundred million leases: no column and
no index more than a question needs.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)

metadata = MetaData()

KEY = "key"
"""In a table's `info`: the columns that tell its rows apart, where they are not its primary key."""


def _number(name: str, **more: Any) -> Column[int]:
    return Column(name, BigInteger, autoincrement=False, nullable=False, **more)


line = Table(
    "line",
    metadata,
    _number("number", primary_key=True),  # below 2**48
    Column("name", Text, nullable=False, unique=True),
    Column("class_name", Text),  # given by a static list
    Column("fixed", Boolean, nullable=False, server_default=text("false")),
    *(Column(name, Text) for name in ("contact", "language")),  # of notices to its customer; by a static list
)

line_turn = Table(  # since when a line may be another customer's than before, by a static list
    "line_turn",
    metadata,
    _number("number", primary_key=True),
    Column("at", BigInteger, nullable=False),
)

login = Table(  # numbered in the order of their coming, so that those of one time are on one page
    "login",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    _number("line", index=True),
    Column("unsettled", Boolean, nullable=False),  # a boot of the NAS may end it yet
    Column("key", LargeBinary, nullable=False, unique=True),
    Column("nas", Text, nullable=False),
    Column("packed", LargeBinary, nullable=False),
    info={KEY: ("key",)},
)
Index(
    "login_unsettled",
    login.c.nas,
    login.c.number,
    sqlite_where=login.c.unsettled,
    postgresql_where=login.c.unsettled,
)

boot = Table(
    "boot",
    metadata,
    _number("at"),
    Column("nas", Text, nullable=False),
    Column("worked_off", BigInteger),  # up to this login's number; NULL: all
    PrimaryKeyConstraint("nas", "at", name="boot_pkey"),
    sqlite_with_rowid=False,
)

lease = Table(  # the last of each address: who holds it now, unless it has ended
    "lease",
    metadata,
    _number("begin"),
    _number("line"),
    Column("end", BigInteger),
    Column("ending", SmallInteger),  # number in `leases.ENDINGS`
    Column("static", Boolean, nullable=False),
    Column("address", LargeBinary, nullable=False),
    Column("login", LargeBinary, nullable=False),
    PrimaryKeyConstraint("address", name="lease_pkey"),
    Index("lease_line", "line"),
    sqlite_with_rowid=False,
)

past_lease = Table(  # all that a later one of the same address has followed
    "past_lease",
    metadata,
    _number("begin"),
    _number("line"),
    Column("end", BigInteger),
    Column("ending", SmallInteger),
    Column("address", LargeBinary, nullable=False),
    Column("login", LargeBinary, nullable=False),
    PrimaryKeyConstraint("address", "begin", "login", name="past_lease_pkey"),
    Index("past_lease_line", "line"),
    sqlite_with_rowid=False,
)

shape = Table(  # which sizes and prefix lengths occur among the addresses of leases
    "shape",
    metadata,
    Column("size", SmallInteger, nullable=False),
    Column("length", SmallInteger, nullable=False),
    PrimaryKeyConstraint("size", "length", name="shape_pkey"),
    sqlite_with_rowid=False,
)

port_plan = Table(  # how an IPv4 address is shared from a moment on; without a class: not any more
    "port_plan",
    metadata,
    _number("begin"),
    Column("offset", SmallInteger, nullable=False),
    Column("length", SmallInteger, nullable=False),
    Column("first", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("network", LargeBinary, nullable=False),
    Column("class_name", Text),
    PrimaryKeyConstraint("network", "begin", name="port_plan_pkey"),
    sqlite_with_rowid=False,
)

relief = Table(
    "relief",
    metadata,
    Column("id", Integer, primary_key=True),
    _number("line", index=True),
    _number("since"),
    _number("until"),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("ended", BigInteger),  # where somebody ended it before
    Column("ended_by", Text),
)

evidence_hold = Table(
    "evidence_hold",
    metadata,
    Column("id", Integer, primary_key=True),
    _number("line", index=True),
    _number("since"),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("released", BigInteger),
    Column("released_by", Text),
)

audit = Table(
    "audit",
    metadata,
    _number("number", primary_key=True),
    _number("at"),
    _number("uid"),
    *(
        Column(name, Text, nullable=False)
        for name in ("user", "action", "subject", "purpose", "reference", "outcome")
    ),
    Column("hash", LargeBinary, nullable=False),
)

source_mark = Table(
    "source_mark",
    metadata,
    Column("source", Text, nullable=False),
    Column("mark", Text, nullable=False),
    PrimaryKeyConstraint("source", name="source_mark_pkey"),
    sqlite_with_rowid=False,
)

trial_version = Table(  # what was registered, never changed
    "trial_version",
    metadata,
    Column("registered_at", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("trial", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("canonical", Text, nullable=False),
    Column("supersedes", Text),  # the digest of the version before
    PrimaryKeyConstraint("trial", "number", name="trial_version_pkey"),
)

trial_event = Table(  # numbered in the order of writing, which no clock decides
    "trial_event",
    metadata,
    Column("number", Integer, primary_key=True),
    _number("at"),
    Column("uid", BigInteger),
    *(Column(name, Text, nullable=False) for name in ("trial", "what", "reason", "by")),
    Index("trial_event_trial", "trial", "number"),
)
