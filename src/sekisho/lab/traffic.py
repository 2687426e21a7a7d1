"""Who sends: spamming lines without pause, honest lines a letter every few seconds."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sekisho.lab import processes, programs
from sekisho.lab.measure import Letter
from sekisho.lab.topology import LabError, Topology

LETTER_SECONDS = 5.0
# So many sessions of bots in succession that end at once found no receiver: something is broken. One now and
# then may: smtp-sink counts its second of delay by the clock's full seconds.
_STILLBORN_SECONDS = 1.0
_MOST_STILLBORN = 50


@dataclass(frozen=True)
class Spamming:
    """One of a bot's processes; `turn` tells its receiver, `started` is monotonic, in seconds."""

    bot: programs.Bot
    turn: int
    started: float
    process: subprocess.Popen[bytes]


@dataclass
class Bots:
    """The running spam programs, one process a session.

    smtp-source ends when its SYN stays unanswered; the bot begins another session, as bots do. `apart`: from
    one begin to the next, in seconds, where sessions may be refused at once; by default that is a fault.
    """

    net: Topology
    log: Path
    bots: tuple[programs.Bot, ...] = programs.BOTS
    apart: float = 0.0
    running: list[Spamming] = field(default_factory=list)
    stillborn: int = 0

    def start(self, now: float, *lines: str) -> None:
        """Let these lines begin to send; `now` is monotonic, in seconds."""
        self.running += [
            self._start(bot, turn, now)
            for bot in self.bots
            if bot.line in lines
            for turn in range(bot.sessions)
        ]

    def tick(self, now: float) -> None:
        """Replace the sessions that have ended. Raises LabError when one after the other ends at once."""
        for number, one in enumerate(self.running):
            if one.process.poll() is not None and now - one.started >= self.apart:
                is_stillborn = now - one.started < _STILLBORN_SECONDS
                self.stillborn = self.stillborn + 1 if is_stillborn else 0
                self.running[number] = self._start(one.bot, one.turn + 1, now)
        if self.stillborn > _MOST_STILLBORN:
            raise LabError(f"smtp-source ends at once on the spamming lines: {last_line(self.log)}")

    def stop(self, *lines: str) -> None:
        """End the spam of these lines."""
        processes.end([one.process.pid for one in self.running if one.bot.line in lines])
        self.running = [one for one in self.running if one.bot.line not in lines]

    def _start(self, bot: programs.Bot, turn: int, now: float) -> Spamming:
        namespace = self.net.line(bot.line).namespace
        argv = programs.bot_argv(bot, bot.targets[turn % len(bot.targets)])
        return Spamming(bot, turn, now, processes.start(namespace, argv, self.log))


@dataclass
class Writers:
    """The honest lines: each writes a letter every `gap` seconds, whether or not the last has arrived."""

    net: Topology
    postfix: Path
    log: Path
    letters: list[Letter] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    sending: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    due: dict[str, float] = field(default_factory=dict)
    gap: float = LETTER_SECONDS

    def start(self, now: float) -> None:
        """Plan the first letters, spread over one interval; `now` in seconds since the epoch."""
        apart = self.gap / len(programs.SENDERS)
        self.due = {sender.line: now + number * apart for number, sender in enumerate(programs.SENDERS)}

    def tick(self, now: float) -> None:
        """Write the letters that are due and see how those under way ended."""
        for sender in programs.SENDERS:
            if self.due.get(sender.line, now + 1) <= now:
                self.due[sender.line] += self.gap
                self._write(sender, now)
        for letter, process in list(self.sending.items()):
            if process.poll() is not None:
                del self.sending[letter]
                if process.returncode:
                    self.failed.add(letter)

    def stop(self) -> None:
        """Write no more; letters under way go on."""
        self.due.clear()

    def _write(self, sender: programs.Sender, now: float) -> None:
        number = sum(1 for letter in self.letters if letter.line == sender.line)
        name, domain = f"{sender.line}-{number}", sender.domains[number % len(sender.domains)]
        argv = programs.letter_argv(sender, domain, name, self.postfix)
        self.letters.append(Letter(name, sender.line, sender.exempt, now))
        text = programs.letter_text(sender, domain, name)
        namespace = self.net.line(sender.line).namespace
        self.sending[name] = processes.start(namespace, argv, self.log, text)


def outstanding(letters: Sequence[Letter], arrived: set[str], failed: set[str]) -> int:
    """Count the letters of which nothing is known yet."""
    return sum(1 for letter in letters if letter.name not in arrived and letter.name not in failed)


def last_line(log: Path) -> str:
    """Return what a program said last."""
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "(nothing)")
