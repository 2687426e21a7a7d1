"""The desk of a whole daemon: from reports to a closed port 25 and back, and killed on the way."""

from __future__ import annotations

import random
import signal
import smtplib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256

import pytest

from sekisho.desk.actions import Do, Progress
from sekisho.desk.attribute import Found
from sekisho.desk.case_values import Kind
from sekisho.lines.roster import SUSPENDED_LIMIT
from sekisho.model import Stage, stage_arm
from sekisho.receiving import with_return_path
from tests.system.desk_scene import LOOPS, MAILBOX, OWN, SMTP_PORT, DeskScene, arf, next_second
from tests.system.lines_scene import Scene
from tests.system.scene import SEKISHO
from tests.system.waiting import until
from tests.unit.post_office import mails

LINE, NEIGHBOUR = "100.64.0.5", "100.64.0.6"
HOMES = {f"home-{number}": f"100.64.1.{number}" for number in range(1, 13)}
NAS = """\
[[desk.nas]]
name = "bng1"
address = "127.0.0.1"
secret_file = "secret"
pools = ["100.64.0.0/16"]
"""
REPORTS_OF_EACH = 6
SENDERS = 3
KILLS = 3


@pytest.fixture
def desk(lines_scene: Scene) -> DeskScene:
    return DeskScene(lines_scene)


def test_from_reports_to_a_closed_port_and_back_and_the_customer_is_told_of_each_once(
    desk: DeskScene,
) -> None:
    desk.write({"home-4": LINE, "home-5": NEIGHBOUR})
    with desk.scene.file.open("a") as file:
        file.write(NAS)
    daemon = desk.scene.up()
    at = next_second()
    desk.report(arf(LINE, at, 0))
    until(lambda: desk.state() == "stop-request-sent")
    with desk.reading() as transaction:
        line = transaction.line_number("home-4")
        assert line is not None
    until(lambda: desk.in_kernel(line).counted == stage_arm(Stage.ASKED, line))
    assert desk.sessions(LINE, 2) == 2

    until(lambda: _failed(desk))  # nobody is at the mail server
    assert desk.request() == "waiting"
    with mails(SMTP_PORT, inside=desk.scene.gate.call) as post:
        assert desk.post(arf(LINE, at, 1), number=1) == 202
        assert desk.post(arf(LINE, at, 1), number=LOOPS) == 401
        until(lambda: desk.state() == "individually-limited")
        until(lambda: desk.in_kernel(line).limit == OWN)
        assert desk.sessions(LINE, 2) == 1
        assert desk.sessions(NEIGHBOUR, 2) == 2
        until(lambda: len(post.got) == 2)
        until(lambda: desk.request() == "sent")

        later = next_second()
        desk.report(arf(LINE, later, 2), arf(LINE, later, 3))
        until(lambda: desk.state() == "suspension-proposed")
        assert desk.in_kernel(line).limit == OWN, "reports alone suspend nobody"
        desk.scene.sekisho("desk", "approve", "1", "--reason", "goes on in spite of the request")
        until(lambda: desk.in_kernel(line).limit == SUSPENDED_LIMIT)
        assert desk.sessions(LINE, 2) == 0
        assert desk.sessions(NEIGHBOUR, 2) == 2
        until(lambda: len(post.got) == 3)

        desk.scene.sekisho("desk", "restore", "1", "--reason", "has mended it")
        until(lambda: desk.in_kernel(line).limit is None)
        until(lambda: desk.in_kernel(line).counted == 0)
        assert desk.sessions(LINE, 2) == 2
        until(lambda: len(post.got) == 4)
        until(lambda: not any(desk.ask("GET", "actions").values()))

    kinds = ["stop-request", "limit", "suspension", "restoration"]
    assert all(f"-{kind}@" in one for one, kind in zip(post.ids(), kinds, strict=True))
    assert {(one["From"], one["To"]) for one in post.got} == {(MAILBOX, "home-4@example.net")}
    _check_look(desk, arf(LINE, at, 0))
    _check_whole_line(desk, line)
    _check_evidence(desk, line)
    assert "home-4@example.net" not in daemon.end()


def _check_look(desk: DeskScene, report: bytes) -> None:
    """Look at the first report: whose address it names, and its original as the mail server brought it."""
    (incident,) = desk.ask("POST", "reports/1/look", purpose="case")["incidents"]
    assert {one["line"] for one in incident["holders"]} == {"home-4"}
    file = desk.scene.directory / "original"
    desk.scene.sekisho("desk", "report", "1", "--purpose", "case", "--output", str(file))
    assert report.strip() in file.read_bytes()


def _check_whole_line(desk: DeskScene, line: int) -> None:
    """Suspend the whole line in another case, while its NAS is away: port 25 is closed at once."""
    desk.report(arf(LINE, next_second(), 4))
    until(lambda: desk.state(2) != "")
    whole = ("--kind", "line-suspension", "--reason", "floods us")
    desk.scene.sekisho("desk", "suspend", "2", *whole)
    until(lambda: desk.in_kernel(line).limit == SUSPENDED_LIMIT)
    assert desk.sessions(LINE, 2) == 0
    until(lambda: [one["kind"] for one in desk.ask("GET", "actions")["actions"]] == ["line-suspension"])


def _check_evidence(desk: DeskScene, line: int) -> None:
    """Hold the evidence of that case instead: the line is limited, and what is kept is handed out."""
    desk.scene.sekisho("desk", "hold", "2", "--reason", "a complaint is prepared")
    until(lambda: desk.in_kernel(line).limit == OWN)
    file = str(desk.scene.directory / "case-2.tar")
    asked = ("--purpose", "lawful-order", "--reason", "order 17")
    desk.scene.sekisho("desk", "export", "2", "--out", file, *asked)
    public = str(desk.scene.directory / "evidence.pub")
    done = desk.scene.gate.run(SEKISHO, "desk", "verify", file, "--key", public)
    assert done.stdout == "as it was signed: 7 members\n"


def _failed(desk: DeskScene) -> bool:
    with desk.reading() as transaction:
        return transaction.letters_waiting().why is not None


@dataclass
class Load:
    """Reports on their way, by several sessions at once; `taken`: what was answered 250."""

    desk: DeskScene
    left: list[bytes] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)

    def more(self, reports: Sequence[bytes]) -> int:
        """Add reports; return how many are left."""
        self.left += reports
        return len(self.left)

    def send(self) -> None:
        """Hand over what is left, until the daemon is away."""
        shares = [self.left[one::SENDERS] for one in range(SENDERS)]
        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(self._send, shares))
        taken = set(self.taken)
        self.left = [one for one in self.left if one not in taken]

    def _send(self, share: Sequence[bytes]) -> None:
        with suppress(OSError, smtplib.SMTPException), smtplib.LMTP(str(self.desk.lmtp)) as client:
            for one in share:
                if not client.sendmail("", [MAILBOX], one):
                    self.taken.append(one)


def test_killed_anywhere_under_a_load_of_reports_nothing_is_lost_and_nothing_done_twice(
    desk: DeskScene,
) -> None:
    chance = random.Random(5)
    desk.write(HOMES)
    with mails(SMTP_PORT, inside=desk.scene.gate.call) as post:
        daemon = desk.scene.up()
        at = next_second()
        truth = {
            arf(address, at, number): name
            for name, address in HOMES.items()
            for number in range(REPORTS_OF_EACH)
        }
        reports = chance.sample(list(truth), len(truth))
        load = Load(desk)
        for kill in range(KILLS):
            some = load.more(reports[kill::KILLS])
            enough = len(load.taken) + chance.randrange(1, some)
            with ThreadPoolExecutor(1) as sending:
                sent = sending.submit(load.send)
                until(lambda: len(load.taken) >= enough)  # noqa: B023 - it is waited for here
                if kill:  # what is decided was answered, and is not carried out yet
                    desk.ask("POST", f"cases/{kill}/suspend", reason="floods us")
                daemon.end(signal.SIGKILL)
                sent.result()
            daemon = desk.scene.up()
        load.send()
        assert load.left == []
        assert sorted(load.taken) == sorted(truth)
        until(lambda: _is_done(desk))
        suspended = _check_each_once(desk, truth)
        daemon.end()
    assert len(suspended) == KILLS - 1
    notices = {str(one["Message-ID"]): (one["To"].partition("@")[0], one["Subject"]) for one in post.got}
    told = Counter(notices.values())
    assert set(told.values()) == {1}
    # Each is asked to stop and told of its limit.
    assert Counter(name for name, _ in told) == Counter([*HOMES, *HOMES, *suspended])
    # Killed between a server's answer and its own note of it, it sends the same mail once more.
    assert len(post.got) - len(notices) <= KILLS


def _is_done(desk: DeskScene) -> bool:
    """Tell whether all is read, done and told."""
    if desk.ask("GET", "actions")["actions"]:
        return False
    with desk.reading() as transaction:
        is_read = transaction.count_unread(1) == 0
        return is_read and not transaction.unconfirmed_actions() and not transaction.letters_waiting().letters


def _check_each_once(desk: DeskScene, truth: dict[bytes, str]) -> list[str]:
    """See that each report counts once for its line, and each line is treated so; return who is suspended."""
    suspended = []
    with desk.reading() as transaction:
        lines = {name: transaction.line_number(name) for name in HOMES}
        reports = {
            one.digest: number for number in range(1, 2 * len(truth)) if (one := transaction.report(number))
        }
        for original, name in truth.items():
            (incident,) = transaction.incidents_of(
                reports.pop(sha256(with_return_path(original, "")).digest())
            )
            assert (incident.found, incident.line) == (Found.ATTRIBUTED, lines[name])
        assert reports == {}
        for case in transaction.listed_cases():
            actions = transaction.case_actions(case.number)
            kinds = [one.kind for one in actions]
            assert {(one.do, one.progress) for one in actions} == {(Do.IMPOSE, Progress.VERIFIED)}
            assert len(kinds) == len(set(kinds))
            assert Kind.LIMIT in kinds
            limit = SUSPENDED_LIMIT if Kind.PORT25 in kinds else OWN
            assert desk.in_kernel(case.line).limit == limit
            if Kind.PORT25 in kinds:
                suspended += [name for name, number in lines.items() if number == case.line]
        assert len(transaction.listed_cases()) == len(HOMES)
    return suspended
