"""Which caps would have met how many lines, on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from sekisho.cli.common import fail, print_json
from sekisho.config import Config
from sekisho.daemon.state import store_url
from sekisho.measure.judge import NotPublishableError
from sekisho.measure.peaks import CAPS, busiest, lines_met, published
from sekisho.model import Peaks
from sekisho.store import StoreError
from sekisho.store.read_only import reading_only


class Row(NamedTuple):
    """Of a class, in its busiest hour: by cap the least and the most lines that it would have met."""

    class_name: str
    hour: datetime
    met: dict[int, tuple[int, int | None]]


def tell_caps(config: Config, days: int, *, as_json: bool) -> None:
    """Print for each class and cap how many lines had more sessions at once, in the busiest whole hour."""
    now = datetime.now(UTC)
    try:
        with reading_only(store_url(config)) as transaction:
            spans = transaction.active_lines(now - timedelta(days=days), now, config.gate.name)
            hours = [(name, busiest(spans, name)) for name in config.classes]
            rows = [
                _row(transaction.peaks_since(hour.since, config.gate.name), name)
                for name, hour in hours
                if hour is not None
            ]
    except (StoreError, NotPublishableError) as error:
        raise fail(error) from error
    if as_json:
        print_json({"days": days, "classes": [_written(row) for row in rows]})
    elif rows:
        _print(rows)
    else:
        raise fail(
            f"no whole hour with sessions is known of the last {days} days: the daemon counts lines from full"
            " hour to full hour while it keeps a store ([store]); ask again when an hour is over"
        )


def _row(hour: Peaks, name: str) -> Row:
    lines = published(hour, name)
    return Row(name, hour.since, {cap: lines_met(lines, cap) for cap in CAPS})


def _written(row: Row) -> dict[str, object]:
    caps = {str(cap): {"at_least": least, "at_most": most} for cap, (least, most) in row.met.items()}
    return {"class": row.class_name, "hour": row.hour.isoformat(timespec="seconds"), "caps": caps}


def _print(rows: Iterable[Row]) -> None:
    table = Table(title="Lines that had more sessions at once than a cap, in the busiest hour of each class")
    table.add_column("class")
    table.add_column("hour (UTC)")
    for cap in CAPS:
        table.add_column(f"cap {cap}", justify="right")
    for row in rows:
        told = (str(least) if least == most else f">= {least}" for least, most in row.met.values())
        table.add_row(row.class_name, f"{row.hour:%Y-%m-%d %H:%M}", *told)
    console = Console(highlight=False)
    console.print(table)
    console.print("While a cap is enforced no line can have more: ask of hours that were observed.")
    console.print(">=: what is of fewer than 10 lines, or would give such a number away, is not told.")
