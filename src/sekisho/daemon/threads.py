"""The daemon looks at its threads each second: one that has ended by itself ends it."""

from __future__ import annotations

from sekisho.gate import GateError


def require_thread(does: str, is_alive: bool) -> None:
    """Raise GateError where a thread has ended by itself; `does`: its work, as in "reads reports"."""
    if not is_alive:
        raise GateError(f"the thread that {does} has ended, our fault: start the daemon anew")
