"""The store: the only door to SQL. SQLite by default, PostgreSQL by its url.

    store = open_store("sqlite:////var/lib/sekisho/gate.db")
    with store.transaction() as transaction:      # durable when it has ended without an error
        transaction.change_leases(removed, added)
    with store.reading() as transaction:          # one view of everything, whoever writes meanwhile
        transaction.latest(addresses)

    journal = open_journal(url)                   # of the same store
    journal.append(batch)                         # durable, and twenty times as fast as to settle it

Everything raises StoreError, and nothing was written then.
"""

from __future__ import annotations

from sekisho.store.askables import AskedAnew
from sekisho.store.errors import StoreError, UnfitError
from sekisho.store.forgetting import forget
from sekisho.store.journal import Journal, open_journal
from sekisho.store.logins import PendingBoot
from sekisho.store.reporters import CountedReporter
from sekisho.store.reports import NumberedReport
from sekisho.store.store import Store, Transaction, open_store

__all__ = [
    "AskedAnew",
    "CountedReporter",
    "Journal",
    "NumberedReport",
    "PendingBoot",
    "Store",
    "StoreError",
    "Transaction",
    "UnfitError",
    "forget",
    "open_journal",
    "open_store",
]
