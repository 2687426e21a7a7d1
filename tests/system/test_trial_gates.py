"""Two gates that keep one PostgreSQL: what is said at one of them holds in the kernels of both."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sekisho.gate.kernel import read_pinned
from sekisho.model import Limit, Mode
from sekisho.plan import installed_limits
from tests.store.postgres import server
from tests.system.lines_scene import Scene, lines_scene
from tests.system.netns import network
from tests.system.test_trial import CONFIG
from tests.system.waiting import until

UNITS = """\
[trial.switchback]
from = {begin}
to = {end}
block = "30m"
washout = "1m"
seed = 7
units = "gates"
gates = ["{here}", "{there}", "never-there"]
on = {{ cap = 3 }}
"""
HOT = ("--reason", "the router is hot")


@pytest.fixture
def gates(tmp_path: Path) -> Iterator[tuple[Scene, Scene]]:
    """Two machines' gates, not up yet, whose first block began two minutes ago, with lots of their own."""
    with ExitStack() as stack:
        postgres = stack.enter_context(server())
        url = postgres.make_database()
        made = []
        for label in ("here", "there"):
            (tmp_path / label).mkdir()
            net = stack.enter_context(network())
            made.append(stack.enter_context(lines_scene(net, tmp_path / label)))
        here, there = made
        begin = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=2)
        span = {"begin": begin.isoformat(), "end": (begin + timedelta(hours=6)).isoformat()}
        for one in made:
            text = (CONFIG + UNITS).format(name=one.name, store="", here=here.name, there=there.name, **span)
            one.write_text(text, ('url = "sqlite:///"', f'url = "{url}"'))
        yield here, there


def limit(scene: Scene) -> Limit:
    tables, _ = read_pinned(scene.name)
    return installed_limits(tables)["dynamic"]


def told(scene: Scene, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(scene.sekisho("trial", *arguments, "--json").stdout)
    return found


def obeys(answer: dict[str, Any]) -> dict[str, bool]:
    return {one["name"]: one["obeys"] for one in answer["gates"]}


def test_what_is_said_at_one_gate_holds_in_both_kernels_when_it_is_answered(
    gates: tuple[Scene, Scene],
) -> None:
    here, there = gates
    daemons = [one.up() for one in gates]
    planned = [limit(one) for one in gates]
    both = {here.name: True, there.name: True, "never-there": False}
    for _ in range(3):
        assert obeys(told(here, "suspend", *HOT)) == both
        assert [limit(one).mode for one in gates] == [Mode.OBSERVE] * 2
        assert told(there, "status")["suspension"]["reason"] == HOT[1]
        assert obeys(told(there, "resume", *HOT)) == both
        assert [limit(one) for one in gates] == planned
    daemons[1].end(signal.SIGKILL)
    done = here.sekisho("trial", "suspend", *HOT).stdout
    assert f"  {here.name}: obeys\n" in done
    assert f"  {there.name}: not yet, heard last " in done
    assert "  never-there: never heard of: start its daemon" in done
    assert limit(there) == planned[1], "without a daemon the kernel keeps what it has"
    daemons[1] = there.up()
    until(lambda: obeys(told(here, "status")) == both)
    assert limit(there).mode is Mode.OBSERVE
    there.sekisho("gate", "down")
    assert {**both, there.name: False} == obeys(told(here, "status"))
    assert f"  {there.name}: never heard of" in here.sekisho("trial", "status").stdout, "it has left"
    for one in daemons:
        one.end()
