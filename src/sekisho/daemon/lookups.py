"""What the store tells of an address or of a line, put together for an answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from ipaddress import ip_address

from sekisho.api.line_models import (
    HeldValue,
    LeaseValue,
    LineAnswer,
)
from sekisho.api.models import GivenBy, LimitValue
from sekisho.daemon.desk_measures import restrictions
from sekisho.daemon.showing import ending_of, relief_value, restriction_value
from sekisho.lines.holder import Answer, holder
from sekisho.lines.lookup import look_under, most_specific, whichever
from sekisho.lines.records import ListedLine
from sekisho.lines.roster import Treatment, known_line
from sekisho.lines.shared import ports_of
from sekisho.model import Address, Limit
from sekisho.store import Transaction


def find_holder(
    transaction: Transaction, network: bytes, port: int | None, at: datetime, skew: timedelta
) -> Answer | None:
    """Answer who held a packed address; None where lines share it and no port is given."""
    under = looked_under(transaction, network, port, at, skew)
    if under is None:
        return None
    answers = []
    for addresses in under:
        leases = transaction.leases_at(addresses, at, skew)
        answers.append(most_specific(holder(leases[address], at, skew) for address in addresses))
    return whichever(answers)


def looked_under(
    transaction: Transaction, network: bytes, port: int | None, at: datetime, skew: timedelta
) -> tuple[tuple[Address, ...], ...] | None:
    """Return under which addresses the holder of a packed one is looked for, by each plan that may hold.

    None where lines share it and no port is given.
    """
    shapes = transaction.shapes()
    found = []
    plans = transaction.port_plans_at(network, (at - skew, at + skew))
    for plan, is_known in dict.fromkeys(plans):
        addresses = look_under(network, plan, port, shapes, is_known=is_known)
        if addresses is None:
            return None
        found.append(addresses)
    return tuple(found)


def describe_line(
    transaction: Transaction,
    line: ListedLine,
    treatment: Treatment,
    limits: Mapping[str, tuple[Limit, GivenBy]],
    *,
    since: datetime,
    now: datetime,
) -> LineAnswer:
    """Describe a line as it is now, with its leases since a moment.

    `limits`: those of the classes, and what has given them.
    """
    held = sorted(transaction.holdings_of([line.number]).get(line.number, ()), key=_order)
    relief = transaction.relief(line.number, now)
    measures = transaction.measures_of([line.number])
    suspended = transaction.line_suspensions(line.number)
    restriction = restrictions(measures).get(line.number)
    known = known_line(treatment, held, line.class_name, relieved=relief is not None, restriction=restriction)
    answer = LineAnswer(
        line=line.name,
        fixed=line.fixed,
        measures=tuple(map(restriction_value, (*measures, *suspended))),
        relief=relief and relief_value(relief),
        holds=tuple(_held(transaction, address, now) for address in held),
        leases_since=since,
        leases=tuple(lease_values(transaction, line.number, since)),
    )
    if known is None or known.class_name not in limits:
        return answer
    limit, given_by = limits[known.class_name]
    return answer.model_copy(
        update={
            "class_name": known.class_name,
            "class_from": "list" if line.class_name in treatment.classes else "pool",
            "limit": LimitValue.of(known.limit or limit),
            "limit_from": "case" if restriction else "relief" if relief else "class",
            "class_limit_given_by": given_by,
        }
    )


def lease_values(transaction: Transaction, line: int, since: datetime) -> Iterator[LeaseValue]:
    """Yield the leases of a line that ended after a moment or go on, as they are shown."""
    for lease in list(transaction.leases_of(line, since)):
        held = _held(transaction, lease.address, lease.begin)
        yield LeaseValue(
            address=held.address, ports=held.ports, begin=lease.begin, end=lease.end, ending=ending_of(lease)
        )


def _held(transaction: Transaction, address: Address, at: datetime) -> HeldValue:
    """Show an address, with the ports of a shared one by the plan of that time."""
    host = ip_address(address.network)
    if address.port_set is None:
        whole = address.length == host.max_prefixlen
        return HeldValue(address=str(host) if whole else f"{host}/{address.length}")
    plan = transaction.port_plan(address.network, at)
    ranges = () if plan is None else ports_of(plan, address.port_set)
    return HeldValue(address=str(host), ports=tuple(f"{one.start}-{one.stop - 1}" for one in ranges))


def _order(address: Address) -> tuple[int, bytes, int, int]:
    return len(address.network), address.network, address.length, address.port_set or 0
