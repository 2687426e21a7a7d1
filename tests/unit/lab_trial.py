"""A compressed trial of the laboratory, its counters as a gate would have shown them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from sekisho.config import Config, parse
from sekisho.lab import gate, measure, trial_facts
from sekisho.lab.measure import Letter
from sekisho.lab.receipts import Receipt
from sekisho.lab.trial_effect import effect_of
from sekisho.lab.trial_facts import Trial
from sekisho.lab.trial_layout import OWN, Layout, config
from sekisho.lab.trial_readings import Readings
from sekisho.lab.trial_result import TrialResult
from sekisho.model import ClassCounters
from sekisho.trial.plan import Arm, Plan, holds
from sekisho.trial.registration import Version, register

BEGIN = datetime(2026, 11, 25, 9, 10, tzinfo=UTC)
LAYOUT = Layout(timedelta(seconds=5), pairs=12)
READ_EVERY = timedelta(milliseconds=125)


def text(laid_out: Layout = LAYOUT, begin: datetime = BEGIN, seed: int = 7) -> str:
    """Write the whole configuration."""
    return gate.config("abc", OWN, Path("/tmp/lab")) + config(begin, laid_out, seed)  # noqa: S108 - never made


def read(written: str) -> Config:
    found = parse(written.encode())
    assert found.config is not None
    return found.config


@cache
def trial(change: float = 0.1, laid_out: Layout = LAYOUT, *, registered: bool = True) -> Trial:
    """Return a trial in which `change` times as much is admitted while the limit is on."""
    found = read(text(laid_out))
    protocol = trial_facts.protocol(found)
    plan = protocol.plan
    at = plan.span.begin - timedelta(seconds=1 if registered else -1)
    version = register((), protocol, at)
    assert isinstance(version, Version)
    readings = counted(plan, lambda moment, on: _noisy(moment, 6.0 * (change if on else 1.0)))
    return Trial("lab-abc", found, protocol, version, laid_out.step, readings)


def counted(plan: Plan, admitted: Callable[[datetime, bool], float]) -> Readings:
    """Read the counters over a plan; `admitted`: sessions from one reading to the next."""
    readings, total, refused, held = Readings(), 0.0, 0, 0
    moment = plan.span.begin - READ_EVERY
    while moment <= plan.span.end + READ_EVERY:
        passed = round(total)
        sums = ClassCounters(
            attempted=passed + refused, admitted=passed, refused=refused, held=held, bytes_out=passed * 2_000
        )
        readings.add(moment, sums)
        block = holds(plan, moment).get(gate.CLASS)
        on = block is not None and block.arm is Arm.ON
        total += admitted(moment, on)
        refused += 5 if on else 0
        held += 1 if on else 0
        moment += READ_EVERY
    return readings


def _noisy(moment: datetime, level: float) -> float:
    """Vary a level by a tenth, otherwise in each second."""
    return level * (1 + 0.1 * ((moment.second * 7) % 11 - 5) / 5)


@cache
def result(change: float = 0.1, laid_out: Layout = LAYOUT, *, registered: bool = True) -> TrialResult:
    """Return all that a laboratory finds: as much spam arrives as is admitted, letters wait for the delay."""
    found = trial(change, laid_out, registered=registered)
    plan = found.plan
    begin, end = plan.span.begin.timestamp(), plan.span.end.timestamp()
    readings = found.readings
    receipts = [
        Receipt("bot-1", None, moment.timestamp() - number * 0.01)
        for moment, before, after in zip(
            readings.moments[1:], readings.counts, readings.counts[1:], strict=False
        )
        for number in range(after.admitted - before.admitted)
    ]
    letters = [
        Letter(f"home-{number}", "home", exempt=False, written=begin + number)
        for number in range(int(end - begin))
    ]
    for letter in letters:
        block = holds(plan, datetime.fromtimestamp(letter.written, UTC))[gate.CLASS]
        waited = 1.0 if block.arm is Arm.ON else 0.0
        receipts.append(Receipt("home", letter.name, letter.written + 1.5 + waited))
    made = plan.span.end + timedelta(seconds=5)
    return TrialResult(
        run="abc",
        seconds=150.0,
        trial=found,
        report=trial_facts.report(found, made, "1"),
        effect=effect_of(found, receipts, letters),
        letters=measure.letters_in_all(letters, receipts, set(), "", 0),
        timeline=measure.timeline(receipts, [("trial", begin)], end, laid_out.block.total_seconds() / 4),
    )


def without(found: Trial, begin: datetime, end: datetime) -> Trial:
    """Return a trial in which nothing was read for a while."""
    readings = Readings()
    for moment, counts in zip(found.readings.moments, found.readings.counts, strict=True):
        if not begin <= moment < end:
            readings.add(moment, counts)
    return replace(found, readings=readings)
