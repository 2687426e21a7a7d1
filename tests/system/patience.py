"""How long a test waits at most: for what hangs, never for what is slow."""

from __future__ import annotations

import os

_FACTOR = float(os.environ.get("SEKISHO_PATIENCE", "1"))  # of an emulated processor; tests/kernels sets it


def patience(seconds: float) -> float:
    """Return how long to wait where this machine may take that long."""
    return seconds * _FACTOR
