"""Figures about the desk on the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from sekisho.cli.common import fail
from sekisho.config import Config
from sekisho.desk.figures import DeskFigures
from sekisho.reporting.desk import figures_of
from sekisho.reporting.recorded import Recording
from sekisho.store import StoreError
from sekisho.store.read_only import reading_only

_UNSEEN = "-"


def read_figures(config: Config, file: Path, recording: Recording) -> DeskFigures:
    """Return what may be seen of the desk of a configuration, read from `file`. Raises typer.Exit."""
    if config.desk is None:
        raise fail(f"{file} has no [desk]: docs/desk.md tells how one is written")
    try:
        with reading_only(recording.url) as transaction:
            return figures_of(config, config.desk, transaction, recording)
    except StoreError as error:
        raise fail(error) from error


def figures_text(found: DeskFigures) -> str:
    """Put figures into lines."""
    if not found.is_recorded:
        return (
            "what is shown is recorded first, and that failed: ask again, as somebody who may write the store"
        )
    return "\n".join(_told(found)) or "no week is over whose cases have had their four weeks"


def _told(found: DeskFigures) -> Iterator[str]:
    for one in found.weeks:
        period = "" if one.period is None else f" ({one.period})"
        yield f"week from {one.begin:%Y-%m-%d %H:%M} UTC, {one.class_name}{period}:"
        yield f"  proved reports {_count(one.reports)}, cases opened {_count(one.cases)}"
        yield f"  stop request: {_bins(one.until_stop_request)}"
        yield f"  suspension: {_bins(one.until_suspension)}"
        for each in one.sent:
            mean = "" if each.mean is None else f", {each.mean:,g} a line and hour at most"
            yield f"  {each.what} sent while {each.stage}: {_count(each.count)}{mean}"
    if found.refused:
        yield f"{found.refused} tables would give a line away"
    if found.differing:
        yield f"{found.differing} tables stay as they were shown before, though something else is counted now"


def _bins(counts: Mapping[str, int | None]) -> str:
    return ", ".join(f"{name} {_count(count)}" for name, count in counts.items())


def _count(count: int | None) -> str:
    return _UNSEEN if count is None else f"{count:,}"
