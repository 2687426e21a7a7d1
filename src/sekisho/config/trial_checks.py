"""What must hold between the values of [trial]."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from sekisho.config.draft import Draft
from sekisho.config.problems import Finding, Path, Severity, dotted, twice
from sekisho.config.rules import cap_beyond, delay_worry
from sekisho.config.trial import ChangeTable, GuardrailsTable, SpanTable, SwitchbackTable, TrialTable
from sekisho.config.trial_draft import (
    GUARDRAILS,
    MAINTENANCE,
    NOTICE,
    PHASES,
    SWITCHBACK,
    TRIAL,
    TrialDraft,
    finish_trial,
)
from sekisho.config.trial_plan import trial_plan
from sekisho.config.trial_units import check_units
from sekisho.durations import format_ms
from sekisho.measure.cells import FEWEST_LINES
from sekisho.model import Mode
from sekisho.trial.plan import (
    ENOUGH_PAIRS,
    Block,
    Plan,
    Span,
    count_pairs,
    schedule,
    smallest_p,
    without_maintenance,
)
from sekisho.trial.protocol import HarmOutcome

MOST_BLOCKS = (
    20_000  # of all classes and gates: 5 years of 6-hour blocks for two; a schedule is made in a second
)
LONGEST_DAYS = 5 * 366
_OF_MANY_LINES = ("pool", "map", "nat")
_DAY_MS = 24 * 3_600_000
_HOUR_S = 3_600
_HOURS_OF_TWO_PARTS = 2


@dataclass(frozen=True)
class _Placed:
    """A span that the trial limits in, the classes that it does so for, and where it stands in the file."""

    path: Path
    span: Span
    classes: frozenset[str]


def check_trial(draft: Draft) -> Iterator[Finding]:
    """Tell what is wrong between the values of [trial] and those of the classes."""
    if draft.trial is None:
        return
    yield from _worries(draft, draft.trial)
    yield from _called(draft, draft.trial)
    yield from _halves(draft.trial.guardrails)
    if draft.trial.table is None:
        return
    found = (*_wrong(draft.trial, draft.trial.table), *check_units(draft))
    yield from found
    yield from _few_lines(draft, draft.trial.table)
    if not any(one.severity is Severity.ERROR for one in found) and _is_readable(draft, draft.trial.table):
        plan = trial_plan(finish_trial(draft.trial), draft.classes)
        if plan.switchback is not None:
            yield from _pairs(plan)
            yield from _hours(plan)


def trial_users(trial: TrialDraft | None) -> Iterator[tuple[Path, str]]:
    """Name the keys that name a class, which there must be."""
    if trial is not None and trial.table is not None:
        for index, name in enumerate(trial.table.classes):
            yield (*TRIAL, "classes", index), name


def trial_delays_ms(trial: TrialDraft | None) -> set[int]:
    """Return the delays that a trial brings beside those of the classes."""
    changes = () if trial is None else (change for _, change in _changes(trial))
    return {change.delay_ms for change in changes if change.delay_ms is not None}


def _changes(trial: TrialDraft) -> Iterator[tuple[Path, ChangeTable]]:
    for index, phase in trial.phases.items():
        for name, change in phase.classes.items():
            yield (*PHASES, index, "class", name), change
    if trial.switchback is not None:
        yield (*SWITCHBACK, "on"), trial.switchback.on


def _worries(draft: Draft, trial: TrialDraft) -> Iterator[Finding]:
    """Tell of limits what would be told of a class's own."""
    for path, change in _changes(trial):
        if draft.gate is not None and change.cap is not None:
            wrong = cap_beyond(change.cap, draft.gate.slots)
            if wrong is not None:
                yield Finding((*path, "cap"), *wrong)
        if change.delay_ms is not None and (worry := delay_worry(change.delay_ms)) is not None:
            yield Finding((*path, "delay"), *worry, Severity.WARNING)
    observed = {name for name, table in draft.classes.items() if table.limit.mode is Mode.OBSERVE}
    for index, phase in trial.phases.items():
        for name, change in phase.classes.items():
            if name in observed and change.mode is None and change != ChangeTable.model_validate({}):
                what = "the class is only observed, so that these values limit nobody"
                way_out = 'add mode = "enforce"'
                yield Finding((*PHASES, index, "class", name), what, way_out, Severity.WARNING)


def _called(draft: Draft, trial: TrialDraft) -> Iterator[Finding]:
    """Tell which classes the notice names that there are not."""
    for language, table in trial.notice.items():
        for name in table.classes:
            if name not in draft.declared:
                way_out = "name one that is declared, or leave it out"
                yield Finding((*NOTICE, language, "classes", name), f'there is no class "{name}"', way_out)


def _is_readable(draft: Draft, table: TrialTable) -> bool:
    """Tell whether there is a plan to be judged."""
    return all(path[:1] != TRIAL for path in draft.told) and all(
        name in draft.classes for name in table.classes
    )


def _halves(table: GuardrailsTable | None) -> Iterator[Finding]:
    """Tell where a difference has no bound, or a bound is of nothing."""
    if table is None or (table.difference is None) == (table.harmless is None):
        return
    if table.harmless is None:
        what = "it is not said which difference is harmless, and while limited more is refused on purpose"
        way_out = "add the percentage points that are tolerated, as in: harmless = 5"
        yield Finding((*GUARDRAILS, "difference"), what, way_out)
    else:
        way_out = f'add what it is of, one of {", ".join(HarmOutcome)}, as in: difference = "refused"'
        yield Finding((*GUARDRAILS, "harmless"), "no difference is named", way_out)


def _wrong(trial: TrialDraft, table: TrialTable) -> Iterator[Finding]:
    zone = ZoneInfo(table.zone)
    yield from _names(trial, table)
    yield from _spans(trial, table, zone)
    yield from _overlaps(tuple(_placed(trial, table, zone)))
    if trial.switchback is not None:
        yield from _switchback(
            trial.switchback, len(table.classes) * max(1, len(trial.switchback.gates)), zone
        )


def _names(trial: TrialDraft, table: TrialTable) -> Iterator[Finding]:
    path = (*TRIAL, "classes")
    if not table.classes:
        yield Finding(path, "no class takes part", 'name those that do, as in ["dynamic"]')
    yield from twice(((*path, index), name, f'"{name}"') for index, name in enumerate(table.classes))
    outcomes = (*TRIAL, "outcomes")
    if not table.outcomes:
        yield Finding(
            outcomes, "the trial would be judged by nothing", "take it out, or name the primary first"
        )
    yield from twice(((*outcomes, index), one, f'"{one}"') for index, one in enumerate(table.outcomes))
    for index, phase in trial.phases.items():
        for name in phase.classes:
            if name not in table.classes:
                what = f'"{name}" is none of the trial\'s classes'
                yield Finding((*PHASES, index, "class", name), what, "add it to `classes` in [trial]")


def _spans(trial: TrialDraft, table: TrialTable, zone: ZoneInfo) -> Iterator[Finding]:
    whole = table.span(zone)
    yield from _order(TRIAL, table, whole)
    if whole.end - whole.begin > timedelta(days=LONGEST_DAYS):
        days = (whole.end - whole.begin).days
        yield Finding((*TRIAL, "to"), f"the trial would last {days:,} days", f"{LONGEST_DAYS:,} are the most")
    for path, inner in _inner(trial):
        span = inner.span(zone)
        yield from _order(path, inner, span)
        for key, is_beyond in (("from", span.begin < whole.begin), ("to", span.end > whole.end)):
            if is_beyond:
                what = "it reaches beyond the trial"
                yield Finding((*path, key), what, "stay between `from` and `to` of [trial]")


def _inner(trial: TrialDraft) -> Iterator[tuple[Path, SpanTable]]:
    yield from (((*PHASES, index), phase) for index, phase in trial.phases.items())
    yield from (((*MAINTENANCE, index), window) for index, window in trial.maintenance.items())
    if trial.switchback is not None:
        yield SWITCHBACK, trial.switchback


def _order(path: Path, table: SpanTable, span: Span) -> Iterator[Finding]:
    if span.end <= span.begin:
        what = f"it ends ({table.end.isoformat()}) before it begins ({table.begin.isoformat()})"
        yield Finding((*path, "to"), what, "let `to` be later than `from`; the day of a date is included")


def _placed(trial: TrialDraft, table: TrialTable, zone: ZoneInfo) -> Iterator[_Placed]:
    for index, phase in trial.phases.items():
        yield _Placed((*PHASES, index), phase.span(zone), frozenset(phase.classes))
    if trial.switchback is not None:
        yield _Placed(SWITCHBACK, trial.switchback.span(zone), frozenset(table.classes))


def _overlaps(placed: tuple[_Placed, ...]) -> Iterator[Finding]:
    """Tell what begins before that before it has ended, once of each."""
    told = set()
    for name in sorted({name for one in placed for name in one.classes}):
        latest: _Placed | None = None
        for one in sorted((one for one in placed if name in one.classes), key=lambda one: one.span.begin):
            if latest is not None and one.span.begin < latest.span.end and one.path not in told:
                told.add(one.path)
                yield Finding(
                    one.path,
                    f'it overlaps with {dotted(latest.path)} for class "{name}"',
                    "let one end before the other begins; the day of a `to` is included",
                )
            if latest is None or one.span.end > latest.span.end:
                latest = one


def _few_lines(draft: Draft, table: TrialTable) -> Iterator[Finding]:
    """Tell of which classes the file lists so few lines, and no pool, that sums are of single ones."""
    if draft.static_list is not None:
        return
    in_pools = {name for path, name in draft.users if path[0] in _OF_MANY_LINES}
    listed = Counter(name for path, name in draft.users if path[0] == "line")
    for index, name in enumerate(table.classes):
        if name not in in_pools and 0 < listed[name] < FEWEST_LINES:
            what = (
                f'no pool and {listed[name]} of the lines that the file lists make up "{name}": '
                "metrics and the store would tell what single lines send"
            )
            way_out = f"let a class of {FEWEST_LINES} lines or more take part"
            yield Finding((*TRIAL, "classes", index), what, way_out, Severity.WARNING)


def _switchback(table: SwitchbackTable, at_once: int, zone: ZoneInfo) -> Iterator[Finding]:
    """Tell what is wrong with the blocks, of which so many are at the same time."""
    block, washout = table.block_ms, table.washout_ms
    if _DAY_MS % block:
        what = f"{format_ms(block)} does not divide a day, so blocks would not stand at times of day"
        yield Finding((*SWITCHBACK, "block"), what, 'write one that does, such as "6h", "8h", "12h" or "1d"')
    if washout >= block:
        what = f"a wash-out of {format_ms(washout)} leaves nothing of a block of {format_ms(block)}"
        yield Finding((*SWITCHBACK, "washout"), what, "write a shorter one, or longer blocks")
    if table.on.mode is Mode.OBSERVE:
        what = "what is on would only be observed, as what is off"
        yield Finding((*SWITCHBACK, "on", "mode"), what, 'write mode = "enforce", or leave it out')
    span = table.span(zone)
    blocks = -((span.begin - span.end) // timedelta(milliseconds=block)) * at_once
    if blocks > MOST_BLOCKS:
        what = f"there would be {blocks:,} blocks of all classes and gates, more than {MOST_BLOCKS:,}"
        yield Finding((*SWITCHBACK, "block"), what, "write longer blocks, or a shorter span")


def _pairs(plan: Plan) -> Iterator[Finding]:
    pairs, planned = count_pairs(plan), count_pairs(without_maintenance(plan))
    if pairs >= ENOUGH_PAIRS:
        return
    way_out = "let the switchback last longer, or its blocks be shorter"
    lost = f" ({planned - pairs} lost to maintenance)" if planned > pairs else ""
    if pairs == 0:
        what = f"there is no pair of blocks of one hour of the day, on workdays or weekend days{lost}"
        yield Finding(SWITCHBACK, what, way_out)
    else:
        what = f"no p-value below {smallest_p(pairs):.3g} can come of {pairs} pairs of blocks{lost}"
        way_out += f": {ENOUGH_PAIRS} pairs can go below 0.05"
        yield Finding(SWITCHBACK, what, way_out, Severity.WARNING)


def _hours(plan: Plan) -> Iterator[Finding]:
    """Tell where blocks have too little for a report, whose cells are hours of the clock."""
    hours = [_whole_hours(block) for block in schedule(plan) if block.pair is not None]
    if not hours or (fewest := min(hours)) >= _HOURS_OF_TWO_PARTS:
        return
    what = "the report compares whole hours, and after its wash-out a block has "
    what += "one, so carry-over is not looked for" if fewest == 1 else "none, so its pair tells nothing"
    way_out = "write longer blocks, or a shorter wash-out"
    yield Finding((*SWITCHBACK, "block"), what, way_out, Severity.WARNING)


def _whole_hours(block: Block) -> int:
    first = block.washout_end or block.begin
    return int(block.end.timestamp() // _HOUR_S + -first.timestamp() // _HOUR_S)
