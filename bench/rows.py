"""A row of the bench, and how rows are shown and written."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

_LEAST_WIDTH: Final = 120  # a terminal that is narrower breaks the lines itself


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; `wanted` is empty and `holds` None where it is only shown."""

    name: str
    value: float
    unit: str
    wanted: str = ""
    holds: bool | None = None


def at_least(name: str, value: float, unit: str, bound: float) -> Row:
    """Judge a figure that is good when high."""
    return Row(name, value, unit, f">= {bound:g}", value >= bound)


def at_most(name: str, value: float, unit: str, bound: float) -> Row:
    """Judge a figure that is good when low."""
    return Row(name, value, unit, f"<= {bound:g}", value <= bound)


def below(name: str, value: float, unit: str, bound: float) -> Row:
    """Judge a figure that has to stay below a bound."""
    return Row(name, value, unit, f"< {bound:g}", value < bound)


def above(name: str, value: float, unit: str, bound: float) -> Row:
    """Judge a figure that has to exceed a bound."""
    return Row(name, value, unit, f"> {bound:g}", value > bound)


def write(rows: Iterable[Row], path: Path) -> None:
    """Write rows as a JSON list."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")


def show(title: str, rows: Iterable[Row]) -> None:
    """Print rows as a table."""
    table = Table("figure", title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in ("value", "unit", "wanted", "holds"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for row in rows:
        holds = {None: "", True: "yes", False: "[bold red]NO"}[row.holds]
        table.add_row(row.name, _number(row.value), row.unit, row.wanted, holds)
    Console(width=max(Console().width, _LEAST_WIDTH)).print(table)


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
