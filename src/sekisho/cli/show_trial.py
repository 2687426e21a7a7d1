"""Shows the plan of a trial in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from sekisho.cli.draw_trial import STYLES, by_class, draw_day
from sekisho.cli.trial_words import Language, say
from sekisho.durations import format_ms
from sekisho.model import Limit
from sekisho.trial.plan import (
    ENOUGH_PAIRS,
    Arm,
    Block,
    Plan,
    Switchback,
    Units,
    at_gate,
    count_pairs,
    schedule,
    smallest_p,
    units,
    without_maintenance,
)
from sekisho.trial.protocol import Guardrails, TrialProtocol
from sekisho.trial.walltime import days
from sekisho.trial.written import written_block, written_protocol

_ROWS = (16, 8)  # of a table that is longer: so many at the beginning, so many at the end
_DAYS = (70, 14)
_SMALL_P = "0.000001"  # what is smaller is not written out
_MS = timedelta(milliseconds=1)
_HOUR = timedelta(hours=1)
_MARGIN = 15  # columns before the hours of a day
_HOURS = " " * _MARGIN + "".join(f"{hour:<6}" for hour in range(0, 24, 3))
_T = TypeVar("_T")


def trial_json(protocol: TrialProtocol) -> Mapping[str, Any]:
    """Arrange what `trial plan --json` prints; keys as docs/trial.md has them."""
    plan = protocol.plan
    pairs = count_pairs(plan)
    return {
        **written_protocol(protocol),
        "pairs": pairs,
        "pairs_lost_to_maintenance": _lost(plan),
        "smallest_p": smallest_p(pairs),
        "blocks_in_no_pair": len(_alone(plan)),
        "blocks": [written_block(block) for block in schedule(plan)],
    }


def print_trial(protocol: TrialProtocol, language: Language) -> None:
    """Print a trial: what it is, its blocks, and a drawing of its days."""
    plan = protocol.plan
    blocks = schedule(plan)
    by_second = any(block.begin.second or block.end.second for block in blocks)
    voice = _Voice(language, ZoneInfo(plan.zone), "%Y-%m-%d %H:%M:%S" if by_second else "%Y-%m-%d %H:%M")
    parts = (
        *map(Text, _head(protocol, voice)),
        Text(),
        _table(_rows(blocks), voice),
        *_drawings(plan, voice),
    )
    Console(highlight=False, soft_wrap=True).print(Group(*parts))


@dataclass(frozen=True)
class _Voice:
    """The words of a language and the clock of a zone."""

    language: Language
    zone: ZoneInfo
    clock: str

    def say(self, key: str, **values: object) -> str:
        return say(self.language, key, **values)

    def moment(self, moment: datetime) -> str:
        return moment.astimezone(self.zone).strftime(self.clock)


@dataclass(frozen=True)
class _Row:
    """What classes have at the same time for the same reason; `unit`: what drew it for itself."""

    begin: datetime
    end: datetime
    arm: Arm
    phase: int | None
    pair: int | None
    unit: str | None


def _head(protocol: TrialProtocol, voice: _Voice) -> Iterator[str]:
    plan = protocol.plan
    begin, end = voice.moment(plan.span.begin), voice.moment(plan.span.end)
    yield voice.say("trial", name=plan.name, begin=begin, end=end, zone=plan.zone)
    yield voice.say("classes", names=", ".join(name for name, _ in plan.own))
    if plan.switchback is None:
        yield voice.say("no_switchback")
    else:
        yield from _switchback(plan, plan.switchback, voice)
    if windows := {(one.begin, one.end) for one in schedule(plan) if one.arm is Arm.MAINTENANCE}:
        hours = sum((end - begin for begin, end in windows), timedelta()) / _HOUR
        yield voice.say("maintenance", count=len(windows), hours=round(hours, 2))
    yield voice.say("outcomes", names=", ".join(protocol.outcomes))
    yield _guardrails(protocol.guardrails, voice)
    if (rule := protocol.guardrails.difference) is not None:
        yield voice.say("difference", of=rule.of, harmless=rule.harmless)


def _guardrails(guardrails: Guardrails, voice: _Voice) -> str:
    rate = guardrails.complaints_per_day
    return voice.say(
        "guardrails",
        complaints=voice.say("unwatched") if rate is None else voice.say("rate", rate=rate),
        errors=guardrails.gate_errors,
        bypass=format_ms(guardrails.bypass_ms),
        delay=format_ms(guardrails.delay_p99_ms),
        leases=format_ms(guardrails.leases_ms),
    )


def _switchback(plan: Plan, drawn: Switchback, voice: _Voice) -> Iterator[str]:
    pairs = count_pairs(plan)
    yield voice.say(
        "switchback",
        begin=voice.moment(drawn.span.begin),
        end=voice.moment(drawn.span.end),
        block=format_ms(drawn.block // _MS),
        washout=format_ms(drawn.washout // _MS),
        seed=drawn.seed,
    )
    if drawn.units is not Units.TRIAL:
        yield voice.say(f"units_{drawn.units}", names=", ".join(map(str, units(drawn))))
    p = smallest_p(pairs)
    if pairs < ENOUGH_PAIRS:
        yield voice.say("few_pairs", pairs=pairs, enough=ENOUGH_PAIRS)
    else:
        shown = voice.say("below", bound=_SMALL_P) if p < float(_SMALL_P) else f"{p:.2g}"
        yield voice.say("pairs", pairs=pairs, p=shown)
    yield voice.say("alone", count=len(_alone(plan)), lost=_lost(plan))


def _rows(blocks: Sequence[Block]) -> Mapping[_Row, Mapping[str, Limit]]:
    rows: dict[_Row, dict[str, Limit]] = {}
    for one in blocks:
        row = _Row(one.begin, one.end, one.arm, one.phase, one.pair, one.unit)
        rows.setdefault(row, {})[one.class_name] = one.limit
    return rows


def _table(rows: Mapping[_Row, Mapping[str, Limit]], voice: _Voice) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    has_units = any(row.unit is not None for row in rows)
    for column in ("begin", "end", "arm", *(("unit",) if has_units else ()), "pair", "limits"):
        justify: Literal["left", "right"] = "right" if column == "pair" else "left"
        table.add_column(voice.say(column), justify=justify, no_wrap=column != "limits")
    first, last, left_out = _ends(list(rows.items()), *_ROWS)
    for row, limits in first:
        table.add_row(*_cells(row, limits, voice, has_units=has_units))
    if left_out:
        empty = [""] * (len(table.columns) - 2)
        table.add_row(voice.say("more_rows", count=left_out), *empty, voice.say("all_in_json"))
    for row, limits in last:
        table.add_row(*_cells(row, limits, voice, has_units=has_units))
    return table


def _cells(row: _Row, limits: Mapping[str, Limit], voice: _Voice, *, has_units: bool) -> Sequence[str]:
    arm = "maintenance_arm" if row.arm is Arm.MAINTENANCE else str(row.arm)
    return (
        voice.moment(row.begin),
        _end(row, voice),
        voice.say(arm, number=row.phase),
        *((row.unit or "",) if has_units else ()),
        "" if row.pair is None else str(row.pair),
        _limits(limits, voice),
    )


def _end(row: _Row, voice: _Voice) -> str:
    """Write when a row ends, by the time alone where it is on the day of its begin."""
    begin, end = voice.moment(row.begin).split(), voice.moment(row.end).split()
    return end[1] if begin[0] == end[0] else " ".join(end)


def _limits(limits: Mapping[str, Limit], voice: _Voice) -> str:
    names: dict[str, list[str]] = {}
    for name, limit in limits.items():
        text = voice.say(str(limit.mode), cap=limit.cap, delay=format_ms(limit.delay_ms))
        names.setdefault(text, []).append(name)
    return "; ".join(f"{', '.join(alike)}: {text}" for text, alike in names.items())


def _drawings(plan: Plan, voice: _Voice) -> Iterator[RenderableType]:
    first, last, left_out = _ends(list(days(voice.zone, plan.span.begin, plan.span.end)), *_DAYS)
    for gate, names, blocks in _drawn_apart(plan):
        whose = ", ".join(names) if gate is None else f"{gate}: {', '.join(names)}"
        yield Text(f"\n{whose}\n{_HOURS}")
        yield from (_day(blocks, day, voice) for day in first)
        if left_out:
            yield Text(voice.say("more_days", count=left_out))
        yield from (_day(blocks, day, voice) for day in last)
    yield Text("\n" + voice.say("legend"))


def _drawn_apart(plan: Plan) -> Iterator[tuple[str | None, tuple[str, ...], Sequence[Block]]]:
    """Part the blocks of a plan by the gate that drew them, if gates did, and by classes that look alike."""
    gates = () if plan.switchback is None else plan.switchback.gates
    for gate in gates or (None,):
        for names, blocks in by_class(schedule(plan if gate is None else at_gate(plan, gate))):
            yield gate, names, blocks


def _day(blocks: Sequence[Block], day: date, voice: _Voice) -> Text:
    text = Text(f"{day} {voice.say('weekdays').split()[day.weekday()]}")
    text.pad_right(_MARGIN - text.cell_len)
    for cell in draw_day(blocks, voice.zone, day):
        text.append(cell, style=STYLES.get(cell, "yellow"))
    return text


def _ends(entries: Sequence[_T], first: int, last: int) -> tuple[Sequence[_T], Sequence[_T], int]:
    """Return what is at both ends of many entries, and how many are between."""
    left_out = len(entries) - first - last
    return (entries[:first], entries[-last:], left_out) if left_out > 1 else (entries, (), 0)


def _alone(plan: Plan) -> set[tuple[datetime, datetime, str | None]]:
    return {
        (one.begin, one.end, one.unit)
        for one in schedule(plan)
        if one.pair is None and one.arm in (Arm.ON, Arm.OFF)
    }


def _lost(plan: Plan) -> int:
    return count_pairs(without_maintenance(plan)) - count_pairs(plan)
