"""What a limit did in the compressed trial: spam and letters that arrived, sessions refused and held. Pure.

All of it is compared pair by pair by the same test as in the report. None of it was registered, so none has a
p-value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import fmean, median

from sekisho.lab.gate import CLASS
from sekisho.lab.measure import Letter
from sekisho.lab.receipts import Receipt
from sekisho.lab.trial_facts import Trial
from sekisho.lab.trial_readings import Of, Readings, arrived_cells, grid, series
from sekisho.trial.estimate import Estimate, measure
from sekisho.trial.estimate_flips import flip_signs
from sekisho.trial.plan import ENOUGH_PAIRS, Arm, Block, Plan, schedule
from sekisho.trial.series import Series

_MINUTE = timedelta(minutes=1)

Level = Callable[[Block], float | None]
"""What a block had after its wash-out, as so much a minute or each; None: nothing is known of it."""


@dataclass(frozen=True, slots=True)
class Change:
    """By how much the on blocks differ, with the 95 % interval."""

    by: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Compared:
    """The mean of the off blocks and of the on blocks; `change`: None without six pairs."""

    off: float | None
    on: float | None
    pairs: int
    change: Change | None


@dataclass(frozen=True, slots=True)
class Effect:
    """What on blocks and off blocks had; all a minute but for `delivery`.

    `spam`: messages that arrived, the change in per cent. `delivery`: seconds until a letter arrived.
    """

    spam: Compared
    delivery: Compared
    refused: Compared
    held: Compared


def effect_of(trial: Trial, receipts: Sequence[Receipt], letters: Iterable[Letter]) -> Effect:
    """Compare the blocks of a trial."""
    plan, seed = trial.held, trial.seed
    blocks = paired(plan, CLASS)
    spam = sorted(datetime.fromtimestamp(one.at, UTC) for one in receipts if one.letter is None)
    cells = arrived_cells(spam, grid(plan.span.begin, plan.span.end, trial.step), trial.step)
    arrived = series(trial.gate, trial.step, cells)
    reached = {one.letter: one.at for one in receipts if one.letter is not None}
    return Effect(
        spam=compared_in_percent(plan, arrived),
        delivery=compared(blocks, seconds_to_arrive(letters, reached), seed),
        refused=compared(blocks, counted_a_minute(trial.readings, lambda counts: counts.refused), seed),
        held=compared(blocks, counted_a_minute(trial.readings, lambda counts: counts.held), seed),
    )


def compared(blocks: Sequence[Block], level: Level, seed: int) -> Compared:
    """Compare pairs by their differences."""
    pairs = tuple(_by_pair(blocks, level))
    change = None
    if len(pairs) >= ENOUGH_PAIRS:
        found = flip_signs([on - off for on, off in pairs], seed)
        change = Change(found.shift, found.low, found.high)
    return Compared(_mean(off for _, off in pairs), _mean(on for on, _ in pairs), len(pairs), change)


def compared_in_percent(plan: Plan, counted: Series) -> Compared:
    """Compare pairs by the logarithms of what was counted, as the report does; the change is per cent."""
    pairs = tuple(_by_pair(paired(plan, CLASS), arrived_a_minute(counted)))
    effect = measure(plan, CLASS, [counted], registered=False).effect
    change = None
    if isinstance(effect, Estimate):
        change = Change(effect.change_percent, effect.low_percent, effect.high_percent)
    return Compared(_mean(off for _, off in pairs), _mean(on for on, _ in pairs), len(pairs), change)


def paired(plan: Plan, class_name: str) -> tuple[Block, ...]:
    """Return the blocks of a class that are compared."""
    return tuple(one for one in schedule(plan) if one.pair is not None and one.class_name == class_name)


def counted_a_minute(readings: Readings, of: Of) -> Level:
    """Tell what the gate counted in a block, a minute."""

    def level(block: Block) -> float | None:
        count, covered = readings.between(_counted_from(block), block.end, of)
        return count * (_MINUTE / covered) if covered else None

    return level


def arrived_a_minute(series: Series) -> Level:
    """Tell how much arrived in a block, a minute."""

    def level(block: Block) -> float | None:
        first = _counted_from(block)
        cells = [
            cell for cell in series.cells if first <= cell.begin and cell.begin + series.step <= block.end
        ]
        return sum(cell.count for cell in cells) * (_MINUTE / (len(cells) * series.step)) if cells else None

    return level


def seconds_to_arrive(letters: Iterable[Letter], arrived: Mapping[str, float]) -> Level:
    """Tell the median time of letters written in a block, but for those to the exempt server."""
    timed = [
        (letter.written, arrived[letter.name] - letter.written)
        for letter in letters
        if letter.name in arrived and not letter.exempt
    ]

    def level(block: Block) -> float | None:
        first, end = _counted_from(block).timestamp(), block.end.timestamp()
        found = [seconds for written, seconds in timed if first <= written < end]
        return median(found) if found else None

    return level


def _counted_from(block: Block) -> datetime:
    return block.washout_end or block.begin


def _by_pair(blocks: Iterable[Block], level: Level) -> Iterable[tuple[float, float]]:
    """Yield the levels of both blocks of a pair, on and off, where both are known."""
    found: dict[int, dict[Arm, float]] = defaultdict(dict)
    for block in blocks:
        if block.pair is not None and (value := level(block)) is not None:
            found[block.pair][block.arm] = value
    return [(both[Arm.ON], both[Arm.OFF]) for both in found.values() if both.keys() == {Arm.ON, Arm.OFF}]


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return fmean(found) if found else None
