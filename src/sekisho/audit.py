"""The audit log: who asked what about a line, and why. Pure.

Each record's hash covers its entry and the hash before, so that none can be changed, taken out or put in
without every later one being made anew. Whoever keeps the hash of the last record elsewhere can tell that
too. Records that are older than the log is kept are forgotten from its beginning; the entry that says so
has number and hash of the last of them, and is the anchor of the chain from then on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

FORGET = "audit forget"
"""The action of an entry that says which records were forgotten (`forgetting`)."""

RETENTION = "audit retention"
"""The action of an entry that says for how long the log is kept from then on (`keeping`)."""

FURTHEST = timedelta(days=1, hours=1)
"""A clock further ahead of the last record may be wrong: nothing is forgotten by it."""

_BEGINNING = bytes(32).hex()  # stands for the hash before the first record


@dataclass(frozen=True, slots=True)
class Entry:
    """What somebody did or was refused.

    `at`: aware UTC. `uid`, `user`: of the process that asked. `subject`: about what. `reference`: the case,
    ticket or reason that was given. `outcome`: what came of it.
    """

    at: datetime
    uid: int
    user: str
    action: str
    subject: str
    purpose: str
    reference: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Record:
    """An entry in its place; numbers count from 1."""

    number: int
    entry: Entry
    hash: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a log stands: how many records, the first that does not fit, and the hash of the last that does.

    `head_found`: whether that record or one before has the hash that was asked for; None: none was.
    `forgotten`: up to which number records were forgotten, and `forgotten_at` when last; 0 and None: none.
    """

    records: int
    first_broken: int | None
    head: bytes | None
    head_found: bool | None
    forgotten: int = 0
    forgotten_at: datetime | None = None

    @property
    def sound(self) -> bool:
        """Tell whether everything is as it was written, and what was asked for is there."""
        return self.first_broken is None and self.head_found is not False


def follow(last: Record | None, entry: Entry) -> Record:
    """Return the record that follows the last of a log, the first where there is none."""
    number, before = (1, _BEGINNING) if last is None else (last.number + 1, last.hash.hex())
    return Record(number, entry, _hash(before, number, entry))


def forgetting(last: Record, at: datetime) -> Entry:
    """Return the entry that says that a record was forgotten with all before it."""
    return Entry(at, 0, "sekishod", FORGET, _up_to(last.number), "retention", last.hash.hex(), "done")


def keeping(kept: timedelta, at: datetime) -> Entry:
    """Return the entry that says for how long the log is kept from now on."""
    return Entry(at, 0, "sekishod", RETENTION, f"kept for {kept}", "retention", "", "done")


def may_forget(last: Record, now: datetime) -> bool:
    """Tell whether a clock can be right, by the last record: a wrong one would have all be forgotten."""
    return last.entry.at <= now <= last.entry.at + FURTHEST


def verify(records: Iterable[Record], head: bytes | None = None) -> Verdict:
    """Walk a log in order; `head`: a hash that was kept elsewhere, to be found in it."""
    count, first, last = 0, None, None
    head_found = None if head is None else False
    anchor: Entry | None = None  # which says what was forgotten
    for record in records:
        count += 1
        if first is None:
            first = record
        elif last is not None and record != follow(last, record.entry):
            return Verdict(count, record.number, last.hash, head_found)
        if record.entry.action == FORGET:
            anchor = record.entry
        head_found = head_found or (None if head is None else record.hash == head)
        last = record
    if first is None or last is None:
        return Verdict(0, None, None, head_found)
    before = _BEGINNING if anchor is None else anchor.reference
    begins = _up_to(0) if anchor is None else anchor.subject
    if _up_to(first.number - 1) != begins or first.hash != _hash(before, first.number, first.entry):
        return Verdict(count, first.number, None, head_found)
    forgotten_at = None if anchor is None else anchor.at
    return Verdict(count, None, last.hash, head_found, first.number - 1, forgotten_at)


def _up_to(number: int) -> str:
    return f"records up to {number}"


def _hash(before: str, number: int, entry: Entry) -> bytes:
    moment = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    who, what = (entry.uid, entry.user), (entry.action, entry.subject)
    why = (entry.purpose, entry.reference, entry.outcome)
    return sha256(json.dumps([before, number, moment, *who, *what, *why]).encode()).digest()
