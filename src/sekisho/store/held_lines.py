"""Of which lines nothing is forgotten: those that an order to keep evidence names, or whose case is held."""

from __future__ import annotations

from sqlalchemy import select, union

from sekisho.desk.case_values import State
from sekisho.store.desk_tables import IS_KEPT, desk_case
from sekisho.store.flags import is_set
from sekisho.store.schema import evidence_hold

HELD_LINES = union(
    select(evidence_hold.c.line).where(evidence_hold.c.released.is_(None)),
    select(desk_case.c.line).where(is_set(desk_case.c.is_open), desk_case.c.state == State.HELD),
    select(desk_case.c.line).where(IS_KEPT),
)
