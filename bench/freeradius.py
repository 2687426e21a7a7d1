"""Accounting beside FreeRADIUS with its SQL module, each with a database of the same PostgreSQL server.

The same client sends the same requests to each in turn. FreeRADIUS acknowledges when the row is committed in
its table, as shipped; we when the journal is, and the leases follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Final, NamedTuple

import psycopg

from bench import nas
from bench.accounting import AT_ONCE, ROOM, Figures, figures, starts
from bench.rows import Row, at_least
from bench.site import Site, site
from tests.store.postgres import Postgres, server
from tests.system.accounting import copy_installed, start_freeradius, write_into_table

TURNS: Final = 5
COUNT: Final = 20_000  # requests in a turn, each a Start of a line that was not there before
PORT: Final = 18_130
_SITE: Final = f"""\
clients bench {{
	client bench {{
		ipaddr = 127.0.0.1
		secret = "{nas.SECRET}"
	}}
}}
server bench {{
	listen {{
		type = acct
		ipaddr = 127.0.0.1
		port = {PORT}
		clients = bench
	}}
	preacct {{
		acct_unique
	}}
	accounting {{
		sql
	}}
}}
"""


class Turn(NamedTuple):
    """Ours, and how many requests FreeRADIUS acknowledged in a second."""

    ours: Figures
    theirs: float


def measure() -> Iterator[Row]:
    """Measure both by turns, after one turn that does not count."""
    nas.compile_client()
    with site() as where, server() as postgres:
        where.configure(postgres.make_database(), ROOM)
        daemon = where.up()
        theirs = postgres.make_database()
        start(where, postgres, theirs)
        turns = [_turn(where, number * COUNT) for number in range(TURNS + 1)][1:]
        written = _rows(theirs)
        daemon.end()
    if written < (TURNS + 1) * COUNT:
        raise RuntimeError(f"FreeRADIUS has written {written:,} of {(TURNS + 1) * COUNT:,} lines")
    yield from judge(turns)


def judge(turns: list[Turn]) -> Iterator[Row]:
    """Give the rows; a ratio is the median of the turns' ratios."""
    name = "accounting, PostgreSQL"
    yield Row(f"{name}: acknowledged", median(turn.ours.acknowledged for turn in turns), "requests/s")
    yield Row(f"{name}: FreeRADIUS with SQL", median(turn.theirs for turn in turns), "requests/s")
    ratio = median(turn.ours.acknowledged / turn.theirs for turn in turns)
    yield at_least(f"{name}: over FreeRADIUS with SQL", ratio, "", 3)
    yield Row(f"{name}: settled into leases", median(turn.ours.settled for turn in turns), "requests/s")
    settled = median(turn.ours.settled / turn.theirs for turn in turns)
    yield Row(f"{name}: settled, over FreeRADIUS with SQL", settled, "")


def start(where: Site, postgres: Postgres, url: str) -> None:
    """Start FreeRADIUS as shipped but for where its database is."""
    raddb = where.directory / "raddb"
    copy_installed(raddb, where.directory)
    write_into_table(raddb, postgres, url)
    (raddb / "sites-enabled" / "bench").write_text(_SITE)
    start_freeradius(where.gate, raddb, where.directory / "log")


def _turn(where: Site, first: int) -> Turn:
    ours = figures(where, starts(first, COUNT))
    requests = where.directory / "requests"  # the same that we had
    theirs = nas.send(requests, (where.gate, PORT), at_once=AT_ONCE)
    return Turn(ours, theirs.per_second)


def _rows(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM radacct").fetchone()
    return 0 if row is None else int(row[0])
