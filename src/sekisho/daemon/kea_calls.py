"""Takes what Kea's hook tells: who holds the addresses now decides whose a renewal is."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime

from sekisho.api.line_models import EventsAnswer, KeaCall
from sekisho.lines.events import Heard
from sekisho.lines.kea import Holder, KeaNaming, Report, UnparsableReportError, believed, heard, read_call
from sekisho.model import Address
from sekisho.store import Store


class KeaCalls:
    """A source of leases. `settle` and `take` are the line keeper's; what fails is a StoreError."""

    def __init__(
        self,
        store: Store,
        naming: Callable[[], Sequence[KeaNaming]],
        *,
        settle: Callable[[], object],
        take: Callable[[Sequence[Heard]], object],
        utc: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._utc = utc
        self._store, self._naming, self._settle, self._take = store, naming, settle, take
        self._turn = threading.Lock()  # what one request says of holders is settled before the next asks
        self.counts: Counter[str] = Counter()

    def take_calls(self, calls: Sequence[KeaCall]) -> EventsAnswer:
        """Make durable what calls say; what cannot be read of them is counted, and will not be sent again."""
        unparsable: list[KeaCall] = []
        reports = list(self._reports(calls, unparsable))
        with self._turn:
            self._settle()
            told = heard(reports, self._holders({one.address for one in reports}), self._naming())
            if told:
                self._take(told)
        self.counts.update(taken=len(told), unparsable=len(unparsable))
        return EventsAnswer(taken=len(told), unparsable=len(unparsable))

    def _reports(self, calls: Sequence[KeaCall], unparsable: list[KeaCall]) -> Iterator[Report]:
        """Yield what can be read; the other calls are put aside."""
        naming, now = self._naming(), self._utc()
        for call in calls:
            at, clock_is_wrong = believed(call.at, now)
            if clock_is_wrong:
                self.counts["clock"] += 1
            try:
                reports = read_call(call.event, at, call.variables)
            except UnparsableReportError:
                unparsable.append(call)
                continue
            named = [one for one in reports if any(one.names.get(by) for by in naming)]
            if len(named) < len(reports):
                unparsable.append(call)
            yield from named

    def _holders(self, addresses: Collection[Address]) -> dict[Address, Holder]:
        with self._store.reading() as transaction:
            holdings = transaction.holdings(addresses)
            names = transaction.line_names({one.line for one in holdings.values()})
        return {address: Holder(one.login, names[one.line]) for address, one in holdings.items()}
