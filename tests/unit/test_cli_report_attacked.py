"""Whoever has two reports of a trial, the table of caps and the desk's figures finds no count of a block."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import ceil, exp, floor, log1p
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from bench import trial_year
from sekisho.cli import app
from sekisho.config.trial_plan import plan_of
from sekisho.measure.rules import Rules
from sekisho.store import open_store
from sekisho.store.moments import to_us
from sekisho.trial.plan import Arm, Block, schedule
from tests.unit.test_cli_trial_report import DAYS, HOUR, put_reports
from tests.unit.test_config_desk import DESK, MAIL

KEPT = MAIL + DESK + 'reports = "3650d"\ncases = "3650d"\n'
MOST_SESSIONS = 40_000
"""In a block, as whoever knows the provider may think."""
OF_FLOATS = 1e-9
CHANGES = ("change_percent", "low_percent", "high_percent")


class Told(NamedTuple):
    """Two reports a pair of blocks apart, what was counted in that pair, and what else is told."""

    earlier: Mapping[str, Any]
    later: Mapping[str, Any]
    truth: Mapping[str, Mapping[Arm, int]]
    caps: Mapping[str, Any]
    weeks: Collection[Mapping[str, Any]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    directory = tmp_path_factory.mktemp("attacked")
    before, after = (_file(directory, name) for name in ("before", "after"))
    trial_year.fill(trial_year.config_of(DAYS, _url(before)), 1)
    plan = plan_of(trial_year.config_of(DAYS, _url(before)))
    assert plan is not None
    blocks = [block for block in schedule(plan) if block.pair is not None]
    last = max(block.pair or 0 for block in blocks)
    pair = [block for block in blocks if block.pair == last]
    _report(before, [block for block in blocks if block.pair != last], 0)
    shutil.copy(before.with_suffix(".db"), after.with_suffix(".db"))
    reported = _report(after, pair, len(blocks))
    tried = _take_out(before, pair)
    return Told(
        _asked(before, "trial", "report"),
        _asked(after, "trial", "report"),
        {"attempts": tried, "reports": reported},
        _caps(after, plan.span.begin),
        _asked(after, "desk", "figures")["weeks"],
    )


def _file(directory: Path, name: str) -> Path:
    file = directory / f"{name}.toml"
    outcomes = 'outcomes = ["attempts", "reports"]\n[trial.switchback]'
    text = trial_year.text_of(DAYS, _url(file)).replace("[trial.switchback]", outcomes)
    file.write_text(text.replace("[trial]", KEPT + "[trial]"))
    return file


def _url(file: Path) -> str:
    return f"sqlite:///{file.with_suffix('.db')}"


def _report(file: Path, blocks: Iterable[Block], first: int) -> dict[Arm, int]:
    """Write some reports about each block, more while off; return how many of the last of each arm."""
    random, reported = Random(first), {}
    with closing(open_store(_url(file))) as store, store.transaction() as transaction:
        for number, block in enumerate(blocks, first):
            reported[block.arm] = random.randrange(2, 12) if block.arm is Arm.ON else random.randrange(4, 20)
            put_reports(transaction, reported[block.arm], block.begin + 2 * HOUR, number)
    return reported


def _take_out(file: Path, pair: Iterable[Block]) -> dict[Arm, int]:
    """Forget what was counted in a pair; return how many sessions that were after the wash-out."""
    found = {}
    with closing(sqlite3.connect(file.with_suffix(".db"), isolation_level=None)) as database:
        for block in pair:
            ends = to_us(block.washout_end or block.begin), to_us(block.end)
            within = "FROM counted_hour WHERE begin >= ? AND begin < ?"
            ((found[block.arm],),) = database.execute(f"SELECT sum(attempted) {within}", ends).fetchall()
            database.execute(f"DELETE {within}", ends)
    return found


def _asked(file: Path, *command: str) -> dict[str, Any]:
    written = file.with_suffix(".json")
    to = ["--json", str(written)] if command[0] == "trial" else ["--json"]
    result = CliRunner().invoke(app, [*command, "--config", str(file), *to])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(written.read_text() if command[0] == "trial" else result.stdout)
    return found


def _caps(file: Path, begin: datetime) -> dict[str, Any]:
    """Ask which caps meet how many lines as if the trial had just ended."""
    later = _file(file.parent, "caps")
    shutil.copy(file.with_suffix(".db"), later.with_suffix(".db"))
    by = ((datetime.now(UTC) - begin) // HOUR - 24 * DAYS) * (HOUR // timedelta(microseconds=1))
    with closing(sqlite3.connect(later.with_suffix(".db"), isolation_level=None)) as database:
        database.execute("UPDATE peak_span SET begin = begin + ?, end = end + ?", (by, by))
    return _asked(later, "gate", "caps", "--days", str(DAYS))


def ratio_of_pair(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> tuple[float, float]:
    """Return what the change in the pair that was added is at least and at most, by all digits of both."""
    ends = [(_sums(one, -1), _sums(one, 1)) for one in (earlier, later)]
    return exp(ends[1][0] - ends[0][1]) - OF_FLOATS, exp(ends[1][1] - ends[0][0]) + OF_FLOATS


def _sums(effect: Mapping[str, Any], side: int) -> float:
    digits = max(-int(Decimal(str(effect[key])).normalize().as_tuple().exponent) for key in CHANGES)
    percent = effect["change_percent"] + side * 0.5 * 10 ** -max(0, digits)
    logarithm: float = effect["pairs"] * log1p(percent / 100)
    return logarithm


def possible(ends: tuple[float, float], least: int, most: int) -> list[int]:
    """Return the counts while off beside which one while on fits; one is added to both before."""
    low, high = ends
    return [
        off
        for off in range(least, most + 1)
        if max(1, ceil(low * (off + 1))) <= min(most + 1, floor(high * (off + 1)))
    ]


@pytest.mark.parametrize("outcome", ["attempts", "reports"])
def test_all_that_is_told_leaves_the_counts_of_a_pair_open(told: Told, outcome: str) -> None:
    earlier, later = (
        next(one["effect"] for one in report["experiments"] if one["outcome"] == outcome)
        for report in (told.earlier, told.later)
    )
    ends, truth = ratio_of_pair(earlier, later), told.truth[outcome]
    assert ends[0] < (truth[Arm.ON] + 1) / (truth[Arm.OFF] + 1) < ends[1]  # the attack is the right one
    least, most = 0, max(one["reports"] or 0 for one in told.weeks)
    if outcome == "attempts":
        (dynamic,) = told.caps["classes"]
        least, most = sum(one["at_least"] for one in dynamic["caps"].values()), MOST_SESSIONS
    found = possible(ends, least, most)
    assert truth[Arm.OFF] in found
    assert len(found) >= max(Rules().fewest, (most - least) / 2)


def test_the_attack_finds_counts_that_are_told_with_all_digits() -> None:
    counts = [(8, 17), (5, 12), (9, 11), (7, 13), (10, 19), (6, 14), (3, 16)]
    logarithms = [log1p((on + 1) / (off + 1) - 1) for on, off in counts]
    earlier, later = (
        dict.fromkeys(CHANGES, 100 * (exp(sum(some) / len(some)) - 1)) | {"pairs": len(some)}
        for some in (logarithms[:-1], logarithms)
    )
    ends = ratio_of_pair(earlier, later)
    assert ends[1] - ends[0] < 3 * OF_FLOATS
    assert possible(ends, 0, 20) == [16]
