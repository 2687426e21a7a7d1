"""Lines and sources that follow another configuration: neither keeps the other from it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from sekisho.config import Config
from sekisho.daemon.line_keeper import LineKeeper
from sekisho.daemon.lines_at_work import LinesAtWork
from sekisho.daemon.sources import Sources
from sekisho.gate import GateError
from sekisho.store import StoreError

OTHER = cast(Config, object())


class Following:
    """Notes who follows, and fails as told."""

    def __init__(self, name: str, followed: list[str], fault: Exception | None) -> None:
        self.name, self.followed, self.fault = name, followed, fault

    def follow(self, config: Config) -> None:
        assert config is OTHER
        self.followed.append(self.name)
        if self.fault is not None:
            raise self.fault


@pytest.mark.parametrize("fault", [None, StoreError("away"), GateError("ended")])
def test_clients_follow_before_lists_and_lists_whatever_becomes_of_clients(fault: Exception | None) -> None:
    followed: list[str] = []
    keeper: Any = Following("lists", followed, fault if isinstance(fault, StoreError) else None)
    sources: Any = Following("clients", followed, fault if isinstance(fault, GateError) else None)
    LinesAtWork(cast(LineKeeper, keeper), cast(Sources, sources)).follow(OTHER)
    assert followed == ["clients", "lists"]
