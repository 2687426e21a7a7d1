"""Where a daemon keeps what outlives it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sekisho.config import Config

STATE: Final = Path("/var/lib/sekisho")  # where the store is unless the configuration says it


def store_url(config: Config) -> str:
    """Return where the daemon of a configuration keeps its store."""
    return config.kept.url or f"sqlite:///{STATE}/{config.gate.name}.db"
