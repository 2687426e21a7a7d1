"""How IPv4 addresses are shared among lines by port, now and before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select

from sekisho.model import PortPlan
from sekisho.store.door import Door
from sekisho.store.many import Query, Row
from sekisho.store.moments import to_us
from sekisho.store.schema import port_plan

_PLAN = tuple(port_plan.c[name] for name in ("class_name", "offset", "length", "first", "size"))
_ALL = select(port_plan.c.network, *_PLAN).order_by(port_plan.c.network, port_plan.c.begin)
_OF_ONE: Final = Query(port_plan.c.network, select(port_plan.c.begin, *_PLAN).order_by(port_plan.c.begin))


class PortPlans(Door):
    """Port plans in a transaction."""

    def port_plan(self, network: bytes, at: datetime) -> PortPlan | None:
        """Return how an address was shared at a moment; what was first known of it holds for all before."""
        (plan, _) = self.port_plans_at(network, [at])[0]
        return plan

    def port_plans_at(
        self, network: bytes, moments: Iterable[datetime]
    ) -> list[tuple[PortPlan | None, bool]]:
        """Return as `port_plan` of several moments, and whether each was known then, not first later."""
        rows = list(self._many.find(_OF_ONE, [network]))
        return [_at(rows, to_us(moment)) for moment in moments]

    def port_plans(self) -> dict[bytes, PortPlan]:
        """Return how addresses are shared now."""
        rows = self._connection.execute(_ALL)  # the last of each network is the one in force
        latest = {network: _plan(tuple(row)) for network, *row in rows}
        return {network: plan for network, plan in latest.items() if plan is not None}

    def set_port_plans(self, plans: Mapping[bytes, PortPlan], at: datetime) -> None:
        """Write how addresses are shared from a moment on, all others not; what is so already stays."""
        known = {network: _plan(tuple(row)) for network, *row in self._connection.execute(_ALL)}
        begin = to_us(at)
        rows = [_row(begin, network, plan) for network, plan in plans.items() if known.get(network) != plan]
        rows += [
            _row(begin, network, None)
            for network, plan in known.items()
            if plan is not None and network not in plans
        ]
        self._many.put(port_plan, rows)


def _at(rows: Sequence[Row], by: int) -> tuple[PortPlan | None, bool]:
    """Return what holds by then of an address's plans, in the order of their begins, and whether one did."""
    by_then = [plan for begin, *plan in rows if begin <= by]
    if by_then:
        return _plan(tuple(by_then[-1])), True
    return (_plan(tuple(rows[0][1:])) if rows else None), False


def _plan(row: Row) -> PortPlan | None:
    return None if row[0] is None else PortPlan(*row)


def _row(begin: int, network: bytes, plan: PortPlan | None) -> Row:
    if plan is None:
        return begin, 0, 0, 0, 0, network, None
    return begin, plan.offset, plan.length, plan.first, plan.size, network, plan.class_name
