"""Lines by their most sessions at once, with noise, on the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from sekisho.cli.common import fail, print_json
from sekisho.cli.recording import recording_here
from sekisho.config import Config
from sekisho.measure.bins import BINS, SESSIONS_AT_ONCE
from sekisho.measure.judge import NotPublishableError
from sekisho.store import StoreError

if TYPE_CHECKING:
    from sekisho.reporting.private import Released


def tell_private_caps(config: Config, file: Path, epsilon: float, *, as_json: bool) -> None:
    """Release the counts of the configured hour and print them; `config`: of `file`. Raises typer.Exit."""
    if config.private is None:
        raise fail(f"{file} has no [private]: write `budget` and `hour` into it (docs/publishing.md)")
    try:
        from sekisho.measure.private import DELTA, margin  # noqa: PLC0415 - is optional
        from sekisho.reporting.private import release_peaks  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "opendp":
            raise
        raise fail("--private needs OpenDP: install it by `pip install 'sekisho[private]'`") from error
    try:
        found = release_peaks(config, config.private, epsilon, recording_here(config))
    except (StoreError, NotPublishableError) as error:
        raise fail(error) from error
    told = _written(found, config.private.budget, DELTA, margin(found.kept.release.epsilon))
    if as_json:
        print_json(told)
    else:
        _print(told)


def _written(found: Released, budget: float, delta: float, margin: int) -> dict[str, Any]:
    kept, release = found.kept, found.kept.release
    return {
        "statistic": release.statistic,
        "hour": release.window.begin.isoformat(timespec="seconds"),
        "classes": [{"class": name, "lines": lines} for name, lines in _by_class(release.counts)],
        "epsilon": release.epsilon,
        "delta": delta,
        "margin_95": margin,
        "spent": found.spent,
        "budget": budget,
        "released_at": kept.at.isoformat(timespec="seconds"),
        "by": kept.by,
    }


def _by_class(counts: Mapping[tuple[str, ...], int]) -> Iterator[tuple[str, dict[str, int]]]:
    for name in dict.fromkeys(name for name, _ in counts):
        yield name, {peak: counts[name, peak] for peak in BINS[SESSIONS_AT_ONCE]}


def _print(told: Mapping[str, Any]) -> None:
    table = Table(title=f"{told['statistic']}, hour from {told['hour']}, with noise")
    table.add_column("class")
    for peak in BINS[SESSIONS_AT_ONCE]:
        table.add_column(peak, justify="right")
    for one in told["classes"]:
        table.add_row(one["class"], *map(str, one["lines"].values()))
    console = Console(highlight=False)
    console.print(table)
    console.print(
        f"epsilon {told['epsilon']:g}, delta {told['delta']:g};"
        f" 19 of 20 counts are at most {told['margin_95']} from the true one."
    )
    console.print(f"Of the budget of {told['budget']:g} an epsilon of {told['spent']:g} is spent.")
    console.print(f"Released {told['released_at']} by {told['by']}: this hour is told alike for ever.")
