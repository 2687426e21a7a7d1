"""How IPv4 addresses are shared among lines by port, now and before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, LargeBinary, bindparam, select

from sekisho.model import PortPlan
from sekisho.store.door import Door
from sekisho.store.many import Row
from sekisho.store.moments import to_us
from sekisho.store.schema import port_plan

_PLAN = tuple(port_plan.c[name] for name in ("class_name", "offset", "length", "first", "size"))
_ALL = select(port_plan.c.network, *_PLAN).order_by(port_plan.c.network, port_plan.c.begin)

# Each look-up asks these, more than once: made once, since to make one costs more than to ask it.
_OF_ONE: Final = (
    select(*_PLAN)
    .where(port_plan.c.network == bindparam("of_network", type_=LargeBinary))
    .order_by(port_plan.c.begin)
    .limit(1)
)
_BY_THEN: Final = (
    _OF_ONE.order_by(None)
    .where(port_plan.c.begin <= bindparam("by", type_=BigInteger))
    .order_by(port_plan.c.begin.desc())
)


class PortPlans(Door):
    """Port plans in a transaction."""

    def port_plan(self, network: bytes, at: datetime) -> PortPlan | None:
        """Return how an address was shared at a moment; what was first known of it holds for all before."""
        asked = {"of_network": network, "by": to_us(at)}
        row = self._connection.execute(_BY_THEN, asked).one_or_none()
        if row is None:
            row = self._connection.execute(_OF_ONE, {"of_network": network}).one_or_none()
        return None if row is None else _plan(tuple(row))

    def is_plan_known(self, network: bytes, at: datetime) -> bool:
        """Tell whether what `port_plan` returns is of that moment, and not what was first known later."""
        asked = {"of_network": network, "by": to_us(at)}
        return self._connection.execute(_BY_THEN, asked).one_or_none() is not None

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


def _plan(row: Row) -> PortPlan | None:
    return None if row[0] is None else PortPlan(*row)


def _row(begin: int, network: bytes, plan: PortPlan | None) -> Row:
    if plan is None:
        return begin, 0, 0, 0, 0, network, None
    return begin, plan.offset, plan.length, plan.first, plan.size, network, plan.class_name
