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
# smtp-source ends when one of its sessions fails, as after 127 s of unanswered SYNs; a bot would go on.
MOST_RESTARTS = 20


@dataclass
class Bots:
    """The running spam programs, restarted when they end."""

    net: Topology
    log: Path
    running: dict[programs.Bot, subprocess.Popen[bytes]] = field(default_factory=dict)
    restarts: int = 0

    def start(self) -> None:
        """Begin to send."""
        for bot in programs.BOTS:
            self._start(bot)

    def tick(self) -> None:
        """Restart what has ended. Raises LabError when that happens again and again."""
        for bot, process in list(self.running.items()):
            if process.poll() is not None:
                self.restarts += 1
                if self.restarts > MOST_RESTARTS:
                    raise LabError(
                        f"smtp-source ended {self.restarts} times on the spamming lines, "
                        f"at last with: {last_line(self.log)}"
                    )
                self._start(bot)

    def stop(self) -> None:
        """End all spam."""
        processes.end([process.pid for process in self.running.values()])
        self.running.clear()

    def _start(self, bot: programs.Bot) -> None:
        namespace = self.net.line(bot.line).namespace
        self.running[bot] = processes.start(namespace, programs.bot_argv(bot), self.log)


@dataclass
class Writers:
    """The honest lines: each writes a letter every LETTER_SECONDS, whether or not the last has arrived."""

    net: Topology
    postfix: Path
    log: Path
    letters: list[Letter] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    sending: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    due: dict[str, float] = field(default_factory=dict)

    def start(self, now: float) -> None:
        """Plan the first letters, spread over one interval; `now` in seconds since the epoch."""
        gap = LETTER_SECONDS / len(programs.SENDERS)
        self.due = {sender.line: now + number * gap for number, sender in enumerate(programs.SENDERS)}

    def tick(self, now: float) -> None:
        """Write the letters that are due and see how those under way ended."""
        for sender in programs.SENDERS:
            if self.due.get(sender.line, now + 1) <= now:
                self.due[sender.line] += LETTER_SECONDS
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
