"""The daemon follows the plan of a trial: boundaries, restarts, suspensions; real kernel, real sessions."""

from __future__ import annotations

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sekisho.api.client import ask
from sekisho.config import parse
from sekisho.config.trial_plan import plan_at_gate
from sekisho.gate.kernel import read_pinned
from sekisho.model import Limit, Mode
from sekisho.plan import installed_limits
from sekisho.trial.plan import Plan, observing
from sekisho.trial.standing import Standing, standing
from tests.system.lines_scene import Scene
from tests.system.waiting import until

CONFIG = """\
[gate]
name = "{name}"
subscriber = ["sub0"]
uplink = ["up0"]
learn = "0s"
[store]
url = "sqlite:///{store}"
[[pool]]
prefix = "100.64.0.0/16"
class = "dynamic"
[class.dynamic]
mode = "enforce"
cap = 9
delay = "0s"
excess = "reset"
[trial]
name = "seconds"
from = {begin}
to = {end}
zone = "Asia/Tokyo"
classes = ["dynamic"]
"""
SWITCHBACK = """\
[trial.switchback]
from = {begin}
to = {end}
block = "2s"
washout = "500ms"
seed = 7
on = {{ cap = 3 }}
"""
PHASE = """\
[[trial.phase]]
from = {begin}
to = {end}
class.dynamic = {{ cap = 1 }}
"""
HOUR = timedelta(hours=1)
LINE = "100.64.0.5"
CAPPED = Limit(Mode.ENFORCE, 1, 0)
REASON = ("--reason", "the router is hot")


@dataclass
class Trial:
    """A scene with a trial that is under way, its daemon not up yet."""

    scene: Scene
    plan: Plan

    def limit(self) -> Limit:
        """Return the limit in the kernel."""
        tables, _ = read_pinned(self.scene.name)
        return installed_limits(tables)["dynamic"]

    def now(self) -> Standing:
        return standing(self.plan, None, datetime.now(UTC))

    def told(self, *arguments: str) -> dict[str, Any]:
        """Run a command about the trial and return what it prints as JSON."""
        found: dict[str, Any] = json.loads(self.scene.sekisho("trial", *arguments, "--json").stdout)
        return found

    def kinds(self) -> list[str]:
        return [one["what"] for one in self.told("log")["events"]]


def trial(scene: Scene, text: str, *changes: tuple[str, str]) -> Trial:
    """Write a configuration with a trial that began an hour ago and ends in another."""
    now = datetime.now(UTC).replace(microsecond=0)
    span = {"begin": (now - HOUR).isoformat(), "end": (now + HOUR).isoformat()}
    whole = (CONFIG + text).format(name=scene.name, store=scene.store, **span)
    scene.write_text(whole, *changes)
    config = parse(scene.file.read_bytes()).config
    assert config is not None
    plan = plan_at_gate(config)
    assert plan is not None
    return Trial(scene, plan)


@pytest.fixture
def seconds(lines_scene: Scene) -> Trial:
    """Blocks of two seconds, on and off by lot."""
    return trial(lines_scene, SWITCHBACK)


@pytest.fixture
def phase(lines_scene: Scene) -> Trial:
    """One session of a line at a time, all the time."""
    return trial(lines_scene, PHASE)


def follow_a_switch(made: Trial) -> timedelta:
    """Wait until the gate is as planned, then until it follows another limit; return how late it did."""
    found: list[Standing] = []

    def is_as_planned() -> bool:
        found.append(made.now())
        return made.limit() == found[-1].limits["dynamic"]

    until(is_as_planned)
    at = before = found[-1]
    while at.limits == before.limits:
        assert at.until is not None
        at = standing(made.plan, None, at.until)
    until(lambda: made.limit() == at.limits["dynamic"])
    assert at.since is not None
    return datetime.now(UTC) - at.since


def test_the_kernels_limit_follows_every_boundary_and_never_before_it(seconds: Trial) -> None:
    daemon = seconds.scene.up()
    assert seconds.told("status")["registration"] == "none", "it runs all the same"
    late = [follow_a_switch(seconds) for _ in range(6)]
    assert min(late) >= timedelta(), "a limit came before its boundary"
    status = seconds.scene.status()["classes"]["dynamic"]
    assert (status["given_by"], status["overridden"], status["file"]["cap"]) == ("trial", False, 9)
    assert status["block"]["arm"] in ("on", "off")
    daemon.end()


def test_a_killed_daemon_that_starts_again_applies_what_holds_then_at_its_gate(lines_scene: Scene) -> None:
    units = f'units = "gates"\ngates = ["osaka", "{lines_scene.name}"]'
    seconds = trial(lines_scene, SWITCHBACK, ("seed = 7", f"seed = 7\n{units}"))
    seconds.scene.up().end(signal.SIGKILL)
    left = seconds.limit()
    until(lambda: seconds.now().limits["dynamic"] != left)
    assert seconds.limit() == left, "the kernel keeps what it has"
    again = seconds.scene.up()
    for _ in range(2):
        assert follow_a_switch(seconds) >= timedelta()
    assert "the file's limit" not in again.end()


def rules(scene: Scene) -> list[str]:
    """Return the rules that fill the queues, with the handles that they got when they came."""
    found = scene.gate.run("nft", "--handle", "list", "ruleset").stdout
    return [line for line in found.splitlines() if "queue num" in line or "NFQUEUE" in line]


def test_another_delay_is_held_from_its_boundary_on(lines_scene: Scene) -> None:
    made = trial(lines_scene, SWITCHBACK, ("cap = 3", 'cap = 3, delay = "100ms"'))
    daemon = lines_scene.up()
    assert (ready := rules(lines_scene))
    for _ in range(3):
        assert follow_a_switch(made) >= timedelta()
        assert rules(lines_scene) == ready, "no rule has to come at a boundary"
        assert lines_scene.status()["hold"]["unheld_delays"] == []
    daemon.end()


def test_a_trial_is_suspended_and_resumed_for_the_next_session(phase: Trial) -> None:
    scene = phase.scene
    daemon = scene.up()
    registered = phase.told("register")
    assert phase.told("status")["registered"]["digest"] == registered["digest"]
    with scene.connect(LINE):
        with pytest.raises(ConnectionRefusedError):
            scene.connect(LINE)
        held = scene.sekisho("gate", "set", "dynamic", "--cap", "2", check=False)
        assert (held.returncode, "suspend it first" in held.stderr) == (1, True)
        assert phase.told("suspend", *REASON)["state"] == "suspended"
        with scene.connect(LINE):
            pass
        daemon.end(signal.SIGKILL)
        daemon = scene.up()
        assert phase.limit().mode is Mode.OBSERVE
        with scene.connect(LINE):
            pass
        assert phase.told("status")["suspension"]["reason"] == REASON[1]
        assert "dynamic: by the trial, suspended" in scene.sekisho("gate", "status").stdout
        scene.sekisho("gate", "set", "dynamic", "--cap", "2")
        assert phase.told("resume", "--reason", "it is cool")["state"] == "running"
        assert phase.limit().cap == 1, "what was set by hand has ended"
        with pytest.raises(ConnectionRefusedError):
            scene.connect(LINE)
    assert [one for one in phase.kinds() if one != "followed-late"] == ["registered", "suspended", "resumed"]
    records = [json.loads(line) for line in scene.sekisho("audit", "log", "--json").stdout.splitlines()]
    acts = [(one["action"], one["reference"]) for one in records if one["action"].startswith("trial ")]
    assert acts == [("trial register", ""), ("trial suspend", REASON[1]), ("trial resume", "it is cool")]
    daemon.end()


def test_the_gate_counts_on_while_a_report_is_made(phase: Trial) -> None:
    scene, tries = phase.scene, 0
    daemon = scene.up()
    with ThreadPoolExecutor(1) as beside:
        report = beside.submit(ask, scene.name, "GET", "/v1/trial/report")
        while not report.done():
            with suppress(ConnectionRefusedError):
                scene.connect(LINE).close()
            tries += 1
            assert scene.status()["classes"]["dynamic"]["attempted"] == tries
    assert (report.result()["name"], tries > 1) == ("seconds", True)
    assert report.result()["registration"]["no_p"] == "not-registered"
    daemon.end()


def test_with_the_store_away_at_the_start_all_is_observed_until_it_is_there(lines_scene: Scene) -> None:
    place = lines_scene.directory / "away"
    made = trial(lines_scene, PHASE, (str(lines_scene.store), str(place / "lines.db")))
    daemon = lines_scene.up()
    assert made.limit() == observing(made.plan.own[0][1])
    suspension = made.told("status")["suspension"]
    assert (suspension["known"], suspension["by"]) == (False, "sekishod")
    place.mkdir()
    until(lambda: made.limit().cap == CAPPED.cap)
    status = made.told("status")
    assert (status["state"], status["suspension"], status["store"]) == ("running", None, "ok")
    assert "counts as suspended and its classes are observed" in daemon.end()


def test_suspended_while_the_store_is_away_is_written_when_it_is_there(lines_scene: Scene) -> None:
    place = lines_scene.directory / "away"
    made = trial(lines_scene, PHASE, (str(lines_scene.store), str(place / "lines.db")))
    daemon = lines_scene.up()
    done = lines_scene.sekisho("trial", "suspend", *REASON)
    assert "warning: this is not durable yet" in done.stderr
    place.mkdir()
    until(lambda: made.told("status")["suspension"]["durable"] is True)
    daemon.end(signal.SIGKILL)
    again = lines_scene.up()
    assert made.limit().mode is Mode.OBSERVE
    assert made.told("status")["suspension"]["reason"] == REASON[1]
    again.end()


def test_a_reload_follows_another_plan(phase: Trial) -> None:
    daemon = phase.scene.up()
    assert phase.limit().cap == 1
    trial(phase.scene, PHASE, ("cap = 1", "cap = 2"))
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: phase.limit().cap == 2)
    daemon.end()
