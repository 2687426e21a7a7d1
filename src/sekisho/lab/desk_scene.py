"""Who acts at the desk's laboratory: recipients who report, the desk's people, and whoever looks on."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import Any, TypeVar

from sekisho.desk.case_values import Reached, State
from sekisho.lab import feedback, gate, measure, processes, programs, topology
from sekisho.lab.desk_layout import (
    ABUSE,
    FORGER_ADDRESS,
    LETTER_SECONDS,
    LIMIT,
    NEIGHBOUR,
    PROVIDER_ADDRESS,
    REFUSED_SECONDS,
    SPAMMER,
    Recipient,
    contact,
)
from sekisho.lab.desk_result import Happened, Span, Stage, What, in_words
from sekisho.lab.desk_servers import Delivered, MailServer
from sekisho.lab.laboratory import START_SECONDS, Command, Lab
from sekisho.lab.nas import Nas
from sekisho.lab.receipts import Receipt
from sekisho.lab.topology import LabError
from sekisho.lab.traffic import last_line
from sekisho.model import Limit

_REFUSED = "Connection refused"  # as smtp-source says it of a reset
_RATE_SECONDS = 3.0  # the rates on the screen are those of the last seconds
_SOME_PORT = 40_000  # of a session that never was

_Found = TypeVar("_Found")


@dataclass
class Scene:
    """A laboratory with a desk; `began`: the first spam, in seconds since the epoch."""

    lab: Lab
    nas: Nas
    recipients: MailServer
    provider: MailServer
    began: float = 0.0
    newest: dict[str, feedback.Spam] = field(default_factory=dict)  # by the server that took it in
    others_limited: bool = False
    record: list[Happened] = field(default_factory=list)

    def begin(self) -> None:
        """Let all lines send."""
        self.lab.bots.bots, self.lab.bots.apart = (SPAMMER,), REFUSED_SECONDS
        self.lab.writers.gap = LETTER_SECONDS
        self.began = time.time()
        self.lab.bots.start(time.monotonic(), SPAMMER.line)
        self.lab.writers.start(self.began)

    def note(self, what: What, text: str, at: float | None = None) -> None:
        """Write down what has happened, now or `at` (seconds since the epoch), and show it."""
        happened = Happened((time.time() if at is None else at) - self.began, what, text)
        self.record.append(happened)
        self.lab.screen.say(f"  {happened.at:5.1f} s  {text}")

    def receive(self) -> list[Receipt]:
        """Take in what has arrived at the recipients' servers."""
        lines, receipts = topology.line_of_address(self.lab.net), []
        for one in self.recipients.take(programs.VICTIM):
            spam = feedback.read_spam(one.content)
            self.newest[spam.server] = spam
            receipts.append(Receipt(lines[spam.address], None, one.at))
        return receipts

    def report(self, recipient: Recipient, since: datetime) -> None:
        """Let a recipient report the newest spam of those that arrived since a moment. Raises LabError."""
        spam = self._awaited(lambda: self._newest(recipient, since), f"no spam arrived at {recipient.server}")
        port = self._awaited(
            lambda: feedback.ports(self.recipients.log).get(spam.queue_id),
            f"{recipient.server} did not log the port of {spam.queue_id}",
        )
        message = feedback.report(spam, port, recipient.desk, ABUSE, datetime.now(UTC))
        said = f"{recipient.desk} reports what it got from {spam.address} port {port} at {spam.at:%H:%M:%S}"
        self.note(What.REPORT, said)
        self._send(recipient, message, recipient.address)

    def forge(self, recipient: Recipient, line: str) -> None:
        """Report spam that no line has sent, in a recipient's name but from elsewhere. Raises LabError."""
        now, address = datetime.now(UTC), self.lab.net.line(line).logins[0].ipv4
        spam = feedback.made_up(recipient.server, address, secrets.token_hex(6), now)
        self.note(What.FORGERY, f"a forger reports {line}, which sent no spam, as {recipient.desk}")
        self._send(recipient, feedback.report(spam, _SOME_PORT, recipient.desk, ABUSE, now), FORGER_ADDRESS)

    def ask(self, act: str, *words: str) -> Mapping[str, Any]:
        """Act at the desk by its command, or ask it. Raises LabError."""
        answer: Mapping[str, Any] = json.loads(self.lab.finish(self._begin(act, *words)))
        return answer

    def until_case(self, state: State) -> Mapping[str, Any]:
        """Go on until a case is open that has come so far; return it. Raises LabError."""

        def look() -> Mapping[str, Any] | None:
            return next((one for one in self.ask("cases")["cases"] if one["state"] == state), None)

        return self._awaited(look, f"no case was {state}")

    def until_left(self) -> Mapping[str, Any]:
        """Go on until the desk knows that a stop request has left; return its case. Raises LabError."""

        def look() -> Mapping[str, Any] | None:
            asked = (one for one in self.ask("cases")["cases"] if one["request"] is not None)
            return next((one for one in asked if one["request"]["reached"] == Reached.SENT), None)

        return self._awaited(look, "no stop request has left")

    def decide(self, act: str, number: int, reason: str, wanted: Limit, what: What, text: str) -> None:
        """Decide about a case as a person does; note when the kernel has what follows. Raises LabError."""
        self.note(What.COMMAND, f"a person: sekisho desk {act} {number} --reason '{reason}'")
        command = self._begin(act, str(number), "--reason", reason)
        at = self._limited(lambda: command.has_failed or self._has(wanted), what)
        self.lab.finish(command)
        self.note(what, text, at)

    def until_limit(self, wanted: Limit, what: What, text: str) -> None:
        """Go on until the spamming line has a limit in the kernel, and note that. Raises LabError."""
        self.note(what, text, self._limited(lambda: self._has(wanted), what))

    def until_sessions(self, most: int) -> None:
        """Go on until the spamming line has so few sessions, since open ones are not cut. Raises LabError."""
        failed = f"{SPAMMER.line} did not come down to {most} sessions"
        self.lab.until(lambda: self.nas.sessions(SPAMMER.line) <= most, START_SECONDS, failed)

    def until_told(self, number: int, what: What = What.NOTICE) -> None:
        """Go on until so many notices are in the customer's mailbox, and note the last. Raises LabError."""
        failed = f"notice {number} did not arrive in the customer's mailbox"
        self.lab.until(lambda: len(self.notices(SPAMMER.line)) >= number, START_SECONDS, failed)
        told = self.notices(SPAMMER.line)[number - 1]
        self.note(what, f"the customer has a mail: {subject(told)}", told.at)

    def notices(self, line: str) -> list[Delivered]:
        """Return what the customer of a line was told."""
        return self.provider.delivered(contact(line))

    def measured(self, stage: Stage, washout: float, seconds: float) -> Span:
        """Go on for so long, and count spam after the wash-out."""
        begun, since, refused = time.monotonic(), time.time(), self._refused()
        self._pass(stage, begun, begun + washout, washout + seconds)
        begin = time.time()
        most = self._pass(stage, begun, begun + washout + seconds, washout + seconds)
        self.lab.collect()
        return Span(stage, since, begin, time.time(), most, self._refused() - refused)

    def _pass(self, stage: Stage, begun: float, until: float, seconds: float) -> int:
        """Go on until a moment (monotonic) of a stage; return the line's most sessions at once."""
        most = 0
        self.lab.screen.rename(in_words(stage))
        while (now := time.monotonic()) < until:
            self.lab.tick()
            self.nas.tick(now)
            most = max(most, self.nas.sessions(SPAMMER.line))
            self.others_limited |= self.nas.limit(NEIGHBOUR) != LIMIT
            rates = measure.rates(self.lab.arrived, time.time(), _RATE_SECONDS)
            self.lab.screen.show(now - begun, seconds, *rates)
        return most

    def _begin(self, act: str, *words: str) -> Command:
        return self.lab.begin(gate.desk_argv(self.lab.config, act, *words), f"`sekisho desk {act}`")

    def _limited(self, done: Callable[[], bool], what: What) -> float:
        """Return when something was seen to be done, in seconds since the epoch."""
        self.lab.until(done, START_SECONDS, f"the kernel did not have the {what}")
        return time.time()

    def _has(self, limit: Limit) -> bool:
        return self.nas.limit(SPAMMER.line) == limit

    def _awaited(self, look: Callable[[], _Found | None], what: str) -> _Found:
        """Go on until something is found. Raises LabError, which names it."""
        found: list[_Found] = []

        def is_there() -> bool:
            one = look()
            found.extend(() if one is None else (one,))
            return one is not None

        self.lab.until(is_there, START_SECONDS, what)
        return found[0]

    def _newest(self, recipient: Recipient, since: datetime) -> feedback.Spam | None:
        spam = self.newest.get(recipient.server)
        return spam if spam is not None and spam.at >= since else None

    def _send(self, recipient: Recipient, message: bytes, address: str) -> None:
        """Hand a report to the provider's mail server, as any other mail. Raises LabError."""
        argv = (
            *programs.msmtp_argv(PROVIDER_ADDRESS, recipient.server, recipient.desk, ABUSE),
            f"--source-ip={address}",
        )
        log = self.lab.log("reports")
        process = processes.start(self.lab.net.internet, argv, log, message.decode("ascii"))
        self.lab.until(lambda: process.poll() is not None, START_SECONDS, "msmtp did not end")
        if process.returncode:
            raise LabError(f"the provider's mail server did not take a report: {last_line(log)}")

    def _refused(self) -> int:
        return self.lab.bots.log.read_text(errors="replace").count(_REFUSED)


def subject(told: Delivered) -> str:
    """Return the subject of a notice."""
    return str(message_from_bytes(told.content, policy=policy.default)["Subject"])
