"""A built laboratory: what runs in it, what it has recorded, and how it goes on."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sekisho.lab import gate, measure, processes, programs, receipts, topology
from sekisho.lab.interrupts import Interrupts
from sekisho.lab.progress import Screen
from sekisho.lab.topology import LabError, Topology
from sekisho.lab.traffic import Bots, Writers

START_SECONDS = 60.0  # what a program may take to start on a busy machine
_TICK_SECONDS = 0.1
_COLLECT_SECONDS = 0.5
_SAID_CHARACTERS = 1_000  # of what a program said last, in an error


@dataclass(frozen=True)
class Command:
    """A command that was started, and how errors call it."""

    what: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def has_failed(self) -> bool:
        """Tell whether it has ended, and not well."""
        return bool(self.process.poll())


@dataclass
class Lab:
    """A built laboratory: what runs in it and what it has recorded; `others`: receivers beside the sinks."""

    net: Topology
    directory: Path
    stopping: Interrupts
    screen: Screen
    bots: Bots
    writers: Writers
    servers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    arrived: list[receipts.Receipt] = field(default_factory=list)
    others: list[Callable[[], list[receipts.Receipt]]] = field(default_factory=list)
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

    def write_secret(self, name: str, secret: str) -> None:
        """Write a secret beside the config, where the gate alone reads it."""
        file = self.directory / name
        file.touch(mode=0o600)
        file.write_text(f"{secret}\n")

    def serve(self, name: str, namespace: str, argv: Sequence[str]) -> None:
        """Start a program that has to run until the end."""
        self.servers[name] = processes.start(namespace, argv, self.log(name))

    def check(self) -> None:
        """Raise LabError when a server has ended, Interrupted when somebody wants the run to end."""
        self.stopping.check()
        for name, process in self.servers.items():
            if process.poll() is not None:
                said = self.log(name).read_text(errors="replace")[-_SAID_CHARACTERS:].strip()
                raise LabError(f"{name} ended with status {process.returncode}: {said}")

    def tick(self) -> None:
        """Let everything go on for a moment; what `check` raises."""
        self.check()
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
        for receive in self.others:
            self.arrived += receive()

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
        return self.finish(self.begin(argv, what))

    def begin(self, argv: tuple[str, ...], what: str) -> Command:
        """Start a command in the gate's namespace."""
        log = self.log(f"command-{time.monotonic_ns()}")
        return Command(what, processes.start(self.net.gate, argv, log), log)

    def finish(self, command: Command) -> str:
        """Let everything go on until a command has ended; return its stdout. Raises LabError as `command`."""
        process = command.process
        self.until(lambda: process.poll() is not None, START_SECONDS, f"{command.what} did not end")
        if process.returncode:
            raise LabError(f"{command.what} failed: {command.log.read_text().strip()}")
        return processes.stdout_of(command.log).read_text()

    def reading(self) -> measure.Reading:
        """Read all counters."""
        counts = gate.counts(self.command(gate.status_argv(self.config), "`sekisho gate status`"))
        sinks = (sink for sink in programs.SINKS if sink.name in programs.SPAM_SINKS)
        sessions = sum(receipts.sessions(processes.stdout_of(self.log(sink.name))) for sink in sinks)
        return measure.Reading(time.time(), sessions, counts)
