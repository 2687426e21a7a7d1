"""How reporters stand: what was found of what they have reported, and how much of it counts now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import and_, delete, func, select, tuple_, update

from sekisho.desk.case_values import Judgement
from sekisho.desk.trust import COUNT, Party, Reporter, Weight
from sekisho.store.desk_tables import incident, reporter
from sekisho.store.door import Door
from sekisho.store.flags import is_set
from sekisho.store.many import Query
from sekisho.store.moments import from_us, to_us

_FEW: Final = 1_000
_BY_PARTY: Final = Query(reporter.c.party, select(*reporter.c), most=2)  # proved, and claimed
_OF_PROVED: Final = incident.c.weight.in_((Weight.SOUND, Weight.WEAK))


class CountedReporter(NamedTuple):
    """A party that is proved, and how many incidents that it has reported count, as far as they are kept."""

    reporter: Reporter
    incidents: int


class Reporters(Door):
    """Reporters in a transaction."""

    def reporter(self, party: Party) -> Reporter | None:
        """Return what is known of a party."""
        for row in self._many.find(_BY_PARTY, [party.name]):
            known = _read(*row)
            if known.party == party:
                return known
        return None

    def proved_reporters(self, after: str = "", most: int = _FEW) -> tuple[CountedReporter, ...]:
        """Return the next parties that are proved, in the order of their names; it reads all incidents."""
        proved = select(*reporter.c).where(is_set(reporter.c.is_authenticated), reporter.c.party > after)
        rows = self._connection.execute(proved.order_by(reporter.c.party).limit(most))
        return self._counted([_read(*row) for row in rows])

    def put_reporter(self, one: Reporter) -> None:
        """Write what is known of a party."""
        history = (to_us(one.at), one.left, one.confirmed, one.dismissed)
        self._many.put(reporter, [(*history, one.party.is_authenticated, one.party.name)])

    def forget_history(self, party: str) -> CountedReporter | None:
        """Forget what was found of the reports of a proved party; return it then, None where there is none.

        How much it has reported of late stays.
        """
        mine = and_(is_set(reporter.c.is_authenticated), reporter.c.party == party)
        self._connection.execute(update(reporter).where(mine).values(confirmed=0, dismissed=0))
        # Or what is found anew of these cases would be taken off what is not there any more.
        judged = and_(incident.c.party == party, _OF_PROVED, incident.c.judgement.is_not(None))
        self._connection.execute(update(incident).where(judged).values(judgement=None))
        known = self.reporter(Party(party, is_authenticated=True))
        return None if known is None else self._counted([known])[0]

    def judge_reports(self, case: int, judgement: Judgement) -> None:
        """Let what people found of a case count for its reporters, instead of what they found before."""
        mine = and_(incident.c.case == case, incident.c.weight.in_(COUNT))
        for old in Judgement:
            self._count_judged(and_(mine, incident.c.judgement == old), old, -1)
        self._connection.execute(update(incident).where(mine).values(judgement=judgement))
        self._count_judged(mine, judgement, 1)

    def forget_claims(self, before: datetime) -> int:
        """Forget parties in whose name nothing was reported since a moment, and never by themselves."""
        old = and_(~reporter.c.is_authenticated, reporter.c.at < to_us(before))
        return self._connection.execute(delete(reporter).where(old)).rowcount

    def _counted(self, known: Sequence[Reporter]) -> tuple[CountedReporter, ...]:
        counted = (
            select(incident.c.party, func.sum(incident.c.incidents))
            .where(_OF_PROVED, incident.c.party.in_([one.party.name for one in known]))
            .group_by(incident.c.party)
        )
        incidents = {party: int(number) for party, number in self._connection.execute(counted)}
        return tuple(CountedReporter(one, incidents.get(one.party.name, 0)) for one in known)

    def _count_judged(self, which: Any, judgement: Judgement, by: int) -> None:
        column = reporter.c.confirmed if judgement is Judgement.CONFIRMED else reporter.c.dismissed
        is_authenticated = incident.c.weight != Weight.CLAIMED
        parties = select(incident.c.party, is_authenticated).where(which).distinct()
        is_judged = tuple_(reporter.c.party, reporter.c.is_authenticated).in_(parties)
        self._connection.execute(update(reporter).where(is_judged).values({column: column + by}))


def _read(
    at: int, left: float, confirmed: int, dismissed: int, is_authenticated: bool, party: str
) -> Reporter:
    return Reporter(Party(party, bool(is_authenticated)), from_us(at), left, confirmed, dismissed)
