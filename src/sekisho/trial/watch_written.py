"""The state of guardrails as a text, which outlasts a restart."""

from __future__ import annotations

import json

from pydantic import TypeAdapter, ValidationError

from sekisho.trial.watching import Watch

_ADAPTER = TypeAdapter(Watch)


def written_watch(watch: Watch) -> str:
    """Write a state."""
    # Not by pydantic's own JSON, which has null for a value beyond what is measured.
    return json.dumps(_ADAPTER.dump_python(watch, mode="json"))


def read_watch(text: str) -> Watch:
    """Read a state. Raises ValueError where it is none of ours."""
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        raise ValueError(f"this is no state of guardrails: {error.error_count()} faults") from error
