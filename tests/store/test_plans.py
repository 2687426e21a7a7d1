"""How databases find rows: by an index, on PostgreSQL also in the transaction that fills the tables.

Of a table that was just filled its planner knows nothing. A plan that reads it whole for each key is right by
its figures, and took minutes for a first list of some ten thousand lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table

from sekisho.lines.records import ListedLine
from sekisho.model import Address
from sekisho.store import Store, Transaction, leases, lines, logins, many, open_store, reliefs
from sekisho.store.many import Query
from sekisho.store.schema import lease as lease_table
from sekisho.store.schema import login as login_table
from sekisho.store.schema import past_lease
from tests.store.postgres import Postgres
from tests.store.values import lease

QUERIES = [
    pytest.param(value, id=f"{module.__name__.rpartition('.')[2]}.{name}")
    for module in (leases, lines, logins, reliefs)
    for name, value in vars(module).items()
    if isinstance(value, Query)
]
MANY = 2_000
BY_KEY = {"Index Cond", "Recheck Cond", "TID Cond"}


@pytest.fixture
def store(postgres: Postgres, postgres_store: str) -> Iterator[Store]:
    url = postgres.make_database(like=postgres_store)
    opened = open_store(url)
    yield opened
    opened.close()
    postgres.drop_database(url)


def fill(transaction: Transaction) -> None:
    addresses = [Address(number.to_bytes(4, "big"), 32) for number in range(MANY)]
    for begin in (0, 1):
        transaction.change_leases([], [lease(begin, line=n, address=addresses[n]) for n in range(MANY)])
    transaction.set_lines([ListedLine(number, str(number), "fixed") for number in range(MANY)])


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def explain(transaction: Transaction, statement: Any, **values: Any) -> list[str]:
    """Return the nodes of a statement's plan that read a table without a key."""
    connection = transaction._connection
    compiled = statement.compile(connection)
    parameters = {
        name: values.get(name, 0 if value is None else value) for name, value in compiled.params.items()
    }
    (plan,) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {compiled}", parameters).scalar_one()
    read = [node for node in nodes(plan["Plan"]) if "Relation Name" in node and "Scan" in node["Node Type"]]
    assert read
    return [node["Node Type"] for node in read if not BY_KEY & node.keys()]


@pytest.mark.parametrize("query", QUERIES)
def test_keys_are_looked_up_one_by_one(store: Store, query: Query) -> None:
    keys: Mapping[type, list[Any]] = {
        int: list(range(MANY)),
        str: [str(number) for number in range(MANY)],
        bytes: [number.to_bytes(4, "big") + b"\x20" for number in range(MANY)],
    }
    with store.transaction() as transaction:
        fill(transaction)
        assert (
            explain(transaction, many._postgres_query(query), keys=keys[query.column.type.python_type]) == []
        )


@pytest.mark.parametrize("table", [lease_table, past_lease, login_table], ids=lambda table: table.name)
def test_rows_are_deleted_one_by_one(store: Store, table: Table) -> None:
    values = {"all_address": b"1234", "all_begin": 0, "all_login": b"", "all_key": b""}
    keys = {name: [value] * MANY for name, value in values.items()}
    with store.transaction() as transaction:
        fill(transaction)
        assert explain(transaction, many._postgres_remove(table), **keys) == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda transaction: transaction.count_unread(1),
        lambda transaction: transaction.unread_reports(7, 1),
        lambda transaction: transaction.queued_reports(7, 1),
    ],
    ids=["count_unread", "unread_reports", "queued_reports"],
)
def test_sqlite_reads_only_reports_that_are_queued(
    tmp_path: Path, ask: Callable[[Transaction], object]
) -> None:
    store, asked = open_store(f"sqlite:///{tmp_path}/store.db"), list[str]()
    try:
        with store.reading() as transaction:
            driver: Any = transaction._connection.connection.driver_connection
            driver.set_trace_callback(asked.append)
            ask(transaction)
            driver.set_trace_callback(None)
            (statement,) = asked
            plan = [row[-1] for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}")]
    finally:
        store.close()
    assert any("report_queued" in step for step in plan)
