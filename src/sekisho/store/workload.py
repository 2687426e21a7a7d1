"""What waits at the desk, asked for at every scrape: by indices, but open cases are read for their marks."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import case, func, select

from sekisho.desk.actions import Progress
from sekisho.desk.case_values import Kind, State
from sekisho.desk.notices import LETTERS
from sekisho.desk.report import Why
from sekisho.desk.trust import Weight
from sekisho.desk.workload import IGNORED_WITHIN, NOT_ATTRIBUTED, Waiting, Workload
from sekisho.store.case_lists import CaseLists
from sekisho.store.cases import IS_UNCONFIRMED
from sekisho.store.desk_tables import IS_MARKED, action, desk_case, incident, report
from sekisho.store.flags import is_set
from sekisho.store.moments import from_us, to_us
from sekisho.store.outbox import Outbox

_WHY: Final = case(
    (report.c.refusal.is_(None), ""),  # unread
    *((report.c.refusal.startswith(f"{one}:"), str(one)) for one in Why),
    else_=NOT_ATTRIBUTED,
).label("why")
_QUEUED: Final = select(_WHY, func.count().label("reports")).where(is_set(report.c.is_queued)).group_by("why")
_PROPOSALS: Final = (
    select(func.count())
    .select_from(desk_case)
    .where(is_set(desk_case.c.is_open), desk_case.c.state == State.PROPOSED)
)
_MARKED: Final = select(func.count()).select_from(desk_case).where(is_set(desk_case.c.is_open), IS_MARKED)
_ACTIONS: Final = (
    select(action.c.kind, action.c.progress, func.count(), func.min(action.c.asked_for))
    .where(IS_UNCONFIRMED)
    .group_by(action.c.kind, action.c.progress)
)


class Workloads(CaseLists, Outbox):
    """What waits, in a transaction."""

    def workload(self, now: datetime) -> Workload:
        """Return what waits at the desk."""
        queued = {row.why: row.reports for row in self._connection.execute(_QUEUED)}
        notices = self.letters_waiting(LETTERS)
        return Workload(
            unread=queued.pop("", 0),
            queued=queued,
            proposals=self._connection.execute(_PROPOSALS).scalar_one(),
            marked=self._connection.execute(_MARKED).scalar_one(),
            actions={
                (Kind(kind), Progress(progress)): Waiting(count, from_us(since))
                for kind, progress, count, since in self._connection.execute(_ACTIONS)
            },
            notices=None if notices.since is None else Waiting(notices.letters, notices.since),
            ignored=self._ignored(now),
        )

    def _ignored(self, now: datetime) -> dict[str, int]:
        """Count by the numbers of reports, which are in the order of their coming."""
        first = (
            select(report.c.number)
            .where(report.c.received >= to_us(now - IGNORED_WITHIN))
            .order_by(report.c.received)
            .limit(1)
            .scalar_subquery()
        )
        found = (
            select(incident.c.weight, func.count(incident.c.party.distinct()).label("parties"))
            .where(incident.c.report >= first, incident.c.weight.in_((Weight.DOUBTED, Weight.TOO_MANY)))
            .group_by(incident.c.weight)
        )
        return {row.weight: row.parties for row in self._connection.execute(found)}
