"""Static lists beside what the store has of them: the configuration's lines, and a file or an import."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TypeVar

from sekisho.lines.events import Ending, Lease
from sekisho.lines.shared import Rule, port_plans
from sekisho.lines.static import CONFIG, LIST, ListChange, StaticLine, StaticList, diff, static_login
from sekisho.model import Address, PortPlan
from sekisho.store import Transaction

_CHUNK = 10_000  # of a million leases or lines, what is made into objects at a time
_T = TypeVar("_T")


def compare(
    transaction: Transaction, new: StaticList, source: str, configured: StaticList, now: datetime
) -> ListChange:
    """Tell what a new list of a source changes; `configured`: the lines of the configuration."""
    addresses = dict(new.addresses)
    off_leases, taken_over, here = _take_out_leases(transaction, addresses, new, source)
    lines = dict(new.lines)
    off = _take_out_lines(transaction, lines, new)
    before = {name: line for name, line in off if _is_of(source, name, here, configured)}
    numbers: dict[str, int] = {}
    for some in chunks({*lines, *addresses.values(), *before}):
        numbers |= transaction.number_lines(some)
    change = diff(before, off_leases, StaticList(lines, addresses), numbers, source=source, now=now)
    ended = [lease._replace(end=now, ending=Ending.LIST) for lease in taken_over if lease.begin < now]
    return replace(change, removed=(*change.removed, *taken_over), added=(*change.added, *ended))


def portions(change: ListChange) -> Iterator[tuple[list[Lease], list[Lease]]]:
    """Cut the leases to remove and to add into portions; an address has all of its own in one."""
    ended = {lease.address: lease for lease in change.added if lease.end is not None}
    for removed in chunks(change.removed):
        yield removed, [ended[lease.address] for lease in removed if lease.address in ended]
    for added in chunks(lease for lease in change.added if lease.end is None):
        yield [], added


def chunks(many: Iterable[_T]) -> Iterator[list[_T]]:
    """Cut what may be a million into lists short enough to make objects of."""
    rest = iter(many)
    while some := list(islice(rest, _CHUNK)):
        yield some


def write_plans(transaction: Transaction, new: StaticList, rules: Iterable[Rule], now: datetime) -> None:
    """Write how addresses are shared by the rules, by a new list, and by what stays held of another list."""
    held = {lease.address.network for lease in transaction.static_shares()}
    known = transaction.port_plans()
    plans: dict[bytes, PortPlan] = {network: known[network] for network in held if network in known}
    transaction.set_port_plans({**plans, **dict(port_plans(rules)), **new.port_plans}, now)


def listed_plans(transaction: Transaction) -> dict[bytes, PortPlan]:
    """Return how the addresses are shared that a file or an import divides; the others the file divides."""
    shares = list(transaction.static_shares())
    names = transaction.line_names({lease.line for lease in shares})
    listed = {
        lease.address.network for lease in shares if lease.login == static_login(LIST, names[lease.line])
    }
    return {network: plan for network, plan in transaction.port_plans().items() if network in listed}


def _take_out_leases(
    transaction: Transaction, addresses: dict[Address, str], new: StaticList, source: str
) -> tuple[dict[Address, Lease], list[Lease], set[str]]:
    """Take out of a list's addresses what is held already; return what its source gave and is off the list.

    Return also what a file gave to lines of the configuration, and ends: a line stands in one place, and the
    configuration goes first; and the lines to which the configuration gave what they do not hold any more.
    What goes from one line to another needs no end, and may be a million leases.
    """
    off: dict[Address, Lease] = {}
    taken_over: list[Lease] = []
    here: set[str] = set()
    for some in chunks(transaction.static_leases()):
        others = [lease for lease in some if not _take_out(addresses, lease, source)]
        names = transaction.line_names({lease.line for lease in others})
        for lease in others:
            name = names[lease.line]
            if lease.login == static_login(source, name):
                if source == CONFIG:
                    here.add(name)
                if lease.address not in addresses:
                    off[lease.address] = lease
            elif source == CONFIG and name in new.lines and lease.address not in new.addresses:
                taken_over.append(lease)
    return off, taken_over, here


def _take_out(addresses: dict[Address, str], lease: Lease, source: str) -> bool:
    """Take the address of a lease out, if the list gives it to the same line; tell whether it does."""
    name = addresses.get(lease.address)
    if name is None or lease.login != static_login(source, name):
        return False
    del addresses[lease.address]
    return True


def _take_out_lines(
    transaction: Transaction, lines: dict[str, StaticLine], new: StaticList
) -> Iterator[tuple[str, StaticLine]]:
    """Take out of a list's lines what is known already; yield the lines of all lists that are off it."""
    for one in transaction.listed_lines():
        line = StaticLine(one.class_name or "", one.fixed)
        if lines.get(one.name) == line:
            del lines[one.name]
        elif one.name not in new.lines:
            yield one.name, line


def _is_of(source: str, name: str, here: Collection[str], configured: StaticList) -> bool:
    """Tell whether a line was on a source's list; `here`: those whose leases it gave."""
    return name in here if source == CONFIG else name not in configured.lines
