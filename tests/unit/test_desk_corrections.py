"""Accounting that comes late: whoever held the address before is not accused for whoever has it by now."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from sekisho.daemon import desk_corrections, desk_reading, desk_settler
from sekisho.daemon.desk_cases import Desk, happen
from sekisho.daemon.desk_reading import Looked
from sekisho.daemon.intake import Intake
from sekisho.desk.actions import Action
from sekisho.desk.attribute import Found
from sekisho.desk.case_values import BY_ITSELF, Case, Event, Kind, Mark, State, What
from sekisho.desk.policy import Policy
from sekisho.desk.report import HostAddress
from sekisho.desk.trust import Party
from sekisho.lines.events import Boot, Ending, Heard, Lease, login_key
from sekisho.lines.events import Kind as EventKind
from sekisho.model import Address
from sekisho.store import AskedAnew, Transaction
from tests.desk import letters
from tests.desk.letters import Facts
from tests.desk.world import LINE_BITS, NOW, PLAN, SHARED, World
from tests.unit.desk_site import SOON, TREATMENT, KilledError, Mortal, Site, site_of

MINUTE = timedelta(minutes=1)
PLACES: dict[str, tuple[HostAddress, int | None, Address]] = {
    "ipv4": (IPv4Address("198.18.9.9"), None, Address(IPv4Address("198.18.9.9").packed, 32)),
    "ipv6": (
        IPv6Address("2001:db8:4000:142::25"),
        None,
        Address(IPv6Address("2001:db8:4000:100::").packed, LINE_BITS),
    ),
    "shared": (SHARED[1], PLAN.first + 7 * PLAN.size + 5, Address(SHARED[1].packed, 32, 7)),
}
"""Of whom is reported what, and what of that a line holds."""

HANDED_OVER = NOW
"""When alice stops, and bob has her address."""


@dataclass
class Scene:
    """Two lines, and an address that goes from the one to the other, which accounting may not have told."""

    site: Site
    alice: int
    bob: int
    place: str

    @property
    def address(self) -> Address:
        return PLACES[self.place][2]

    @property
    def of_alice(self) -> Lease:
        return Lease(self.address, HANDED_OVER - timedelta(days=2), b"a" * 16, self.alice)

    @property
    def of_bob(self) -> Lease:
        return Lease(self.address, HANDED_OVER, b"b" * 16, self.bob)

    def report(self, number: int, minutes: float) -> None:
        """Let a loop report what was sent some minutes after the address went over."""
        self.site.take(self.original(number, minutes))
        self.site.settle()

    def original(self, number: int, minutes: float) -> bytes:
        ip, port, _ = PLACES[self.place]
        date = letters.rfc5322(HANDED_OVER + minutes * MINUTE)
        facts = Facts(ip, port, date, letters.message([letters.postfix(ip, date, port)], number), number)
        domain = facts.reporter.partition("@")[2]
        return letters.delivered(letters.arf(facts, random.Random(number)), domain)

    def stop(self) -> None:
        """Let alice's Stop come."""
        ended = self.of_alice._replace(end=HANDED_OVER - 5 * MINUTE, ending=Ending.STOP)
        self.change([self.of_alice], [ended])

    def start(self) -> None:
        """Let bob's Start come."""
        self.change([], [self.of_bob])

    def change(self, removed: list[Lease], added: list[Lease]) -> None:
        with self.site.store.transaction() as transaction:
            transaction.change_leases(removed, added)

    def correct(self) -> None:
        settler = self.site.settler()
        while settler.correct():
            pass
        settler.pass_time()

    def decide(self, line: int, what: What, by: str = "yamada", kind: Kind | None = None) -> None:
        with self.site.store.transaction() as transaction:
            case = transaction.last_case(line)
            assert case is not None
            event = Event(what, by, "because", kind)
            decision, _ = happen(transaction, self.site.desk(), case, event, self.site.now)
            assert decision.refusal is None

    def case(self, line: int) -> Case | None:
        with self.site.store.reading() as transaction:
            return transaction.last_case(line)

    def state(self, line: int) -> State | None:
        case = self.case(line)
        return None if case is None else case.state

    def in_force(self) -> list[tuple[int, Kind]]:
        with self.site.store.reading() as transaction:
            return [(one.line, one.kind) for one in transaction.measures()]


@pytest.fixture
def place() -> str:
    return "ipv4"


@pytest.fixture
def scene(tmp_path: Path, place: str) -> Iterator[Scene]:
    with site_of(tmp_path / "a.db", World(()), SOON) as site:
        site.now = HANDED_OVER + 12 * MINUTE
        with site.store.transaction() as transaction:
            numbers = transaction.number_lines(["alice", "bob"])
        made = Scene(site, numbers["alice"], numbers["bob"], place)
        made.change([], [made.of_alice])
        yield made


@pytest.mark.parametrize("place", PLACES)
def test_what_accounting_tells_late_goes_to_the_line_that_it_names(scene: Scene) -> None:
    for number in range(3):
        scene.report(number, 10)
    assert (scene.state(scene.alice), scene.state(scene.bob)) == (State.LIMITED, None)
    scene.site.now += 48 * MINUTE
    scene.stop()
    scene.start()
    scene.correct()
    alice = scene.case(scene.alice)
    assert alice is not None
    assert (alice.state, alice.measures, alice.stop_requested) == (State.COLLECTING, (), None)
    assert scene.state(scene.bob) is State.LIMITED
    assert scene.in_force() == [(scene.bob, Kind.LIMIT)]
    with scene.site.store.reading() as transaction:
        assert transaction.counted_reports(alice.number, alice.counted_from) == ()
        assert {one.line for n in (1, 2, 3) for one in transaction.incidents_of(n)} == {scene.bob}
        *_, event = transaction.case_events(alice.number)
        looked = [one.entry for one in transaction.records()][-3:]
    assert (event.what, event.before, event.after) == (What.CORRECTION, State.LIMITED, State.COLLECTING)
    assert (event.by, event.done) == (BY_ITSELF, ("lift", "tell"))
    assert [(one.user, one.reference) for one in looked] == [
        (BY_ITSELF, f"report {number}, case {alice.number}") for number in (1, 2, 3)
    ]


def test_what_is_nobodys_for_the_moment_waits_for_people_until_it_is_somebodys(scene: Scene) -> None:
    scene.report(0, 10)
    scene.stop()
    scene.correct()
    scene.site.now += 9 * MINUTE
    scene.correct()
    assert scene.state(scene.alice) is State.STOP_REQUESTED  # a Start may follow
    scene.site.now += MINUTE
    scene.correct()
    assert scene.state(scene.alice) is State.COLLECTING
    with scene.site.store.reading() as transaction:
        (queued,) = transaction.queued_reports()
        assert queued.report.refusal == "incident 1: not-attributable, nobody held the address at that time"
        (incident,) = transaction.incidents_of(queued.number)
        assert (incident.found, incident.line, incident.case) == (Found.NOT_ATTRIBUTABLE, None, None)
    scene.start()
    scene.correct()
    assert scene.state(scene.bob) is State.STOP_REQUESTED
    with scene.site.store.reading() as transaction:
        assert transaction.queued_reports() == ()


def test_the_same_counts_once_also_where_it_was_reported_again_after_accounting(
    scene: Scene,
) -> None:
    scene.report(0, 10)
    scene.stop()
    scene.start()
    scene.site.take(scene.original(0, 10) + b"\r\n")  # another original of the same
    scene.site.settle()
    scene.correct()
    bob = scene.case(scene.bob)
    assert bob is not None
    with scene.site.store.reading() as transaction:
        assert [one.incidents for one in transaction.counted_reports(bob.number, bob.counted_from)] == [1]


def test_accounting_that_is_prompt_has_nothing_asked_anew(scene: Scene) -> None:
    scene.report(0, 10)
    scene.site.now += timedelta(hours=2)
    later = HANDED_OVER + timedelta(hours=1)
    scene.change([scene.of_alice], [scene.of_alice._replace(end=later, ending=Ending.STOP)])
    scene.change([], [scene.of_bob._replace(begin=later + MINUTE)])
    with scene.site.store.reading() as transaction:
        assert transaction.touched(scene.site.now, 10) == ()


def test_what_a_person_decided_is_put_before_people_until_one_decides_anew(scene: Scene) -> None:
    for number in range(3):
        scene.report(number, 10)
    scene.decide(scene.alice, What.SUSPEND, kind=Kind.PORT25)
    scene.stop()
    scene.start()
    with capture_logs() as logs:
        scene.correct()
        scene.correct()
    waits = [one["why"] for one in logs if one["event"] == "a case waits for people"]
    assert waits == [str(Mark.ACCOUNTING)]
    alice = scene.case(scene.alice)
    assert alice is not None
    assert (alice.state, alice.marks) == (State.SUSPENDED, (Mark.ACCOUNTING,))
    assert (scene.alice, Kind.PORT25) in scene.in_force()
    assert scene.state(scene.bob) is State.LIMITED
    with scene.site.store.reading() as transaction:
        (incident,) = transaction.incidents_of(1)
        party = transaction.reporter(Party(incident.party, is_authenticated=True))
        assert party is not None
        assert party.confirmed == 0  # of bob's nothing is confirmed yet
    scene.decide(scene.alice, What.RESTORE)
    alice = scene.case(scene.alice)
    assert alice is not None
    assert (alice.state, alice.marks, alice.measures) == (State.RESTORED, (), ())


def test_what_is_held_as_evidence_stays_until_it_is_released(scene: Scene) -> None:
    for number in range(3):
        scene.report(number, 10)
    scene.decide(scene.alice, What.HOLD)
    scene.stop()
    scene.start()
    scene.correct()
    alice = scene.case(scene.alice)
    assert alice is not None
    assert (alice.state, alice.marks) == (State.HELD, (Mark.ACCOUNTING,))
    with scene.site.store.reading() as transaction:
        assert transaction.case_reports(alice.number, scene.alice) == (1, 2, 3)
    assert scene.state(scene.bob) is None
    scene.decide(scene.alice, What.RESTORE)
    scene.correct()
    with scene.site.store.reading() as transaction:
        assert transaction.case_reports(alice.number, scene.alice) == ()
    assert scene.state(scene.bob) is State.LIMITED


def test_a_line_that_logs_in_anew_is_not_told_that_it_was_a_mistake(scene: Scene) -> None:
    scene.report(0, 10)
    scene.stop()
    scene.correct()
    scene.change([], [scene.of_bob._replace(line=scene.alice)])
    scene.correct()
    scene.site.now += timedelta(hours=1)
    scene.correct()
    with scene.site.store.reading() as transaction:
        assert [one.what for one in transaction.case_events(1)] == [What.REPORT]
        assert transaction.queued_reports() == ()


def test_what_is_doubtful_for_a_while_leads_to_nothing_further(scene: Scene) -> None:
    scene.site.policy = Policy(limit=None, grace=timedelta(0))
    scene.report(0, 10)
    scene.stop()
    scene.correct()
    scene.report(1, -60)  # alice's without a doubt, which with the other would be enough
    assert scene.state(scene.alice) is State.COLLECTING
    scene.change([], [scene.of_bob._replace(line=scene.alice)])
    scene.correct()
    assert scene.state(scene.alice) is State.STOP_REQUESTED, "both are hers: what was put off is done"


def test_what_a_person_has_dismissed_accuses_nobody_else_by_itself(scene: Scene) -> None:
    for number in range(3):
        scene.report(number, 10)
    scene.decide(scene.alice, What.DISMISS)
    scene.stop()
    scene.start()
    for _ in range(2):
        scene.correct()
        scene.change([scene.of_bob], [scene.of_bob._replace(begin=HANDED_OVER - MINUTE)])
    assert scene.state(scene.bob) is None
    with scene.site.store.reading() as transaction:
        assert [one.number for one in transaction.queued_reports()] == [1, 2, 3]
        (incident,) = transaction.incidents_of(1)
        party = transaction.reporter(Party(incident.party, is_authenticated=True))
        assert party is not None
        assert party.dismissed == 0  # it was not false of all that is known


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("commits", range(2))
def test_whoever_is_killed_in_between_asks_anew_once_more_and_does_nothing_twice(
    scene: Scene, commits: int, *, is_after: bool
) -> None:
    for number in range(3):
        scene.report(number, 10)
    scene.stop()
    scene.start()
    killed = scene.site.settler(Mortal(scene.site.store, commits, is_after=is_after))
    with suppress(KilledError):
        while killed.correct():
            pass
    scene.correct()
    assert scene.state(scene.alice) is State.COLLECTING
    assert scene.in_force() == [(scene.bob, Kind.LIMIT)]
    with scene.site.store.reading() as transaction:
        assert len(transaction.case_events(1)) == 3  # two up, one back
        assert len(transaction.case_events(2)) == 1


def test_what_fails_by_our_fault_keeps_nothing_else_from_being_asked_anew(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        scene.report(number, 10)
    scene.stop()
    scene.start()
    asked = desk_corrections.ask_anew

    def failing(
        transaction: Transaction, desk: Desk, some: Sequence[AskedAnew], now: datetime
    ) -> list[Action]:
        if any(one.incident.report == 2 for one in some):
            raise ZeroDivisionError
        return asked(transaction, desk, some, now)

    monkeypatch.setattr(desk_settler, "ask_anew", failing)
    with capture_logs() as logs:
        scene.correct()
    assert [one["report"] for one in logs if "report" in one] == [2]
    with scene.site.store.reading() as transaction:
        lines = [one.line for number in (1, 2, 3) for one in transaction.incidents_of(number)]
        assert lines == [scene.bob, scene.alice, scene.bob]
        assert transaction.touched(scene.site.now, 10) == ()


def test_a_report_of_before_the_leases_that_are_kept_stays_as_it_is(scene: Scene) -> None:
    scene.report(0, 10)
    scene.site.kept = timedelta(days=1)
    scene.site.now += timedelta(days=2)
    scene.stop()
    scene.start()
    scene.correct()
    assert scene.state(scene.alice) is State.STOP_REQUESTED


def test_leases_that_change_while_a_report_is_read_are_not_missed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = desk_reading.look_up

    def slow(*arguments: Any) -> Looked:
        found = looked(*arguments)
        scene.stop()
        scene.start()
        return found

    monkeypatch.setattr(desk_settler, "look_up", slow)
    scene.report(0, 10)
    assert (scene.state(scene.alice), scene.state(scene.bob)) == (None, State.STOP_REQUESTED)


@pytest.mark.parametrize("place", ["ipv4", "ipv6"])
def test_accounting_itself_comes_late(tmp_path: Path, place: str) -> None:
    """Alice is heard of in time; her Stop and bob's Start are in a spool, and then a boot of their NAS."""
    with site_of(tmp_path / "a.db", World(()), SOON) as site:
        treatment = replace(TREATMENT, lengths=frozenset({LINE_BITS}))
        intake = Intake(
            site.store, treatment=lambda: treatment, rules=tuple, tell=lambda _: None, utc=lambda: site.now
        )

        def hear(kind: EventKind, at: datetime, name: str) -> None:
            key = login_key("bng1", name, name)
            intake.take([Heard(kind, at, "bng1", key, name, addresses=(PLACES[place][2],))])

        site.now = HANDED_OVER + 12 * MINUTE
        hear(EventKind.START, HANDED_OVER - timedelta(days=2), "alice")
        with site.store.transaction() as transaction:
            numbers = transaction.number_lines(["alice", "bob"])
        scene = Scene(site, numbers["alice"], numbers["bob"], place)
        scene.report(0, 10)
        hear(EventKind.INTERIM, site.now, "alice")
        scene.correct()
        assert scene.state(scene.alice) is State.STOP_REQUESTED
        hear(EventKind.START, HANDED_OVER, "bob")
        scene.correct()
        assert (scene.state(scene.alice), scene.state(scene.bob)) == (State.COLLECTING, State.STOP_REQUESTED)
        intake.take([Boot("bng1", HANDED_OVER + 5 * MINUTE)])
        while intake.work_off():
            pass
        scene.correct()
        site.now += 10 * MINUTE
        scene.correct()
        assert scene.state(scene.bob) is State.COLLECTING  # nobody had it any more, by that
        with site.store.reading() as transaction:
            assert [one.number for one in transaction.queued_reports()] == [1]


def orders() -> list[tuple[str, ...]]:
    """Return all orders but those in which somebody's report is read when the address is nobody's."""
    found = permutations(("stop", "start", "one", "two"))
    return [
        one
        for one in found
        if not any(one.index("stop") < one.index(n) < one.index("start") for n in ("one", "two"))
    ]


@pytest.mark.parametrize("order", orders(), ids="-".join)
def test_reports_and_accounting_come_to_the_same_in_any_order(scene: Scene, order: tuple[str, ...]) -> None:
    scene.report(2, -60)  # of alice
    for step in order:
        match step:
            case "stop":
                scene.stop()
            case "start":
                scene.start()
            case _:
                scene.report(("one", "two").index(step), 10)
        scene.correct()
    assert scene.state(scene.alice) is State.STOP_REQUESTED
    assert scene.state(scene.bob) is State.LIMITED
    assert scene.in_force() == [(scene.bob, Kind.LIMIT)]
