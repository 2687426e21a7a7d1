"""One run of the laboratory: build, observe, enforce, raise the cap, measure, and leave nothing behind."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from sekisho.lab import gate, measure, office, processes, programs, receipts, topology
from sekisho.lab.interrupts import Interrupts, interrupts
from sekisho.lab.phases import AFTER_SECONDS, MINIMUM_SECONDS, SETUP_SECONDS, Phase, describe, plan
from sekisho.lab.progress import Screen
from sekisho.lab.topology import LabError, Topology
from sekisho.lab.traffic import Bots, Writers, outstanding

_TICK_SECONDS = 0.1
_COLLECT_SECONDS = 0.5
_RATE_SECONDS = 10.0  # the rates on the screen are those of the last seconds
_BIN_SECONDS = 1.0
_SAID_CHARACTERS = 1_000  # of what a program said last, in an error
_START_SECONDS = 20.0  # what a program may take to start on a busy machine
# Letters under way when the sending ends: Postfix gives a connect 30 s, then its queue is flushed.
_DRAIN_SECONDS = 45.0


@dataclass
class Lab:
    """A built laboratory: what runs in it and what it has recorded."""

    net: Topology
    directory: Path
    stopping: Interrupts
    screen: Screen
    bots: Bots
    writers: Writers
    servers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    arrived: list[receipts.Receipt] = field(default_factory=list)
    collected: float = 0.0  # monotonic

    @property
    def config(self) -> Path:
        """The gate's config file."""
        return self.directory / "sekisho.toml"

    def sink(self, sink: programs.Sink) -> Path:
        """Name the directory of a receiver's messages."""
        return self.directory / "sinks" / sink.name

    def log(self, name: str) -> Path:
        """Name the file of what a program says."""
        return self.directory / f"{name}.log"

    def serve(self, name: str, namespace: str, argv: Sequence[str]) -> None:
        """Start a program that has to run until the end."""
        self.servers[name] = processes.start(namespace, argv, self.log(name))

    def tick(self) -> None:
        """Let everything go on for a moment. Raises LabError when a server has ended."""
        self.stopping.check()
        for name, process in self.servers.items():
            if process.poll() is not None:
                said = self.log(name).read_text(errors="replace")[-_SAID_CHARACTERS:].strip()
                raise LabError(f"{name} ended with status {process.returncode}: {said}")
        self.bots.tick(time.monotonic())
        self.writers.tick(time.time())
        if time.monotonic() - self.collected >= _COLLECT_SECONDS:
            self.collect()
        time.sleep(_TICK_SECONDS)

    def collect(self) -> None:
        """Take in what has arrived."""
        self.collected = time.monotonic()
        lines = topology.line_of_address(self.net)
        for sink in programs.SINKS:
            self.arrived += receipts.collect(self.sink(sink), lines)

    def until(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        """Go on until something is done. Raises LabError, which names it, after `seconds`."""
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                raise LabError(f"{what} within {seconds:g} s on this machine; is it very busy?")
            self.tick()

    def command(self, argv: tuple[str, ...], what: str) -> str:
        """Run a command in the gate's namespace while everything goes on; return its stdout.

        Raises LabError with the command's own message when it fails.
        """
        log = self.log(f"command-{time.monotonic_ns()}")
        process = processes.start(self.net.gate, argv, log)
        self.until(lambda: process.poll() is not None, _START_SECONDS, f"{what} did not end")
        if process.returncode:
            raise LabError(f"{what} failed: {log.read_text().strip()}")
        return processes.stdout_of(log).read_text()

    def reading(self) -> measure.Reading:
        """Read all counters."""
        counts = gate.counts(self.command(gate.status_argv(self.config), "`sekisho gate status`"))
        sinks = (sink for sink in programs.SINKS if sink.name in programs.SPAM_SINKS)
        sessions = sum(receipts.sessions(processes.stdout_of(self.log(sink.name))) for sink in sinks)
        return measure.Reading(time.time(), sessions, counts)


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


def run(seconds: float, screen: Screen) -> measure.Result:
    """Run the laboratory for about `seconds` in all and return its figures.

    Raises LabError, ValueError for too few seconds, Interrupted after a signal; whatever happens,
    nothing is left behind.
    """
    plan(seconds)
    preflight()
    began = time.monotonic()
    with interrupts() as stopping, ExitStack() as stack:
        lab = _lab(stack, stopping, screen)
        try:
            result = _measured(lab, stack, began + seconds)
        finally:
            screen.step("clean up")
    return replace(result, seconds=time.monotonic() - began)


def _measured(lab: Lab, stack: ExitStack, end: float) -> measure.Result:
    """Build the laboratory, go through the phases until about `end` (monotonic), compute the figures."""
    began = time.monotonic()
    _build(lab, stack)
    phases = plan(max(end - time.monotonic() + SETUP_SECONDS, MINIMUM_SECONDS))
    spans, begins = _phases(lab, phases)
    ended = time.time()
    _drain(lab)
    written, failed, etc = lab.writers.letters, lab.writers.failed, lab.writers.postfix
    bots = {bot.line: bot.sessions for bot in programs.BOTS}
    return measure.Result(
        run=lab.net.run,
        seconds=time.monotonic() - began,
        phases=measure.figures(spans, lab.arrived, written, failed, bots),
        letters=measure.letters_in_all(written, lab.arrived, failed, office.log(etc), office.queued(etc)),
        timeline=measure.timeline(lab.arrived, begins, ended, _BIN_SECONDS),
    )


def _lab(stack: ExitStack, stopping: Interrupts, screen: Screen) -> Lab:
    net = topology.topology(secrets.token_hex(3), programs.LINE_NAMES)
    directory = Path(tempfile.mkdtemp(prefix=f"sekisho-lab-{net.run}-"))
    stack.callback(shutil.rmtree, directory)
    directory.chmod(0o755)  # Postfix and the receivers' user look inside
    bots = Bots(net, directory / "bots.log")
    writers = Writers(net, directory / "office" / "etc", directory / "letters.log")
    return Lab(net, directory, stopping, screen, bots, writers)


def _build(lab: Lab, stack: ExitStack) -> None:
    lab.screen.step(f"build the namespaces {lab.net.prefix}-…")
    stack.callback(topology.remove, lab.net)
    stack.callback(_end_all, lab.net)
    topology.build(lab.net, tuple(bot.line for bot in programs.BOTS))
    lab.stopping.check()
    lab.screen.step("start the receivers and the office's Postfix")
    for sink in programs.SINKS:
        directory = lab.sink(sink)
        directory.mkdir(parents=True)
        shutil.chown(directory, programs.SINK_USER)
        lab.serve(sink.name, lab.net.internet, programs.sink_argv(sink, directory))
    etc = office.lay_out(lab.directory / "office")
    lab.serve("postfix", lab.net.line("office").namespace, office.start_argv(etc))
    lab.screen.step("attach the gate")
    _attach(lab, stack)
    lab.until(lambda: office.is_up(etc), _START_SECONDS, "Postfix did not start")


def _end_all(net: Topology) -> None:
    """End whatever runs in the namespaces: all of it is this run's, and Postfix's children too.

    What a dying program has just started is found by looking again, until two looks find nothing.
    """
    deadline = time.monotonic() + _START_SECONDS
    quiet = 0
    while quiet < 2:
        found = processes.inside(net.namespaces)
        quiet = 0 if found else quiet + 1
        processes.end(found)
        if time.monotonic() > deadline:
            raise LabError(f"processes in {net.prefix}-… do not end: {found}; end them by hand")


def _attach(lab: Lab, stack: ExitStack) -> None:
    lab.config.write_text(gate.config(lab.net.run, plan(MINIMUM_SECONDS)[0].limit))
    stack.callback(_detach, lab)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as ready:
        address = lab.directory / "ready"
        ready.bind(str(address))
        argv = ("env", f"NOTIFY_SOCKET={address}", *gate.up_argv(lab.config))
        lab.serve("sekisho gate up", lab.net.gate, argv)
        lab.until(lambda: _told_ready(ready), _START_SECONDS, "the gate was not attached")


def _told_ready(manager: socket.socket) -> bool:
    """Tell whether the gate's daemon has said that it is ready, as it says to systemd (sd_notify(3))."""
    try:
        return b"READY=1" in manager.recv(4096)
    except BlockingIOError:
        return False


def _detach(lab: Lab) -> None:
    """Take the gate down; in the namespace, since a clsact filter lives there."""
    processes.end([lab.servers["sekisho gate up"].pid])
    argv = ("nsenter", f"--net=/run/netns/{lab.net.gate}", "--", *gate.down_argv(lab.config))
    done = subprocess.run(argv, capture_output=True, text=True, check=False, start_new_session=True)
    if done.returncode:
        raise LabError(f"`sekisho gate down` failed: {done.stderr.strip() or done.stdout.strip()}")


def _phases(lab: Lab, phases: tuple[Phase, ...]) -> tuple[list[measure.Span], list[tuple[str, float]]]:
    """Go through the phases; each ends when it was planned to, even if a switch took long."""
    end = time.monotonic()
    lab.bots.start(end)
    lab.writers.start(time.time())
    spans: list[measure.Span] = []
    begins: list[tuple[str, float]] = []
    for phase in phases:
        lab.screen.step(f"{phase.name}: {describe(phase.limit)}")
        began, end = time.monotonic(), end + phase.seconds
        if spans:  # the gate came up with the first phase's limit
            lab.command(gate.set_argv(lab.config, phase.limit), "`sekisho gate set`")
        begins.append((phase.name, time.time()))
        _pass(lab, began, end, time.monotonic() + phase.washout_seconds)
        start = lab.reading()
        _pass(lab, began, end, end)
        spans.append(measure.Span(phase, start, lab.reading()))
    return spans, begins


def _pass(lab: Lab, began: float, end: float, until: float) -> None:
    """Go on until a moment of the phase that lasts from `began` to `end`; all monotonic."""
    while (now := time.monotonic()) < until:
        lab.tick()
        lab.screen.show(now - began, end - began, *measure.rates(lab.arrived, time.time(), _RATE_SECONDS))


def _drain(lab: Lab) -> None:
    """Stop the sending and wait for letters under way; the office's deferred ones are tried again."""
    lab.screen.step("wait for letters under way")
    lab.bots.stop()
    lab.writers.stop()
    deadline = time.monotonic() + _DRAIN_SECONDS
    flushed = False
    while _under_way(lab) and time.monotonic() < deadline:
        lab.tick()
        if not flushed and time.monotonic() > deadline - _DRAIN_SECONDS + AFTER_SECONDS:
            flushed = True
            lab.command(office.flush_argv(lab.writers.postfix), "`postqueue -f`")


def _under_way(lab: Lab) -> bool:
    arrived = {receipt.letter for receipt in lab.arrived if receipt.letter is not None}
    waiting = outstanding(lab.writers.letters, arrived, lab.writers.failed)
    return bool(waiting or lab.writers.sending or office.queued(lab.writers.postfix))
