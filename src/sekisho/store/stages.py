"""How far the cases of lines have come, and what lines of a stage have sent by the hour; of none alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, Table, Text, exists, or_, select

from sekisho.desk.case_values import STAGES, State
from sekisho.desk.trust import PROVED
from sekisho.measure.stages import StageHour
from sekisho.model import Stage
from sekisho.store.desk_tables import desk_case, incident
from sekisho.store.door import Door
from sekisho.store.flags import is_set
from sekisho.store.many import Query
from sekisho.store.moments import from_us, to_us
from sekisho.store.schema import metadata

stage_hour = Table(
    "stage_hour",
    metadata,
    *(Column(name, BigInteger, nullable=False) for name in ("begin", "value")),
    Column("lines", Integer, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("gate", "class_name", "stage", "what")),
    PrimaryKeyConstraint("gate", "begin", "class_name", "stage", "what", name="stage_hour_pkey"),
    sqlite_with_rowid=False,
)

_IS_REPORTED: Final = exists().where(
    incident.c.case == desk_case.c.number, or_(*(incident.c.weight == str(one) for one in PROVED))
)
_OPEN: Final = select(desk_case.c.line, desk_case.c.state).where(
    is_set(desk_case.c.is_open),
    or_(*(desk_case.c.state == str(one) for one in STAGES)),
    or_(desk_case.c.state != str(State.COLLECTING), _IS_REPORTED),  # anybody can claim
)
_OPEN_OF: Final = Query(desk_case.c.line, _OPEN)


class StageRows(Door):
    """Stages of lines, and hours of these, in a transaction."""

    def stages(self) -> dict[int, Stage]:
        """Return how far the case of each line has come that is reported, and not stopped or suspended."""
        return _stages(tuple(row) for row in self._connection.execute(_OPEN))

    def stages_of(self, lines: Iterable[int]) -> dict[int, Stage]:
        """Return the same of some lines."""
        return _stages(self._many.find(_OPEN_OF, lines))

    def put_stage_hours(self, gate: str, hours: Iterable[StageHour]) -> None:
        """Keep what may be kept of an hour; what is there of the same is replaced."""
        rows = [
            (
                to_us(one.begin),
                one.value,
                one.lines,
                gate,
                one.class_name,
                str(one.stage),
                one.what,
            )
            for one in hours
        ]
        self._many.put(stage_hour, rows)

    def stage_hours(self) -> Iterator[StageHour]:
        """Yield what was kept of all hours and gates."""
        for row in self._connection.execute(select(stage_hour).order_by(stage_hour.c.begin)):
            of = from_us(row.begin), row.class_name, Stage(row.stage), row.what
            yield StageHour(*of, row.lines, row.value)


def _stages(rows: Iterable[tuple[Any, ...]]) -> dict[int, Stage]:
    return {line: STAGES[State(state)] for line, state in rows}
