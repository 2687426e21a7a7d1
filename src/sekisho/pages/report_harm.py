"""Of a report: what limits did to lines and customers, and what watched over that."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from markupsafe import Markup

from sekisho.pages.charts import bars, path
from sekisho.pages.report_telling import Rows, Section, Teller
from sekisho.trial.guardrails import What as Watched
from sekisho.trial.report_values import GuardrailPath, Harm, NotKnown, Points


def harm(tell: Teller) -> Section:
    """Tell what the limits did to lines and their customers."""
    rows: list[tuple[str, str, str]] = []
    for one in tell.report.harm:
        rows += ((one.class_name, tell.say(key), value) for key, value in _harm(tell, one))
    rows += ((tell.say("all"), tell.say(key), value) for key, value in _harm_of_all(tell))
    known = list(_bars(tell))
    chart = bars(known, tell.say("chart_harm")) if known else None
    heads = tell.heads("class", "what", "value")
    return Section(tell.say("harm"), chart=chart, rows=Rows(heads, tuple(rows)))


def _bars(tell: Teller) -> Iterator[tuple[str, float]]:
    for one in tell.report.harm:
        for key, percent in (
            ("over_cap", one.over_cap_percent),
            ("over_cap_without", one.over_cap_percent_without),
            ("held", one.held_percent),
            ("met_cap_percent", one.met_cap_percent),
        ):
            if not isinstance(percent, NotKnown):
                yield f"{one.class_name}: {tell.say(f'bar_{key}')}", percent


def _harm_of_all(tell: Teller) -> Iterator[tuple[str, str]]:
    reliefs, complaints = tell.report.reliefs_at_least, tell.report.complaints
    told = tell.why(reliefs) if isinstance(reliefs, NotKnown) else tell.say("at_least", count=reliefs)
    yield "reliefs", told
    yield "complaints_entered", _figure(tell, complaints.entered)
    yield "complaints_expected", _figure(tell, complaints.expected)


def _harm(tell: Teller, one: Harm) -> Iterator[tuple[str, str]]:
    yield "caps", tell.why(one.caps) if isinstance(one.caps, NotKnown) else tell.voice.numbers(one.caps)
    delays = one.delays_ms
    yield "delays", tell.why(delays) if isinstance(delays, NotKnown) else tell.voice.durations(delays)
    yield "most_sessions", _figure(tell, one.most_sessions_an_hour)
    yield "over_cap", _share(tell, one.over_cap_percent)
    yield "over_cap_without", _share(tell, one.over_cap_percent_without)
    yield "held", _share(tell, one.held_percent)
    yield "met_cap", _figure(tell, one.met_cap_lines)
    yield "met_cap_percent", _share(tell, one.met_cap_percent)
    yield "would_meet", _figure(tell, one.lines_the_cap_would_meet)
    seen = one.delay_seen_ms
    yield "delay_seen", tell.why(seen) if isinstance(seen, NotKnown) else tell.voice.durations(seen)


def _share(tell: Teller, one: float | NotKnown) -> str:
    return tell.why(one) if isinstance(one, NotKnown) else f"{tell.voice.number(one)} %"


def _figure(tell: Teller, one: float | NotKnown) -> str:
    return tell.why(one) if isinstance(one, NotKnown) else tell.voice.number(one)


def happened(tell: Teller) -> Section:
    """Tell what guardrails saw, what was passed, and what suspended the trial or went wrong."""
    found = tell.report.happened
    warned = []
    for one in found.suspensions:
        end = tell.say("going_on") if one.end is None else tell.voice.moment(one.end)
        text = tell.say("suspended", begin=tell.voice.moment(one.begin), end=end, reason=one.reason)
        warned.append(text + (" " + tell.say("in_block") if one.in_block else ""))
    warned += (
        tell.say("breach", at=tell.voice.moment(at), what=_guardrail(tell, what), reason=why)
        for at, why, what in found.breaches
    )
    if found.clock_jumps:
        warned.append(tell.say("jumps", count=found.clock_jumps))
    if found.followed_late:
        warned.append(tell.say("followed_late", count=found.followed_late))
    if found.unwatched:
        warned.append(tell.say("unwatched", count=found.unwatched))
    said = () if found.breaches else (tell.say("no_breach"),)
    rows = tuple((tell.say(one.what), _path(tell, one)) for one in tell.report.guardrails)
    heads = tell.heads("guardrail", "value")
    drawn = [
        path(_days(tell, one.points), f"{tell.say(one.what)}: {tell.say('chart_path')}")
        for one in tell.report.guardrails
        if not isinstance(one.points, NotKnown)
    ]
    chart = Markup().join(drawn) if drawn else None
    return Section(tell.say("happened"), tuple(warned), said, chart, Rows(heads, rows))


def _guardrail(tell: Teller, what: str) -> str:
    """Name a guardrail, also one that another version of the program knew."""
    return tell.say(what) if what in set(Watched) else what


def _days(tell: Teller, points: Points) -> Points:
    """Return points by the days of the trial's zone, which a chart tells."""
    return tuple((at.astimezone(tell.voice.zone), value, bound) for at, value, bound in points)


def _path(tell: Teller, one: GuardrailPath) -> str:
    if isinstance(one.points, NotKnown):
        return tell.why(one.points)
    _, last, bound = one.points[-1]
    highest = max(value for _, value, _ in one.points)
    most, newest, limit = (_reading(tell, value) for value in (highest, last, bound))
    return tell.say("path", count=len(one.points), highest=most, last=newest, bound=limit)


def _reading(tell: Teller, value: float) -> str:
    return tell.voice.number(value, decimals=3) if isfinite(value) else "∞"
