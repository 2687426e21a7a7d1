"""From when on it may be another who held an address: what a change of leases touches."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sekisho.lines.events import Lease
from sekisho.model import Address


def changed_since(removed: Iterable[Lease], added: Iterable[Lease]) -> dict[Address, datetime]:
    """Return of each address the moment before which nobody's answer is another by a change.

    A lease that is removed and added goes on: if only its end is another, nothing has changed up to the
    earlier of both.
    """
    before = {(one.address, one.begin, one.login): one for one in removed}
    found: dict[Address, datetime] = {}
    for one in added:
        known = before.pop((one.address, one.begin, one.login), None)
        moment = one.begin if known is None else _parted(known, one)
        if moment is not None:
            found[one.address] = min(moment, found.get(one.address, moment))
    for gone in before.values():
        found[gone.address] = min(gone.begin, found.get(gone.address, gone.begin))
    return found


def _parted(before: Lease, after: Lease) -> datetime | None:
    """Return from when on two forms of one lease differ; None: they do not."""
    if before.line != after.line:
        return before.begin
    ends = {one.end for one in (before, after)}
    return min((end for end in ends if end is not None), default=None) if len(ends) > 1 else None
