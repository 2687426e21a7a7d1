"""Static lists beside what the store has of them: the configuration's lines, and a file or an import."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from sekisho.lines.events import Ending, Lease
from sekisho.lines.shared import Rule, port_plans
from sekisho.lines.static import CONFIG, LIST, ListChange, StaticLine, StaticList, diff, static_login
from sekisho.model import Address, PortPlan
from sekisho.store import Transaction


def compare(
    transaction: Transaction, new: StaticList, source: str, configured: StaticList, now: datetime
) -> ListChange:
    """Tell what a new list of a source changes; `configured`: the lines of the configuration."""
    listed = {one.name: StaticLine(one.class_name or "", one.fixed) for one in transaction.listed_lines()}
    numbers = transaction.number_lines({*new.lines, *listed})
    names = {number: name for name, number in numbers.items()}
    held: dict[Address, Lease] = {}
    taken_over: list[Lease] = []  # a line stands in one place, and the configuration goes first
    for lease in transaction.static_leases():
        name = names.get(lease.line, "")
        if lease.login == static_login(source, name):
            held[lease.address] = lease
        elif source == CONFIG and name in new.lines and lease.address not in new.addresses:
            taken_over.append(lease)
    before = _of_source(listed, held.values(), names, source, configured)
    change = diff(before, held, new, numbers, source=source, now=now)
    ended = [lease._replace(end=now, ending=Ending.LIST) for lease in taken_over if lease.begin < now]
    return replace(change, removed=(*change.removed, *taken_over), added=(*change.added, *ended))


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


def _of_source(
    listed: Mapping[str, StaticLine],
    held: Iterable[Lease],
    names: Mapping[int, str],
    source: str,
    configured: StaticList,
) -> dict[str, StaticLine]:
    """Return the listed lines of one source; a line stands on one list only."""
    if source == CONFIG:
        here = {names[lease.line] for lease in held}
        return {name: line for name, line in listed.items() if name in here}
    return {name: line for name, line in listed.items() if name not in configured.lines}
