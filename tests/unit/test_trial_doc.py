"""The examples of docs/trial.md are what the program reads and does."""

from __future__ import annotations

import re
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sekisho.cli.draw_trial import by_class, draw_day
from sekisho.cli.show_trial import trial_json
from sekisho.config.trial_checks import LONGEST_DAYS, MOST_BLOCKS
from sekisho.config.trial_plan import protocol_of
from sekisho.trial.lots import earlier_is_on
from sekisho.trial.plan import schedule
from sekisho.trial.protocol import USUAL, Guardrails, TrialProtocol
from tests.unit.configuring import good
from tests.unit.test_config_trial import CLASSES, config, said

DOC = (Path(__file__).parents[2] / "docs" / "trial.md").read_text()


def documented() -> TrialProtocol:
    plan, settled, _ = re.findall(r"^```toml\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)
    settled = settled.removeprefix("[trial]\n")
    text = plan.replace("\n\n", f"\n{settled}", 1)
    assert said(text) == []
    protocol = protocol_of(config(text))
    assert protocol is not None
    return protocol


def test_the_example_of_units_is_one_that_is_read() -> None:
    plan, _, units = re.findall(r"^```toml\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)
    whole = plan.replace("block ", units.removeprefix("[trial.switchback]\n") + "block ", 1)
    gate = CLASSES.replace("[gate]", '[gate]\nname = "tokyo-1"')
    read = good(f'{gate}[store]\nurl = "postgresql://db.example/sekisho"\n{whole}')
    protocol = protocol_of(read)
    assert protocol is not None
    assert {one.unit for one in schedule(protocol.plan)} == {None, "tokyo-1", "osaka-1"}


def paths(value: Any, path: str = "") -> set[str]:
    """The keys of a JSON value; those under a class or in a limit are not looked at."""
    if isinstance(value, list):
        return set().union(*(paths(one, f"{path}[]") for one in value))
    if not isinstance(value, dict) or path.endswith("limit") or "{class}" in path:
        return {path}
    return set().union(
        *(
            paths(one, f"{path}.{'{class}' if key == 'dynamic' else key}".removeprefix("."))
            for key, one in value.items()
        )
    )


def test_every_key_of_the_json_is_documented_and_there() -> None:
    found = {path.replace(".{class}", "") for path in paths(trial_json(documented()))}
    told = set()
    for row in re.findall(r"^\| (`[a-z].*?) \| .*\|$", DOC.split("trial plan --json`\n")[1], re.MULTILINE):
        first, *others = (name.strip(" `").replace(".{class}", "") for name in row.split(","))
        told |= {first} | {first.rsplit(".", 1)[0] + other for other in others}
    assert found == told - {"blocks[]"}


def test_the_lots_are_verified_as_it_says() -> None:
    rows = re.findall(r"printf '([\w:-]+)' \| sha256sum +# ([0-9a-f]{8})…: 0x(..) is (odd|even)", DOC)
    assert len(rows) == 4
    for text, digest, first, parity in rows:
        seed, *unit, pair = text.split(":")
        whole = sha256(text.encode()).hexdigest()
        assert (whole[:8], whole[:2]) == (digest, first)
        assert earlier_is_on(int(seed), int(pair), *unit) is (parity == "odd")


def test_the_drawing_is_that_of_the_example() -> None:
    plan = documented().plan
    ((_, blocks),) = by_class(schedule(plan))
    drawn = re.findall(r"^(\d{4}-\d\d-\d\d) \w{3} (\S{48})$", DOC, re.MULTILINE)
    assert len(drawn) == 3
    for day, cells in drawn:
        assert draw_day(blocks, ZoneInfo(plan.zone), date.fromisoformat(day)) == cells


def test_the_defaults_are_those_of_the_program() -> None:
    protocol = documented()
    assert protocol.outcomes == USUAL
    assert protocol.guardrails == Guardrails(complaints_per_day=2.0)


def test_the_bounds_are_those_of_the_program() -> None:
    assert (
        f"more than {MOST_BLOCKS:,} blocks of all classes and gates, or more than {LONGEST_DAYS:,} days"
        in DOC
    )
