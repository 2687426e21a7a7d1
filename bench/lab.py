"""The laboratory's figures: spam under a cap of 2 and a delay of 5 s, and honest mail beside it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bench import programs
from bench.rows import Row, at_most

_FIGURES: Final = programs.BUILD / "lab.json"
_MEASURED: Final = (0, 1)  # exit status: as wanted, not as wanted
_SECONDS: Final = 90


def measure() -> Iterator[Row]:
    """Run the laboratory and take its figures."""
    _FIGURES.unlink(missing_ok=True)
    sekisho = Path(sys.executable).with_name("sekisho")
    command = (sekisho, "lab", "run", "--seconds", str(_SECONDS), "--json", _FIGURES)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in _MEASURED or not _FIGURES.exists():
        raise RuntimeError(f"the laboratory did not run: {done.stderr.strip() or done.stdout.strip()}")
    yield from judge(json.loads(_FIGURES.read_text(encoding="utf-8")))


def judge(figures: dict[str, Any]) -> Iterator[Row]:
    """Give the rows of a laboratory's JSON (docs/lab.md)."""
    phases = {phase["name"]: phase for phase in figures["phases"]}
    observe, enforce = phases["observe"]["spam"], phases["enforce"]["spam"]
    limit = phases["enforce"]["limit"]
    yield Row("laboratory, observe: spam", observe["messages_per_minute"], "messages/min")
    name = f"laboratory, cap {limit['cap']}, delay {limit['delay']}: spam"
    yield Row(name, enforce["messages_per_minute"], "messages/min")
    yield Row(f"{name}, by N/(D+T)", enforce["arithmetic_per_minute"], "messages/min")
    yield at_most(f"{name}, of observe", enforce["share_of_observe"] * 100, "%", 5)
    share = enforce["arithmetic_per_minute"] / observe["messages_per_minute"]
    yield Row(f"{name}, of observe by N/(D+T)", share * 100, "%")
    yield at_most("laboratory: honest letters failed", figures["letters"]["failed"], "letters", 0)
    yield Row("laboratory: honest letters delivered", figures["letters"]["delivered"], "letters")
    for phase in ("observe", "enforce"):
        seconds = phases[phase]["honest"]["delivery_seconds"]["p50"]
        yield Row(f"laboratory, {phase}: honest delivery, median", seconds, "s")
