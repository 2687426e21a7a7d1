"""A compressed trial: registered, followed by the daemon through blocks of seconds, measured, reported."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

from sekisho.config import Config, parse
from sekisho.lab import gate, measure, postfix, programs, trial_facts
from sekisho.lab.build import GATE_UP, build, lay_out
from sekisho.lab.drain import drain
from sekisho.lab.interrupts import interrupts
from sekisho.lab.laboratory import START_SECONDS, Lab
from sekisho.lab.nas import Nas
from sekisho.lab.progress import Screen
from sekisho.lab.run import preflight
from sekisho.lab.tables import Tables
from sekisho.lab.topology import LabError
from sekisho.lab.trial_effect import effect_of, paired
from sekisho.lab.trial_facts import Trial
from sekisho.lab.trial_layout import (
    LEAD_SECONDS,
    LETTER_SECONDS,
    OWN,
    Layout,
    config,
    first_begin,
    layout,
    lots_drawn,
)
from sekisho.lab.trial_readings import LATE, Readings, pause
from sekisho.lab.trial_result import TrialResult
from sekisho.trial.plan import Block, holds

_TICK = timedelta(milliseconds=100)
_COMMANDS = 6  # that may pass until a trial is registered: loading it, some looks whether it is, the act


def run(seconds: float, seed: int, screen: Screen) -> TrialResult:
    """Run a trial of about `seconds` in all and return what it found.

    Raises LabError, ValueError for too few seconds, Interrupted after a signal; whatever happens,
    nothing is left behind.
    """
    laid_out = layout(seconds)
    preflight()
    began = time.monotonic()
    with interrupts() as stopping, ExitStack() as stack:
        lab = lay_out(stack, stopping, screen)
        try:
            result = _measured(lab, stack, laid_out, seed)
        finally:
            screen.step("clean up")
    return replace(result, seconds=time.monotonic() - began)


def _measured(lab: Lab, stack: ExitStack, laid_out: Layout, seed: int) -> TrialResult:
    nas = build(lab, stack, OWN)
    lab.bots.start(time.monotonic(), *(bot.line for bot in programs.BOTS))
    lab.writers.gap = LETTER_SECONDS
    lab.writers.start(time.time())
    planned = _register(lab, laid_out, seed)
    _follow(lab, nas, planned)
    events = trial_facts.events(_trial(lab, "log"))
    paths = trial_facts.paths(_trial(lab, "status"))
    drain(lab)
    lab.screen.step("take the lines down")
    nas.go_down(programs.LINE_NAMES)
    lab.collect()
    return _result(lab, replace(planned, events=events, paths=paths))


def _register(lab: Lab, laid_out: Layout, seed: int) -> Trial:
    """Bring a trial that begins within seconds into force, and register it. Raises LabError."""
    lab.screen.step("plan and register the trial, while the spam gets going")
    begin = first_begin(laid_out, _now() + timedelta(seconds=_lead_seconds(lab)))
    lab.config.write_text(lab.config.read_text() + config(begin, laid_out, seed))
    read = _config(lab)
    lab.servers[GATE_UP].send_signal(signal.SIGHUP)
    lab.until(lambda: _has_trial(lab), START_SECONDS, "the gate did not take the trial")
    registered = trial_facts.version(_trial(lab, "register"))
    if registered.late:
        raise LabError(
            f"the trial was registered at {registered.registered_at:%H:%M:%S}, after its begin at "
            f"{begin:%H:%M:%S}, and would prove nothing: this machine is too busy; try again when it is not"
        )
    name, protocol = gate.name(lab.net.run), trial_facts.protocol(read)
    lab.screen.say(f"  registered before its begin, SHA-256 {registered.digest}")
    lab.screen.say(f"  seed {seed}, lots (█ on, ░ off): {lots_drawn(paired(protocol.plan, gate.CLASS))}")
    return Trial(name, read, protocol, registered, laid_out.step, Readings())


def _trial(lab: Lab, act: str) -> Mapping[str, Any]:
    """Act on the trial, or ask about it. Raises LabError."""
    answer: Mapping[str, Any] = json.loads(
        lab.command(gate.trial_argv(lab.config, act), f"`sekisho trial {act}`")
    )
    return answer


def _lead_seconds(lab: Lab) -> float:
    """Return how long before its begin a trial is planned: as long as some commands take here and now."""
    began = time.monotonic()
    _has_trial(lab)
    return max(LEAD_SECONDS, _COMMANDS * (time.monotonic() - began))


def _config(lab: Lab) -> Config:
    checked = parse(lab.config.read_bytes())
    if checked.config is None:
        raise AssertionError(f"the laboratory's configuration is a fault of ours: {checked.problems}")
    return checked.config


def _has_trial(lab: Lab) -> bool:
    status: Mapping[str, Any] = json.loads(lab.command(gate.status_argv(lab.config), "`sekisho gate status`"))
    return status["trial"] is not None


def _follow(lab: Lab, nas: Nas, trial: Trial) -> None:
    """Go on until the trial is over; meanwhile a thread reads the gate's counters."""
    span, stopping = trial.plan.span, threading.Event()
    seconds = trial.switchback.washout.total_seconds()
    lab.screen.step("wait for the trial's begin")
    watched = _Watched(lab.screen, trial)
    with ThreadPoolExecutor(1) as readers:
        reader = readers.submit(_read_on, trial, nas.tables, stopping)
        try:
            while (now := _now()) < span.end + LATE and not reader.done():
                lab.tick()
                nas.tick(time.monotonic())
                watched.show(now, measure.rates(lab.arrived, now.timestamp(), seconds))
        finally:
            stopping.set()
    reader.result()


def _read_on(trial: Trial, tables: Tables, stopping: threading.Event) -> None:
    """Read the gate's counters as each cell of the trial ends, and now and then between. Raises OSError."""
    while not stopping.wait(pause(trial.plan.span.begin, trial.step, _now(), _TICK).total_seconds()):
        trial.readings.add(_now(), tables.counters().classes[gate.CLASS, 0])


@dataclass
class _Watched:
    """What the operator sees of the blocks."""

    screen: Screen
    trial: Trial
    told: Block | None = None

    def show(self, now: datetime, rates: tuple[float, float]) -> None:
        """Show how far the trial is, and what went through in the last moments."""
        block = holds(self.trial.plan, now).get(gate.CLASS)
        if block is None:
            return
        if self.told is None:
            self.screen.step("the trial")
        span = self.trial.plan.span
        elapsed, whole = ((moment - span.begin).total_seconds() for moment in (now, span.end))
        self.screen.show(elapsed, whole, *rates)
        if block is not self.told:
            self.told = block
            blocks = paired(self.trial.plan, gate.CLASS)
            number = f"block {blocks.index(block) + 1} of {len(blocks)}"
            self.screen.rename(f"{number}: {block.arm}, pair {block.pair}")


def _result(lab: Lab, trial: Trial) -> TrialResult:
    span, quarter = trial.plan.span, trial.switchback.block.total_seconds() / 4
    letters, failed, etc = lab.writers.letters, lab.writers.failed, lab.writers.postfix
    begins = [(trial.plan.name, span.begin.timestamp())]
    return TrialResult(
        run=lab.net.run,
        seconds=0.0,
        trial=trial,
        report=trial_facts.report(trial, _now(), version("sekisho")),
        effect=effect_of(trial, lab.arrived, letters),
        letters=measure.letters_in_all(letters, lab.arrived, failed, postfix.log(etc), postfix.queued(etc)),
        timeline=measure.timeline(lab.arrived, begins, span.end.timestamp(), quarter),
    )


def _now() -> datetime:
    return datetime.now(UTC)
