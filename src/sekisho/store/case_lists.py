"""Cases as people list them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, and_, func, or_, select

from sekisho.desk.case_values import Case, State
from sekisho.desk.trust import Weight
from sekisho.store.cases import Cases
from sekisho.store.desk_tables import IS_KEPT, IS_MARKED, desk_case, incident
from sekisho.store.flags import is_set

_FEW: Final = 1_000
_OF_IT: Final = select(incident.c.report).where(incident.c.case == desk_case.c.number).correlate(desk_case)
_IS_CLAIMED: Final = and_(  # nobody has decided anything about it, nor has to
    desk_case.c.state.in_((State.COLLECTING, State.STOPPED)),
    ~IS_MARKED,
    _OF_IT.exists(),
    ~_OF_IT.where(incident.c.weight.in_((Weight.SOUND, Weight.WEAK))).exists(),
)


class CaseLists(Cases):
    """Lists of cases in a transaction, each in the order of their numbers."""

    def listed_cases(
        self, after: int = 0, most: int = _FEW, *, state: State | None = None, claimed: bool = True
    ) -> tuple[Case, ...]:
        """Return the next cases that are open or whose evidence is kept, or those in a state.

        `claimed`: also those of which nothing proves whose the reports are.
        """
        some = select(desk_case).where(_is_meant(state), desk_case.c.number > after)
        if not claimed:
            some = some.where(~_IS_CLAIMED)
        return self._cases(some.order_by(desk_case.c.number).limit(most))

    def count_claimed_cases(self, state: State | None = None) -> int:
        """Return of how many of the cases that are listed nothing is proved."""
        counted = select(func.count()).select_from(desk_case).where(_is_meant(state), _IS_CLAIMED)
        return int(self._connection.execute(counted).scalar_one())

    def cases_of_line(self, line: int, most: int = _FEW) -> tuple[Case, ...]:
        """Return the last cases of a line, open and closed."""
        some = select(desk_case).where(desk_case.c.line == line).order_by(desk_case.c.number.desc())
        return self._cases(some.limit(most))[::-1]


def _is_meant(state: State | None) -> ColumnElement[bool]:
    return or_(is_set(desk_case.c.is_open), IS_KEPT) if state is None else desk_case.c.state == state
