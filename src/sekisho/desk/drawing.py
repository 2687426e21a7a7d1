"""Draws the table of a case for docs/desk-cases.md: `python -m sekisho.desk.drawing` prints it."""

from __future__ import annotations

from collections.abc import Iterator

from sekisho.desk.case_table import TABLE, Rule
from sekisho.desk.case_values import CLOSED, OF_THEMSELVES, State, What

_PEOPLE = frozenset(What) - OF_THEMSELVES


def drawing() -> str:
    """Return the table as a Mermaid drawing of its states, and as a table of all that happens in them."""
    return "\n".join((*_diagram(), "", *_rows())) + "\n"


def _diagram() -> Iterator[str]:
    """Draw each way from a state to another once, with all that leads there."""
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield from (f'    state "{_words(state)}" as {state.name}' for state in State)
    yield f"    [*] --> {State.COLLECTING.name}: report"
    ways: dict[tuple[State, State], dict[str, None]] = {}
    for rule in TABLE:
        if rule.to is not rule.state:
            ways.setdefault((rule.state, rule.to), {})[rule.event.value] = None
    for (begin, end), events in ways.items():
        yield f"    {begin.name} --> {end.name}: {', '.join(events)}"
    yield from (f"    {state.name} --> [*]" for state in State if state in CLOSED)
    yield "```"


def _rows() -> Iterator[str]:
    yield "| in | what happens | then | what is done |"
    yield "| --- | --- | --- | --- |"
    for state in State:
        for rule in (rule for rule in TABLE if rule.state is state):
            yield f"| {_words(rule.state)} | {_event(rule)} | {_words(rule.to)} | {_done(rule)} |"


def _event(rule: Rule) -> str:
    event = f"**{rule.event}**" if rule.event in _PEOPLE else str(rule.event)
    return f"{event}: {rule.guard}" if rule.guard else event


def _done(rule: Rule) -> str:
    return "; ".join(rule.effects) or "nothing"


def _words(state: State) -> str:
    return state.value.replace("-", " ")


if __name__ == "__main__":
    print(drawing(), end="")
