"""What must hold of the units of the switchback, which draw lots of their own."""

from __future__ import annotations

from collections.abc import Iterator

from sekisho.config.draft import Draft
from sekisho.config.problems import Finding, Path, Severity, twice
from sekisho.config.trial_draft import SWITCHBACK, TRIAL
from sekisho.trial.plan import Units
from sekisho.trial.protocol import OF_EQUIPMENT, Outcome

_UNITS: Path = (*SWITCHBACK, "units")
_GATES: Path = (*SWITCHBACK, "gates")


def check_units(draft: Draft) -> Iterator[Finding]:
    """Tell what is wrong with the units."""
    if draft.trial is None or (drawn := draft.trial.switchback) is None:
        return
    if drawn.units is Units.GATES:
        yield from _of_gates(draft, drawn.gates)
        if draft.trial.table is not None and Outcome.BLOCKLIST in draft.trial.table.outcomes:
            place = draft.trial.table.outcomes.index(Outcome.BLOCKLIST)
            what = "a blocklist tells of no gate, so that it has no answer where gates draw lots of their own"
            way_out = f'take it out, or let units be "{Units.TRIAL}" or "{Units.CLASSES}"'
            yield Finding((*TRIAL, "outcomes", place), what, way_out, Severity.WARNING)
    elif drawn.gates and _UNITS not in draft.told:
        what = "gates are named, and draw no lots of their own"
        yield Finding(_GATES, what, f'write units = "{Units.GATES}", or take them out')
    if drawn.units is Units.CLASSES and draft.trial.table is not None:
        for index, outcome in enumerate(draft.trial.table.outcomes):
            if outcome in OF_EQUIPMENT:
                what = f'"{outcome}" is of a whole gate, whose classes are on and off apart'
                way_out = f'take it out, or let units be "{Units.TRIAL}" or "{Units.GATES}"'
                yield Finding((*TRIAL, "outcomes", index), what, way_out)


def _of_gates(draft: Draft, gates: tuple[str, ...]) -> Iterator[Finding]:
    if not gates:
        yield Finding(
            SWITCHBACK,
            "no gate is named that draws for itself",
            'name all, as in: gates = ["tokyo-1", "osaka-1"]',
        )
        return
    yield from twice(((*_GATES, index), name, f'"{name}"') for index, name in enumerate(gates))
    if draft.gate is not None and draft.gate.name not in gates:
        what = f'the gate of this file, "{draft.gate.name}", is none of them, so it would draw no lot'
        yield Finding(_GATES, what, "add it, or let `name` in [gate] be one of them")
    if draft.store is None or draft.store.url is None or draft.store.url.startswith("sqlite:"):
        what = "each gate has a store of its own, and a report tells what one store has"
        way_out = "let `url` in [store] name one PostgreSQL database for all of them"
        yield Finding(_GATES, what, way_out, Severity.WARNING)
