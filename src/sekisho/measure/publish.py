"""The one way out for statistics: a table in, what of it may be shown out, and what to remember.

    shown, ledger = publish(table, ledger, Rules(), zone)

What was published stays: the same cell is answered alike for ever, and every later table is judged together
with all before it that have anything to do with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sekisho.measure.cells import (
    Cell,
    Identity,
    Ledger,
    Place,
    Published,
    Secret,
    Shape,
    Table,
    identity,
    places,
    with_totals,
)
from sekisho.measure.feasible import ContradictionError, Knowledge
from sekisho.measure.judge import NotPublishableError, check_table, equations_of, related_to, told
from sekisho.measure.rules import Rules, is_few
from sekisho.measure.suppress import ExposedError, Grid, suppress
from sekisho.measure.windows import Window


class Shown(NamedTuple):
    """A table as it may be seen: None: suppressed, for whatever reason."""

    statistic: str
    window: Window
    shape: Shape
    cells: Mapping[Place, int | None]


def publish(table: Table, ledger: Ledger, rules: Rules, zone: ZoneInfo) -> tuple[Shown, Ledger]:
    """Return what of a table may be shown, and the ledger that remembers it.

    Raises NotPublishableError; then nothing of it may be shown, and the ledger stays.
    """
    check_table(table, zone)
    one = Published(table.statistic, table.window, table.shape)
    places_of = {at: identity(*one, at) for at in places(table.shape)}
    cells = {places_of[at]: cell for at, cell in with_totals(table).items()}
    if one in ledger.shapes:
        states = {each: ledger.cells[each] for each in cells}
        _check_same(cells, states)
    else:
        related = related_to(one, ledger, zone)
        before = {each: ledger.cells[each] for other in related for each in _identities(other)}
        of_places = {at: cells[each].value for at, each in places_of.items()}
        grid = Grid(table.shape, {each: at for at, each in places_of.items()}, of_places)
        states = _judged(grid, cells, before, Knowledge(equations_of({*related, one}, zone), {}), rules)
    seen = {
        at: None if isinstance(state := states[each], Secret) else state for at, each in places_of.items()
    }
    remembered = {**ledger.cells, **{each: states[each] for each in cells}}
    return Shown(*one, seen), Ledger(remembered, ledger.shapes | {one})


class Released(NamedTuple):
    """What is shown of a table; `differs`: something else is counted now than when it was published."""

    shown: Shown
    ledger: Ledger
    differs: bool


def release(table: Table, ledger: Ledger, rules: Rules, zone: ZoneInfo) -> Released:
    """Publish a table, or show one that was published before as it was then: the first stays.

    Raises NotPublishableError as `publish` does.
    """
    one = Published(table.statistic, table.window, table.shape)
    if one not in ledger.shapes:
        return Released(*publish(table, ledger, rules, zone), differs=False)
    states = {at: ledger.cells[identity(*one, at)] for at in places(one.shape)}
    shown = {at: None if isinstance(state, Secret) else state for at, state in states.items()}
    now = with_totals(table)
    differs = any(count not in (None, now[at].value) for at, count in shown.items())
    return Released(Shown(*one, shown), ledger, differs)


def _judged(
    grid: Grid,
    cells: Mapping[Identity, Cell],
    before: Mapping[Identity, int | Secret],
    knowledge: Knowledge,
    rules: Rules,
) -> dict[Identity, int | Secret]:
    """Return what becomes of all cells, new ones and those that were published before."""
    _check_same(cells, before)
    new: dict[Identity, int | Secret] = {
        one: Secret.FEW if is_few(cell, rules) else cell.value
        for one, cell in cells.items()
        if one not in before
    }
    states = {**before, **new}
    secret = {one: state for one, state in states.items() if isinstance(state, Secret)}
    knowledge.known = {one: state for one, state in states.items() if not isinstance(state, Secret)}
    try:
        knowledge.check()
        found = suppress(grid, secret, before, knowledge, rules)
    except ExposedError:
        raise NotPublishableError(
            "what was published before would give away a cell of few lines: leave this table out"
        ) from None
    except ContradictionError as error:
        raise NotPublishableError(
            "the table does not add up with what was published before: count both in the same way"
        ) from error
    return {**states, **found}


def _check_same(cells: Mapping[Identity, Cell], before: Mapping[Identity, int | Secret]) -> None:
    """Refuse to show another number for what was shown: the difference may be one line's."""
    for one, cell in cells.items():
        shown = before.get(one, cell.value)
        if not isinstance(shown, Secret) and shown != cell.value:
            raise NotPublishableError(
                f"{told(one)} was published with another number:"
                " the first stays; say in words what was wrong with it"
            )


def _identities(published: Published) -> Iterator[Identity]:
    return (identity(*published, at) for at in places(published.shape))
