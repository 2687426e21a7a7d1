"""One run of the laboratory: build, observe, enforce, raise the cap, measure, and leave nothing behind."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace

from sekisho.lab import gate, lines, measure, postfix, programs
from sekisho.lab.build import build, lay_out
from sekisho.lab.drain import drain
from sekisho.lab.interrupts import interrupts
from sekisho.lab.laboratory import Lab
from sekisho.lab.nas import Nas
from sekisho.lab.phases import MINIMUM_SECONDS, SETUP_SECONDS, Phase, describe, plan
from sekisho.lab.progress import Screen
from sekisho.lab.result import Result
from sekisho.lab.topology import LabError

_RATE_SECONDS = 10.0  # the rates on the screen are those of the last seconds
_BIN_SECONDS = 1.0


@dataclass(frozen=True)
class Passed:
    """A phase that is over: its counted span, when it began, sessions of the line with IPv4 and IPv6.

    `began` in seconds since the epoch; `sessions_at_most` at once, in the span.
    """

    span: measure.Span
    began: float
    sessions_at_most: int


def preflight() -> None:
    """Raise LabError unless this machine and user can run the laboratory."""
    if os.geteuid() != 0:
        raise LabError("the laboratory makes network namespaces: run it as root")
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = sorted({deb for name, deb in programs.PACKAGES.items() if shutil.which(name) is None})
    if missing:
        raise LabError(f"programs of these Debian packages are missing: apt-get install {' '.join(missing)}")
    if not gate.COMMAND.exists():
        raise LabError(f"{gate.COMMAND} is missing: install the package sekisho into this Python")


def run(seconds: float, screen: Screen) -> Result:
    """Run the laboratory for about `seconds` in all and return its figures.

    Raises LabError, ValueError for too few seconds, Interrupted after a signal; whatever happens,
    nothing is left behind.
    """
    plan(seconds)
    preflight()
    began = time.monotonic()
    with interrupts() as stopping, ExitStack() as stack:
        lab = lay_out(stack, stopping, screen)
        try:
            result = _measured(lab, stack, began + seconds)
        finally:
            screen.step("clean up")
    return replace(result, seconds=time.monotonic() - began)


def _measured(lab: Lab, stack: ExitStack, end: float) -> Result:
    """Build the laboratory, go through the phases until about `end` (monotonic), compute the figures."""
    began = time.monotonic()
    nas = build(lab, stack, plan(MINIMUM_SECONDS)[0].limit)
    phases = plan(max(end - time.monotonic() + SETUP_SECONDS, MINIMUM_SECONDS))
    passed = _phases(lab, nas, phases)
    ended = time.time()
    drain(lab)
    accounting = _come_down(lab, nas, passed)
    written, failed, etc = lab.writers.letters, lab.writers.failed, lab.writers.postfix
    bots = {bot.line: bot.sessions for bot in programs.BOTS}
    begins = [(phase.span.phase.name, phase.began) for phase in passed]
    return Result(
        run=lab.net.run,
        seconds=time.monotonic() - began,
        phases=measure.figures([phase.span for phase in passed], lab.arrived, written, failed, bots),
        letters=measure.letters_in_all(written, lab.arrived, failed, postfix.log(etc), postfix.queued(etc)),
        lines=accounting,
        timeline=measure.timeline(lab.arrived, begins, ended, _BIN_SECONDS),
    )


def _come_down(lab: Lab, nas: Nas, passed: list[Passed]) -> lines.Lines:
    """End all logins; return what accounting has done."""
    lab.screen.step("take the lines down")
    known = nas.tables.known_lines()
    nas.go_down(programs.LINE_NAMES)
    line = programs.TWOFOLD
    twofold = (lines.twofold(line, one.span, one.sessions_at_most, lab.arrived) for one in passed)
    return nas.figures(known, tuple(twofold))


def _phases(lab: Lab, nas: Nas, phases: tuple[Phase, ...]) -> list[Passed]:
    """Go through the phases; each ends when it was planned to, unless its switch left too little to count."""
    end = time.monotonic()
    lab.bots.start(end, *(bot.line for bot in programs.BOTS))
    lab.writers.start(time.time())
    passed: list[Passed] = []
    for phase, shortest in zip(phases, plan(MINIMUM_SECONDS), strict=True):
        lab.screen.step(f"{phase.name}: {describe(phase.limit)}")
        began, end = time.monotonic(), end + phase.seconds
        if passed:  # the gate came up with the first phase's limit, and the lines before it
            _reconnect(lab, nas)
            lab.command(gate.set_argv(lab.config, phase.limit), "`sekisho gate set`")
        begins = time.time()
        _pass(lab, nas, began, end, time.monotonic() + phase.washout_seconds)
        start = lab.reading()
        end = max(end, time.monotonic() + shortest.counted_seconds)
        most = _pass(lab, nas, began, end, end)
        passed.append(Passed(measure.Span(phase, start, lab.reading()), begins, most))
    return passed


def _reconnect(lab: Lab, nas: Nas) -> None:
    """Take some lines down and up, with other addresses; a bot does not outlive its line."""
    lab.bots.stop(*programs.RECONNECTING)
    nas.reconnect(programs.RECONNECTING)
    lab.bots.start(time.monotonic(), *programs.RECONNECTING)


def _pass(lab: Lab, nas: Nas, began: float, end: float, until: float) -> int:
    """Go on until a moment of the phase that lasts from `began` to `end`; all monotonic.

    Return the most sessions that the line with IPv4 and IPv6 had at once, looked at after each tick.
    """
    most = 0
    while (now := time.monotonic()) < until:
        lab.tick()
        nas.tick(now)
        most = max(most, nas.sessions(programs.TWOFOLD))
        lab.screen.show(now - began, end - began, *measure.rates(lab.arrived, time.time(), _RATE_SECONDS))
    return most
