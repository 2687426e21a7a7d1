"""`python -m bench.trial`: how often the trial's analysis and guardrails err, by simulation; a year's report.

Trials are made in all cores at once; each is the same whenever it is made. Rows without `wanted` show how
other analyses would do. Exit status: 0 all that is wanted holds, 1 something does not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean, median
from typing import Final

from rich.progress import Progress

from bench import rows, trial_year
from bench.rows import Row
from bench.trial_models import (
    DAY,
    NOISE,
    Trial,
    Truth,
    of_complaints,
    of_days,
    of_differences,
    of_phases,
    of_switchback,
)
from bench.trial_noise import KINDS, of_noise
from bench.trial_units import COMMON, SIZES, WEEKS, Common, of_units

FILE: Final = Path(__file__).parent.parent / "build" / "bench" / "trial.json"
TRIALS: Final = 1_000
PORTION: Final = 25  # trials that a process makes before it tells of it
RHOS: Final = (0.5, 0.9)
LOWER: Final = 0.9  # times as much: -10 %

Found = Sequence[Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Simulation:
    """Trials of one kind; each kind has seeds of its own."""

    trial: Trial
    trials: int


def simulations(trials: int) -> Mapping[str, Simulation]:
    """Return what is simulated; with more trials where a share is judged that lies near its bound."""
    found = {
        "complaints": Simulation(partial(of_complaints, 1.0), 10 * trials),
        "doubled": Simulation(partial(of_complaints, 2.0), 10 * trials),
        "differences": Simulation(of_differences, 10 * trials),
        "drift": Simulation(partial(of_days, 0.05), trials),
        "day blocks": Simulation(partial(of_switchback, Truth(0.9, LOWER, block=DAY)), trials),
        # The noise of the facts taken as what each hour adds to it.
        "wild": Simulation(partial(of_switchback, Truth(0.9, LOWER, NOISE / (1 - 0.9**2) ** 0.5)), trials),
    }
    for rho in RHOS:
        found |= {
            f"harmless {rho}": Simulation(partial(of_switchback, Truth(rho)), 2 * trials),
            f"lower {rho}": Simulation(partial(of_switchback, Truth(rho, LOWER)), trials),
            f"phases {rho}": Simulation(partial(of_phases, Truth(rho, LOWER)), trials // 2),
        }
    for kind in KINDS:
        found |= {
            f"{kind} {times}": Simulation(partial(of_noise, kind, times), trials // 2)
            for times in (1.0, LOWER)
        }
    for words, share in COMMON.items():
        found |= {
            f"{words} {times}": Simulation(partial(of_units, Common(Truth(0.9, times), share)), size)
            for times, size in ((1.0, 2 * trials), (LOWER, trials))
        }
    return found


def measure(trials: int = TRIALS) -> Iterator[Row]:
    """Simulate and judge."""
    found = _simulate(simulations(trials))
    for rho in RHOS:
        yield from _registered(rho, found[f"harmless {rho}"], found[f"lower {rho}"])
    yield from _guardrails(found["complaints"], found["doubled"], found["differences"])
    yield from _others(found)
    for kind in KINDS:
        yield from _noise(kind, found[f"{kind} 1.0"], found[f"{kind} {LOWER}"])
    for words in COMMON:
        name = f"{len(SIZES)} gates as units, {WEEKS} weeks, {words}"
        yield from _judged(name, found[f"{words} 1.0"], found[f"{words} {LOWER}"])


def _registered(rho: float, harmless: Found, lower: Found) -> Iterator[Row]:
    name = f"6 h switchback, sign-flip, rho {rho}"
    yield from _judged(name, harmless, lower)
    for check in ("carry-over", "placebo"):
        yield Row(f"{name}: {check} check, false alarms", _share(harmless, check), "%")


def _judged(name: str, harmless: Found, lower: Found) -> Iterator[Row]:
    yield rows.at_most(f"{name}: false positives", _share(harmless, "rejected"), "%", 6)
    for kind, found in (("no effect", harmless), ("-10 %", lower)):
        covered = _share(found, "covered")
        yield Row(
            f"{name}: coverage of the 95 % interval, {kind}", covered, "%", "93 to 97", 93 <= covered <= 97
        )
    yield rows.at_least(f"{name}: power for -10 %", _share(lower, "rejected"), "%", 90)
    yield Row(f"{name}: median width of the interval", median(one["width"] for one in lower), "% points")


def _guardrails(complaints: Found, doubled: Found, differences: Found) -> Iterator[Row]:
    yield rows.at_most("guardrail of complaints, 2 a day: false stops", _share(complaints, "stopped"), "%", 5)
    days = median(one["days"] for one in doubled)
    yield rows.at_most("guardrail of complaints, 2 a day: a doubling is found, median", days, "days", 6)
    yield rows.at_most("guardrail of daily differences: false stops", _share(differences, "stopped"), "%", 5)


def _others(found: Mapping[str, Found]) -> Iterator[Row]:
    yield Row("t test of differences on each day: false stops", _share(found["differences"], "t test"), "%")
    yield Row("before/after on a drifting series: false positives", _share(found["drift"], "rejected"), "%")
    for rho in RHOS:
        share = _share(found[f"harmless {rho}"], "least squares")
        yield Row(f"6 h switchback, least squares, rho {rho}: false positives", share, "%")
    for rho in RHOS:
        share = _share(found[f"phases {rho}"], "covered")
        yield Row(f"phases, observed, rho {rho}: coverage of the 95 % interval", share, "%")
    yield Row(
        "24 h switchback, sign-flip, rho 0.9: power for -10 %", _share(found["day blocks"], "rejected"), "%"
    )
    wild = _share(found["wild"], "rejected")
    yield Row("6 h switchback, sign-flip, rho 0.9, noise of 0.34: power for -10 %", wild, "%")


def _noise(kind: str, harmless: Found, lower: Found) -> Iterator[Row]:
    name = f"6 h switchback, sign-flip, {kind}"
    yield Row(f"{name}: false positives", _share(harmless, "rejected"), "%")
    yield Row(f"{name}: coverage of the 95 % interval, -10 %", _share(lower, "covered"), "%")
    yield Row(f"{name}: mean of the estimates of -10 %", fmean(one["change"] for one in lower), "%")


def _share(found: Found, key: str) -> float:
    return 100 * fmean(one[key] for one in found)


def _simulate(wanted: Mapping[str, Simulation]) -> Mapping[str, Found]:
    pool = ProcessPoolExecutor(os.cpu_count(), get_context("spawn"))  # the progress bar has a thread
    with pool as processes, Progress(transient=True) as progress:
        portions = {
            name: [
                processes.submit(
                    _portion, simulation.trial, kind, range(first, min(first + PORTION, simulation.trials))
                )
                for first in range(0, simulation.trials, PORTION)
            ]
            for kind, (name, simulation) in enumerate(wanted.items())
        }
        task = progress.add_task("trials", total=sum(simulation.trials for simulation in wanted.values()))
        found: dict[str, list[Mapping[str, float]]] = {name: [] for name in wanted}
        for name, futures in portions.items():
            for future in futures:
                found[name] += future.result()
                progress.update(task, completed=sum(map(len, found.values())))
    return found


def _portion(trial: Trial, kind: int, numbers: range) -> Found:
    return [trial(kind * 1_000_000 + number) for number in numbers]


def main() -> int:
    """Measure, show, write."""
    measured = [*measure(), *trial_year.measure()]
    rows.show("trial", measured)
    rows.write(measured, FILE)
    failing = [row.name for row in measured if row.holds is False]
    for name in failing:
        print(f"bench: does not hold: {name}")
    return 1 if failing else 0


if __name__ == "__main__":
    sys.exit(main())
