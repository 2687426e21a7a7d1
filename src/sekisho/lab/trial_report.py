"""What a compressed trial found, as a table, a chart and JSON beside its report. Pure: text from values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import timedelta
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sekisho.durations import format_ms
from sekisho.lab import gate
from sekisho.lab.report import bars, merged
from sekisho.lab.trial_effect import Change, Compared, paired
from sekisho.lab.trial_result import TrialResult
from sekisho.lab.trial_words import say
from sekisho.model import Limit
from sekisho.pages.terminal import report_parts
from sekisho.pages.voice import Language, Voice
from sekisho.trial.estimate import Estimate
from sekisho.trial.plan import Arm, count_pairs, holds, smallest_p
from sekisho.trial.report_values import NotKnown
from sekisho.trial.report_written import written_report

_CHART_MARGIN = 20  # label and scale beside the chart
_MS = timedelta(milliseconds=1)


def render(result: TrialResult, language: Language, width: int) -> Iterator[RenderableType]:
    """Lay out the report, and below it what only the laboratory can see; `width`: of the terminal."""
    yield from report_parts(result.report, language)
    yield _title(result, language)
    yield _table(result, language)
    yield from _chart(result, language, width)
    yield ""
    for line, holds_so in verdicts(result, language):
        yield Text(line, style="green" if holds_so else "bold red")


def verdicts(result: TrialResult, language: Language) -> Iterator[tuple[str, bool]]:
    """Say what the limit did, and whether that is what is wanted."""
    spam = result.effect.spam
    limit = _limit(result.trial.switchback.on[0][1], language)
    if spam.change is None:
        yield say(language, "no_effect", limit=limit, pairs=spam.pairs), False
    else:
        change, interval = f"{spam.change.by:+.1f} %", _interval(spam.change, " %")
        yield say(language, "effect", limit=limit, change=change, interval=interval), result.effect_holds
    tested = _primary(result)
    if tested is not None and tested.p is not None:
        least = smallest_p(tested.pairs)
        yield say(language, "p", p=tested.p, pairs=tested.pairs, least=least), result.effect_holds
    yield say(language, "letters", **asdict(result.letters)), result.honest_holds


def as_json(result: TrialResult) -> dict[str, Any]:
    """Give all figures under the keys of docs/lab.md."""
    plan, drawn = result.trial.plan, result.trial.switchback
    limit = asdict(drawn.on[0][1])
    limit["delay"] = format_ms(limit.pop("delay_ms"))
    return {
        "run": result.run,
        "seconds": result.seconds,
        "limit": limit,
        "block_seconds": drawn.block.total_seconds(),
        "washout_seconds": drawn.washout.total_seconds(),
        "pairs": count_pairs(plan),
        "seed": drawn.seed,
        "lots": [str(block.arm) for block in paired(plan, gate.CLASS)],
        "digest": result.trial.version.digest,
        "effect": {key: _plain(one) for key, one in _compared(result).items()},
        "letters": asdict(result.letters),
        "timeline": {
            "bin_seconds": result.timeline.bin_seconds,
            "spam": list(result.timeline.spam),
            "honest": list(result.timeline.honest),
        },
        "report": written_report(result.report),
        "holds": {"effect": result.effect_holds, "honest": result.honest_holds},
    }


def _plain(one: Compared) -> dict[str, Any]:
    found = asdict(one)
    if one.change is not None:
        found["change"] = {key: value if isfinite(value) else None for key, value in found["change"].items()}
    return found


def _compared(result: TrialResult) -> Mapping[str, Compared]:
    effect = result.effect
    return {"spam": effect.spam, "delivery": effect.delivery, "refused": effect.refused, "held": effect.held}


def _title(result: TrialResult, language: Language) -> Text:
    drawn, voice = result.trial.switchback, Voice(language, ZoneInfo(result.report.zone))
    block, washout = (voice.duration(one // _MS) for one in (drawn.block, drawn.washout))
    pairs = count_pairs(result.trial.plan)
    return Text("\n" + say(language, "title", pairs=pairs, block=block, washout=washout), style="bold")


def _table(result: TrialResult, language: Language) -> Table:
    table = Table(box=SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for head in ("off", "on", "change", "interval"):
        table.add_column(say(language, head), justify="right", no_wrap=True)
    units = {"spam": " %", "delivery": " s"}
    for key, one in _compared(result).items():
        unit = units.get(key, "")
        change = interval = "–"
        if one.change is not None:
            change, interval = f"{_signed(one.change.by)}{unit}", _interval(one.change, unit)
        table.add_row(say(language, key), _number(one.off), _number(one.on), change, interval)
    return table


def _chart(result: TrialResult, language: Language, width: int) -> Iterator[Text]:
    """Draw arrivals a minute, spam and letters each on a scale of its own, over the lots."""
    timeline, plan = result.timeline, result.trial.plan
    merge = 1  # by two, so that a block is a whole number of columns, or a column of blocks
    while -(-len(timeline.spam) // merge) > max(10, width - _CHART_MARGIN):
        merge *= 2
    seconds = merge * timeline.bin_seconds
    column = timedelta(seconds=seconds)
    spam, honest = merged(timeline.spam, merge), merged(timeline.honest, merge)
    arms = [holds(plan, plan.span.begin + (number + 0.5) * column) for number in range(len(spam))]
    marks = "".join("█" if one[gate.CLASS].arm is Arm.ON else "░" for one in arms)
    yield Text(say(language, "chart", seconds=seconds))
    for key, counts, style in (("chart_spam", spam, "red"), ("chart_honest", honest, "green")):
        most = say(language, "up_to", most=f"{max(counts) * 60 / seconds:,.0f}")
        yield Text(f"{say(language, key)} {bars(counts)} {most}", style=style)
    yield Text(f"       {marks}")


def _primary(result: TrialResult) -> Estimate | None:
    """Return the effect on the outcome that was registered as the primary one."""
    found = result.report.experiments
    if isinstance(found, NotKnown):
        return None
    effect = next(one.effect for one in found if one.is_primary)
    return effect if isinstance(effect, Estimate) else None


def _limit(limit: Limit, language: Language) -> str:
    return say(language, "limit", cap=limit.cap, delay=format_ms(limit.delay_ms))


def _interval(change: Change, unit: str) -> str:
    return f"{_signed(change.low)} … {_signed(change.high)}{unit}"


def _signed(value: float) -> str:
    if not isfinite(value):
        return "∞"
    return f"{value:+,.0f}" if abs(value) >= 100 else f"{value:+.1f}"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 or not value else f"{value:.1f}"
