"""Of a report: what came in at the desk around the trial, and how long it took to act on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from sekisho.desk.figures import DeskFigures, DeskWeek, SentInWeek
from sekisho.pages.report_telling import Rows, Section, Teller
from sekisho.trial.report_values import NotKnown

_MEGABYTE: Final = 1_000_000


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
    yield _sent(tell, found)


def _sent(tell: Teller, found: DeskFigures) -> Section:
    """Tell what lines with open cases have sent, of the weeks in which any of it may be seen."""
    seen = [(week, one) for week in found.weeks for one in week.sent if one.count is not None]
    if not seen:
        return Section(tell.say("sent"), said=tell.heads("sent_none"))
    heads = tell.heads("week", "class", "period", "stage", "sent_what", "sent_count", "sent_mean")
    rows = tuple(
        (*_of(tell, week), tell.say(f"stage_{one.stage}"), tell.say(one.what), *_sums(tell, one))
        for week, one in seen
    )
    return Section(tell.say("sent"), said=tell.heads("sent_said", "sent_mean_said"), rows=Rows(heads, rows))


def _sums(tell: Teller, one: SentInWeek) -> tuple[str, str]:
    size = _MEGABYTE if one.what == "octets" else 1
    count, mean = ("–" if of is None else tell.voice.number(of / size, 3) for of in (one.count, one.mean))
    return count, mean


def _of(tell: Teller, one: DeskWeek) -> tuple[str, str, str]:
    name, _, number = (one.period or "").partition(" ")
    period = tell.say(f"period_{name}", number=number) if name else ""
    return tell.voice.day(one.begin), one.class_name, period


def _week(tell: Teller, one: DeskWeek) -> tuple[str, ...]:
    numbers = _count(tell, one.reports), _count(tell, one.cases)
    taken = _bins(tell, one.until_stop_request), _bins(tell, one.until_suspension)
    return *_of(tell, one), *numbers, *taken


def _bins(tell: Teller, counts: Mapping[str, int | None]) -> str:
    return " / ".join(_count(tell, one) for one in counts.values())


def _count(tell: Teller, number: int | None) -> str:
    return "–" if number is None else tell.voice.number(number)
