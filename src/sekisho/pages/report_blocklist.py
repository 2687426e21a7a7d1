"""Of a report: how many addresses came onto blocklists, as somebody entered it."""

from __future__ import annotations

from collections.abc import Iterator

from sekisho.pages.report_telling import Rows, Section, Teller
from sekisho.trial.report_values import NotKnown


def blocklist(tell: Teller) -> Iterator[Section]:
    """Tell what may be seen of each week, and what a list's slowness does to the effect."""
    found = tell.report.blocklist
    if found is None:
        return
    warned: tuple[str, ...] = () if found.because is None else (tell.why(NotKnown(found.because)),)
    if found.differing:
        warned += (tell.say("differing", count=found.differing),)
    rows = tuple(
        (
            tell.voice.day(one.begin),
            one.class_name,
            tell.say("suppressed_cell") if one.count is None else tell.voice.number(one.count),
        )
        for one in found.weeks
    )
    said = tell.heads("blocklist_said", "blocklist_lag", "blocklist_stays")
    heads = tell.heads("week", "class", "blocklist")
    yield Section(tell.say("blocklist_entries"), warned, said, rows=Rows(heads, rows))
