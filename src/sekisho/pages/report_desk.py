"""Of a report: what came in at the desk around the trial, and how long it took to act on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sekisho.desk.figures import DeskWeek
from sekisho.pages.report_telling import Rows, Section, Teller
from sekisho.trial.report_values import NotKnown


def desk(tell: Teller) -> Iterator[Section]:
    """Tell what may be seen of the weeks around the trial, where there is a desk."""
    found = tell.report.desk
    if found is None:
        return
    if isinstance(found, NotKnown):
        yield Section(tell.say("desk"), (tell.why(found),))
        return
    warned = (tell.say("desk_differing", count=found.differing),) if found.differing else ()
    said = tell.heads("desk_said", "desk_times", "desk_hidden")
    heads = tell.heads(
        "week", "class", "period", "reports", "cases", "until_stop_request", "until_suspension"
    )
    rows = tuple(_week(tell, one) for one in found.weeks)
    yield Section(tell.say("desk"), warned, said, rows=Rows(heads, rows))


def _week(tell: Teller, one: DeskWeek) -> tuple[str, ...]:
    name, _, number = (one.period or "").partition(" ")
    period = tell.say(f"period_{name}", number=number) if name else ""
    numbers = _count(tell, one.reports), _count(tell, one.cases)
    taken = _bins(tell, one.until_stop_request), _bins(tell, one.until_suspension)
    return tell.voice.day(one.begin), one.class_name, period, *numbers, *taken


def _bins(tell: Teller, counts: Mapping[str, int | None]) -> str:
    return " / ".join(_count(tell, one) for one in counts.values())


def _count(tell: Teller, number: int | None) -> str:
    return "–" if number is None else tell.voice.number(number)
