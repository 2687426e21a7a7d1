"""What tests in several modules start from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.kept_lines import Desk, desk_of


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A daemon that keeps lines, on the socket of gate "gate"."""
    with desk_of(tmp_path, monkeypatch) as running:
        yield running
