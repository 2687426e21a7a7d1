"""Fixtures of the system tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from tests.system.internet import Internet
from tests.system.layouts import routed as routed_internet
from tests.system.lines_scene import Scene, lines_scene
from tests.system.netns import Net, network
from tests.system.road import Build, Layout, Road, bridged, routed
from tests.system.sessions import Clients
from tests.system.syns import wire
from tests.system.tap import Tap, tap


@pytest.fixture
def net() -> Iterator[Net]:
    """Namespaces that are gone after the test."""
    with network() as made:
        yield made


@pytest.fixture(scope="session")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    """One gate that is up for many tests: a router; each test takes lines of its own."""
    with network() as made:
        scene = routed_internet(made, tmp_path_factory.mktemp("internet"))
        scene.listen()
        try:
            scene.up()
            yield scene
        finally:
            scene.close()


@pytest.fixture
def own_internet(net: Net, tmp_path: Path) -> Iterator[Internet]:
    """A router whose gate is not up yet and belongs to one test."""
    scene = routed_internet(net, tmp_path)
    scene.listen()
    try:
        yield scene
    finally:
        scene.close()


@pytest.fixture(name="lines_scene")
def _lines_scene(net: Net, tmp_path: Path) -> Iterator[Scene]:
    """A daemon that keeps lines, not up yet."""
    with lines_scene(net, tmp_path) as made:
        yield made


def _scene_of(request: pytest.FixtureRequest) -> Internet:
    """The scene of a test is the fixture whose name ends so."""
    (name,) = (one for one in request.fixturenames if one.endswith("internet"))
    scene = request.getfixturevalue(name)
    assert isinstance(scene, Internet)
    return scene


@pytest.fixture
def clients(request: pytest.FixtureRequest) -> Iterator[Clients]:
    """Sessions from the lines of the scene that the test uses."""
    made = Clients(_scene_of(request).lines)
    yield made
    made.close()


@pytest.fixture
def outside(request: pytest.FixtureRequest) -> Iterator[Tap]:
    """The servers' end of the scene: what has passed the gate, and what a server may send."""
    made = tap(_scene_of(request).servers, "eth0")
    yield made
    made.close()


@pytest.fixture
def inside(request: pytest.FixtureRequest) -> Iterator[Tap]:
    """The lines' end of the scene."""
    made = tap(_scene_of(request).lines, "eth0")
    yield made
    made.close()


@pytest.fixture
def build(net: Net, tmp_path: Path) -> Iterator[Build]:
    """Roads with marks and without a hold, taken down after the test."""
    with ExitStack() as stack:
        built = count()

        def make(layout: Layout) -> Road:
            label = f"{next(built)}"
            lines, gate, servers = layout(net, label)
            made = wire(lines, servers, (servers, "gate") if layout is bridged else (gate, "lines"))
            stack.callback(made.close)
            road = Road(gate, made, tmp_path / label)
            road.mark()
            stack.callback(road.gates.close)
            stack.callback(road.stop)
            return road

        yield make


@pytest.fixture
def road(build: Build) -> Road:
    """A gate that routes."""
    return build(routed)
