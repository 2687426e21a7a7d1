"""Fixtures of the system tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system.netns import Net, network


@pytest.fixture
def net() -> Iterator[Net]:
    """Namespaces that are gone after the test."""
    with network() as made:
        yield made
