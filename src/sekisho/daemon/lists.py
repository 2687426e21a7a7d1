"""Static lists on their way into the store: the configuration's lines, and a file or an import."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sekisho.lines.events import Lease
from sekisho.lines.list_change import ListChange, begun_leases, ended_leases, listed_lines
from sekisho.lines.shared import Rule, port_plans
from sekisho.lines.static import LIST, StaticList, static_login
from sekisho.lines.taking import after_others
from sekisho.model import PortPlan
from sekisho.store import Transaction


def write_lines(transaction: Transaction, change: ListChange, now: datetime) -> list[int]:
    """Write what a list says of lines, and which may be another's from now on; return their numbers."""
    numbers = transaction.number_lines(change.lines.keys())
    transaction.set_lines(listed_lines(change.lines.items(), numbers))
    turned = (name for name, line in change.lines.items() if line is None or name in change.others)
    transaction.put_turns([numbers[name] for name in turned], now)
    return list(numbers.values())


def write_leases(transaction: Transaction, change: ListChange, source: str, now: datetime) -> list[Lease]:
    """Write the leases that end and begin; return them."""
    numbers = transaction.number_lines(set(change.begun.values()))
    begun = begun_leases(change.begun.items(), numbers, source, now)
    latest = transaction.latest({lease.address for lease in begun})
    added = [*ended_leases(change.ended, now), *after_others(begun, latest)]
    transaction.change_leases(change.ended, added)
    return added


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
