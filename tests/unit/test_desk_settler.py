"""Reports that came in are read once, in their order, whatever ends in between; none is lost."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from structlog.testing import capture_logs

from sekisho.daemon import desk_reading, desk_settler
from sekisho.daemon.desk_cases import happen
from sekisho.daemon.desk_doors import MOST_UNREAD
from sekisho.desk.attribute import Found
from sekisho.desk.case_values import Case, Event, Kind, Mark, State, What
from sekisho.desk.policy import Policy, Step
from sekisho.desk.report import Report
from sekisho.desk.trust import ALL_CLAIMED, Weight
from sekisho.lines.events import Lease
from sekisho.sealing import Sealer
from sekisho.store import StoreError
from tests.desk import letters
from tests.desk.corpus import corpus
from tests.desk.world import SECOND, World, world
from tests.unit.desk_site import (
    KEY,
    SOON,
    KilledError,
    Mortal,
    Site,
    about,
    facts_of,
    is_like,
    lease_of,
    site_of,
)

_SEED, _COUNT = 20_261_126, 100
ALL = ("report", "incident", "desk_case", "case_event", "action", "reporter", "audit")


@pytest.fixture(scope="module")
def provider() -> World:
    return world(_SEED)


def test_what_comes_of_reports_is_what_is_true_of_them(tmp_path: Path, provider: World) -> None:
    made = list(corpus(_SEED, _COUNT, provider))
    with site_of(tmp_path / "a.db", provider) as site:
        site.take(*(data for data, _ in made))
        site.settle()
        assert site.settled_lines > 0
        seen: Counter[str] = Counter()
        with site.store.reading() as transaction:
            assert transaction.unread_reports(0, 10) == ()
            records = [one.entry for one in transaction.records()]
            queued = {one.number: one.report for one in transaction.queued_reports()}
            for data, truth in made:
                number, _ = _number(site, data)
                kept = transaction.report(number)
                assert kept is not None
                assert Sealer(KEY).open(kept.original or b"", sha256(data).digest()) == data
                if truth.found is None:
                    assert kept.refusal
                    assert number in queued
                    continue
                (incident,) = transaction.incidents_of(number)
                assert (incident.found, incident.line) == (truth.found, truth.line)
                is_doubtful = truth.found in (Found.AMBIGUOUS, Found.NOT_ATTRIBUTABLE)
                assert (number in queued) is is_doubtful
                seen[truth.found] += 1
                about_it = [one for one in records if one.reference.split(",")[0] == f"report {number}"]
                if truth.found is Found.ATTRIBUTED:
                    assert [(one.action, one.purpose) for one in about_it] == [("line holder", "report")]
    assert len(seen) >= 5, seen


def _number(site: Site, data: bytes) -> tuple[int, bool]:
    with site.store.transaction() as transaction:
        return site.inbox().put(transaction, data)


def test_reports_of_three_parties_lead_to_a_proposal_and_no_further(tmp_path: Path, provider: World) -> None:
    lease = lease_of(provider)
    with site_of(tmp_path / "a.db", provider, SOON) as site:
        site.now = lease.begin + timedelta(hours=1)
        states = []
        for number in range(3):
            site.take(about(lease, number, 3_600 + 60 * number))
            site.now += timedelta(minutes=5)
            site.settle()
            with site.store.reading() as transaction:
                case = transaction.last_case(lease.line)
                assert case is not None
                states.append(case.state)
        assert states == [State.STOP_REQUESTED, State.LIMITED, State.LIMITED]
        assert [(one.kind, one.line) for one in site.asked] == [(Kind.LIMIT, lease.line)]
        with site.store.reading() as transaction:
            assert [one.kind for one in transaction.measures()] == [Kind.LIMIT]
            assert [one.line for one in transaction.measures_of([lease.line, 1])] == [lease.line]


def test_what_was_sent_after_the_stop_request_counts_at_once_also_of_its_hour(
    tmp_path: Path, provider: World
) -> None:
    lease = lease_of(provider)
    soon = replace(SOON, stop_request=Step(3, 3, timedelta(days=30)), limit=None)
    hour = lease.begin.replace(minute=0, second=0) + timedelta(hours=1)
    begin = int((hour - lease.begin).total_seconds())
    with site_of(tmp_path / "a.db", provider, soon) as site:
        site.now = hour + timedelta(minutes=20)
        site.take(*(about(lease, number, begin + 600) for number in range(3)))
        site.settle()
        assert _state(site, lease.line) is State.STOP_REQUESTED
        with site.store.transaction() as transaction:
            case = transaction.last_case(lease.line)
            assert case is not None
            happen(transaction, site.desk(), case, Event(What.LETTER_SENT, reason="it was sent"), site.now)
        site.now = hour + timedelta(minutes=40)
        site.take(*(about(lease, number, begin + 1_100) for number in range(3, 6)))  # sent before it
        site.settle()
        assert _state(site, lease.line) is State.STOP_REQUESTED
        site.take(*(about(lease, number, begin + 1_800) for number in range(6, 9)))
        site.settle()
        assert _state(site, lease.line) is State.PROPOSED


def test_a_flood_of_one_party_asks_for_a_stop_at_most(tmp_path: Path, provider: World) -> None:
    lease = lease_of(provider)
    flood = Policy(stop_request=Step(1, 1, timedelta(days=30)), limit=Step(2, 2, timedelta(days=30)))
    with site_of(tmp_path / "a.db", provider, flood) as site:
        site.take(*(about(lease, 3 * number) for number in range(50)))
        site.now = lease.begin + timedelta(hours=2)
        site.settle()
        with site.store.reading() as transaction:
            case = transaction.last_case(lease.line)
    assert case is not None
    assert case.state is State.STOP_REQUESTED
    assert site.asked == []


def _state(site: Site, line: int) -> State:
    return _case(site, line).state


def _case(site: Site, line: int) -> Case:
    with site.store.reading() as transaction:
        case = transaction.last_case(line)
    assert case is not None
    return case


def _forged(lease: Lease, number: int, domain: str, message: int | None = None) -> bytes:
    """A report that comes from nobody knows where, in the name of a domain; our mail server says so."""
    facts = facts_of(lease, number if message is None else message)
    data = letters.arf(facts, random.Random(number)).replace(facts.reporter.encode(), f"x@{domain}".encode())
    own = f"Authentication-Results: {letters.MX}; dkim=pass header.d={domain}\n".encode()
    return letters.delivered(own + data.replace(b"<report-", f"<{number}-report-".encode()))


@pytest.mark.parametrize("domains", [1, 50, 0], ids=["one party", "fifty made-up domains", "a trusted name"])
def test_no_flood_of_forged_reports_does_anything_to_a_line_or_to_a_real_reporter(
    tmp_path: Path, provider: World, domains: int
) -> None:
    lease = lease_of(provider)
    trusted = letters.REPORTERS[0].partition("@")[2]
    with site_of(tmp_path / "a.db", provider) as site:
        site.rate = 20
        site.now = lease.begin + timedelta(hours=2)
        names = [f"made-up-{number}.example" for number in range(domains)] or [trusted]
        # The first has the very message and hour that a real reporter is going to tell of.
        site.take(*(_forged(lease, number, names[number % len(names)], number) for number in range(100)))
        site.settle()
        assert _state(site, lease.line) is State.COLLECTING
        assert site.asked == []
        _decide(site, What.DISMISS)
        for number in (100, 101):
            site.take(_forged(lease, number, trusted))
            site.settle()
            _decide(site, What.DISMISS)
        states = []
        for number in range(3):
            site.now += timedelta(minutes=1)
            site.take(about(lease, number, 7_200))
            site.settle()
            states.append(_state(site, lease.line))
        assert states == [State.COLLECTING, State.STOP_REQUESTED, State.LIMITED]
        assert [one.kind for one in site.asked] == [Kind.LIMIT]


def test_what_is_only_claimed_opens_no_more_than_so_many_cases_in_an_hour(
    tmp_path: Path, provider: World
) -> None:
    first = lease_of(provider)
    some = [one for one in provider.leases if is_like(one, first)]
    lines = {one.line: one for one in (first, *some)}
    with site_of(tmp_path / "a.db", provider) as site:
        site.now, site.rate = first.begin + timedelta(hours=2), 2
        leases = list(lines.values())[:4]
        site.take(*(_forged(one, number, f"made-up-{number}.example") for number, one in enumerate(leases)))
        site.take(_forged(first, 9, "another.example"))  # has a case already
        site.settle()
        with site.store.reading() as transaction:
            incidents = [transaction.incidents_of(number)[0] for number in range(1, 6)]
        assert [(one.weight, one.case) for one in incidents] == [
            (Weight.CLAIMED, 1),
            (Weight.CLAIMED, 2),
            (Weight.TOO_MANY, None),
            (Weight.TOO_MANY, None),
            (Weight.CLAIMED, 1),
        ]
        assert site.ignored == [(ALL_CLAIMED, Weight.TOO_MANY)] * 2
        site.now += timedelta(hours=1)
        site.take(_forged(leases[2], 12, "made-up-12.example"))
        site.settle()
        assert _state(site, leases[2].line) is State.COLLECTING


def _decide(site: Site, what: What) -> None:
    """Let a person decide about the one open case, if there is one."""
    with site.store.transaction() as transaction:
        for case in transaction.listed_cases():
            happen(transaction, site.desk(), case, Event(what, "yamada", "forged"), site.now)


def test_a_person_may_let_a_customer_be_asked_for_what_is_only_claimed(
    tmp_path: Path, provider: World
) -> None:
    lease = lease_of(provider)
    with site_of(tmp_path / "a.db", provider) as site:
        site.now = lease.begin + timedelta(hours=2)
        site.take(*(_forged(lease, number, f"made-up-{number}.example") for number in range(5)))
        site.settle()
        _decide(site, What.APPROVE)
        assert _state(site, lease.line) is State.STOP_REQUESTED


@pytest.mark.parametrize("trusted", [(), ("trusted.example",)], ids=["none is named", "others are"])
def test_of_parties_that_are_new_and_not_named_three_ask_for_a_stop_at_most(
    tmp_path: Path, provider: World, trusted: tuple[str, ...]
) -> None:
    lease = lease_of(provider)
    named = {number: letters.REPORTERS[number].partition("@")[2] for number in range(3)}
    with site_of(tmp_path / "a.db", provider) as site:
        site.now = lease.begin + timedelta(hours=2)
        site.trusted = frozenset(trusted)
        site.take(*(about(lease, number) for number in range(3)))
        site.settle()
        assert _state(site, lease.line) is State.STOP_REQUESTED
        site.trusted = frozenset(named.values())
        site.take(*(about(lease, number, 3_700) for number in range(3, 6)))
        site.settle()
        assert _state(site, lease.line) is State.LIMITED


def test_strangers_have_no_more_than_so_many_customers_asked_in_a_day(
    tmp_path: Path, provider: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sekisho.daemon.desk_cases.STRANGERS_DAY", 1)
    first = lease_of(provider)
    second = next(one for one in provider.leases if one.line != first.line and is_like(one, first))
    with site_of(tmp_path / "a.db", provider) as site:
        site.now = first.begin + timedelta(hours=2)
        site.trusted = frozenset()
        site.take(*(about(lease, number) for lease in (first, second) for number in range(3)))
        site.settle()
        assert [_state(site, one.line) for one in (first, second)] == [State.STOP_REQUESTED, State.COLLECTING]
        assert _case(site, second.line).marks == (Mark.STRANGERS,)
        site.take(about(second, 3, 7_200))
        with capture_logs() as logs:
            site.settle()
        assert not [one for one in logs if one["event"] == "a case waits for people"], "it is told once"
        site.trusted = letters.LOOPS
        site.take(*(about(second, number, 3_700) for number in range(3, 5)))
        site.settle()
        assert _state(site, second.line) is State.STOP_REQUESTED, "those who are trusted are heard"
        assert _case(site, second.line).marks == ()
        third = next(
            one
            for one in provider.leases
            if one.line not in (first.line, second.line) and is_like(one, first)
        )
        site.now += timedelta(days=2)
        site.trusted = frozenset()
        site.take(*(about(third, number) for number in range(3)))
        site.settle()
        assert _state(site, third.line) is State.STOP_REQUESTED


def test_what_trusted_loops_have_led_to_leaves_strangers_their_word(
    tmp_path: Path, provider: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sekisho.daemon.desk_cases.STRANGERS_DAY", 1)
    first = lease_of(provider)
    second = next(one for one in provider.leases if one.line != first.line and is_like(one, first))
    with site_of(tmp_path / "a.db", provider) as site:
        site.now = first.begin + timedelta(hours=2)
        site.take(*(about(first, number) for number in range(2)))
        site.settle()
        site.trusted = frozenset()
        site.take(*(about(second, number) for number in range(2)))
        site.settle()
        assert [_state(site, one.line) for one in (first, second)] == [State.STOP_REQUESTED] * 2


def test_an_account_at_the_domain_of_a_loop_does_not_silence_it(tmp_path: Path, provider: World) -> None:
    lease = lease_of(provider)
    loop = letters.REPORTERS[0]
    with site_of(tmp_path / "a.db", provider) as site:
        site.now, site.rate = lease.begin + timedelta(hours=2), 40
        site.trusted = frozenset({loop})
        for number in range(0, 9, 3):
            by_another = about(lease, number).replace(
                loop.encode(), f"evil@{loop.partition('@')[2]}".encode()
            )
            site.take(by_another)
            site.settle()
            _decide(site, What.DISMISS)
            site.now += timedelta(minutes=1)
        site.take(about(lease, 9, 7_500))
        site.settle()
        with site.store.reading() as transaction:
            weights = [transaction.incidents_of(number)[0].weight for number in range(1, 5)]
    assert weights == [Weight.WEAK, Weight.WEAK, Weight.DOUBTED, Weight.SOUND]


def test_a_report_that_somebody_vouches_for_is_its_reporters(tmp_path: Path, provider: World) -> None:
    lease = lease_of(provider)
    with site_of(tmp_path / "a.db", provider) as site:
        site.now = lease.begin + timedelta(hours=2)
        with site.store.transaction() as transaction:
            for number, vouched in enumerate(("a.net", None)):
                data = letters.xarf(facts_of(lease, number), random.Random(1))
                site.inbox().put(transaction, data, vouched)
        assert site.inbox().take([letters.xarf(facts_of(lease, 2), random.Random(1))], "b.net")
        site.settle()
        with site.store.reading() as transaction:
            found = [one for number in (1, 2, 3) for one in transaction.incidents_of(number)]
    assert [(one.party, one.weight) for one in found] == [
        ("a.net", Weight.SOUND),
        ("example.org", Weight.CLAIMED),
        ("b.net", Weight.SOUND),
    ]


def test_whoever_forwards_what_counts_is_thanked_for_it_once(tmp_path: Path, provider: World) -> None:
    lease, dice = lease_of(provider), random.Random(1)
    written = facts_of(lease, 1)
    domain = written.reporter.partition("@")[2]
    returns = f"Return-Path: <{written.reporter}>\n".encode()

    def forwarded(number: int, domain: str | None = domain) -> bytes:
        facts = replace(facts_of(lease, number), number=1)
        return returns + letters.delivered(letters.forward(facts, dice), domain)

    with site_of(tmp_path / "a.db", provider) as site:
        site.now = lease.begin + timedelta(hours=2)
        first = forwarded(1)
        site.take(returns + about(lease, 4), first, first, forwarded(7, None), first + b"\n", forwarded(10))
        site.settle()
    assert [number for number, _ in site.thanked] == [2, 5]
    assert {one.to for _, one in site.thanked} == {written.reporter}


def test_the_same_again_is_one_report(tmp_path: Path, provider: World) -> None:
    data = about(lease_of(provider), 1)
    with site_of(tmp_path / "a.db", provider) as site:
        site.take(data)
        site.settle()
        before = site.rows(*ALL)
        site.take(data, data)
        site.settle()
        assert site.rows(*ALL) == before


@pytest.mark.parametrize("is_after", [False, True])
def test_killed_between_any_two_steps_nothing_is_lost_and_nothing_done_twice(
    tmp_path: Path,
    provider: World,
    monkeypatch: pytest.MonkeyPatch,
    is_after: bool,
) -> None:
    monkeypatch.setattr(desk_settler, "_BATCH", 2)
    lease = lease_of(provider)
    reports = [about(lease, number, 3_600 + 60 * number) for number in range(4)]
    with site_of(tmp_path / "whole.db", provider, SOON) as site:
        site.now = lease.begin + timedelta(hours=2)
        site.take(*reports)
        site.settle()
        wanted = site.rows(*ALL)
    for kept in range(4):
        with site_of(tmp_path / f"{kept}.db", provider, SOON) as site:
            site.now = lease.begin + timedelta(hours=2)
            deaths = _run(site, reports, kept, is_after=is_after)
            assert deaths == (1 if kept < 3 else 0)
            found = site.rows(*ALL)
        assert [len(found[table]) for table in ALL] == [len(wanted[table]) for table in ALL]
        without_seal = [[row[:-1] for row in rows["report"]] for rows in (found, wanted)]  # type: ignore[index]
        assert without_seal[0] == without_seal[1]
        for table in ("incident", "desk_case", "case_event", "action", "reporter"):
            assert found[table] == wanted[table]


def _run(site: Site, reports: list[bytes], commits: int, *, is_after: bool) -> int:
    """Take and read reports by a process that is killed after so many commits; then by another."""
    deaths = 0
    store: Mortal = Mortal(site.store, commits, is_after)
    for mortal in (store, Mortal(site.store)):
        try:
            if not site.inbox(mortal)._take(reports):
                raise AssertionError
            settler = site.settler(mortal)
            while settler.step():
                pass
        except KilledError:
            deaths += 1
        else:
            return deaths
    raise AssertionError


def test_a_store_that_is_away_loses_nothing(tmp_path: Path, provider: World) -> None:
    with site_of(tmp_path / "a.db", provider) as site:
        site.take(about(lease_of(provider), 1))
        settler = site.settler()

        def away() -> None:
            raise StoreError("the store is away")

        settler._settle_lines = away
        with pytest.raises(StoreError):
            settler.step()
        settler._settle_lines = lambda: None
        assert settler.step()
        assert not settler.step()
        with site.store.reading() as transaction:
            assert transaction.count_unread(10) == 0


def test_what_we_cannot_take_goes_to_people_and_keeps_nothing_back(
    tmp_path: Path, provider: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = lease_of(provider)
    bad, good = about(lease, 1), about(lease, 2)
    real = desk_reading.write_outcome

    def failing(transaction, desk, looked, now):  # type: ignore[no-untyped-def]
        assert isinstance(looked.parsed, Report)
        if looked.parsed.reporter.address == letters.REPORTERS[1]:
            raise ZeroDivisionError
        return real(transaction, desk, looked, now)

    monkeypatch.setattr(desk_settler, "write_outcome", failing)
    with site_of(tmp_path / "a.db", provider) as site:
        site.take(bad, good)
        site.settle()
        with site.store.reading() as transaction:
            (queued,) = transaction.queued_reports()
            assert "our fault (ZeroDivisionError)" in (queued.report.refusal or "")
            assert transaction.incidents_of(queued.number) == ()
            assert [one.party for one in transaction.incidents_of(queued.number + 1)] == ["mail.example.com"]


def test_what_comes_when_all_before_is_forgotten_is_read_although_numbers_begin_anew(
    tmp_path: Path, provider: World
) -> None:
    lease = lease_of(provider)
    with site_of(tmp_path / "a.db", provider) as site:
        settler = site.settler()
        site.take(*(about(lease, number) for number in range(3)))
        while settler.step():
            pass
        with site.store.transaction() as transaction:
            assert transaction.forget_reports(site.now + SECOND) == (3, 0)
        site.take(about(lease, 7))
        while settler.step():
            pass
        with site.store.reading() as transaction:
            assert transaction.count_unread(1) == 0


def test_with_another_key_nothing_is_lost_and_all_is_read_when_the_right_one_is_back(
    tmp_path: Path, provider: World
) -> None:
    lease = lease_of(provider)
    with site_of(tmp_path / "a.db", provider) as site:
        site.now = lease.begin + timedelta(hours=2)
        site.take(about(lease, 0), about(lease, 1))
        site.key = Fernet.generate_key()
        site.take(about(lease, 2))
        settler = site.settler()
        with capture_logs() as logs:
            while settler.step():
                pass
        (told,) = (one for one in logs if one["log_level"] == "error")
        assert "add the key that it was sealed with to the key file" in told["why"]
        assert (told["first"], list(settler.unopened)) == (1, [1, 2])
        assert _unread(site) == [1, 2]
        settler.step()
        with site.store.reading() as transaction:
            assert transaction.queued_reports() == ()
        site.key += b"\n" + KEY
        while settler.step():
            pass
        assert (_unread(site), settler.unopened) == ([], {})
        assert _state(site, lease.line) is State.LIMITED


def test_a_damaged_original_waits_for_people_and_is_read_when_its_row_is_put_back(
    tmp_path: Path, provider: World
) -> None:
    lease = lease_of(provider)
    with site_of(tmp_path / "a.db", provider) as site:
        site.now = lease.begin + timedelta(hours=2)
        site.take(about(lease, 0), about(lease, 1))
        settler = site.settler()
        whole = _exchanged(site, b"\x80damaged", "WHERE number = 1")
        while settler.step():
            pass
        assert "or it is damaged" in settler.unopened[1]
        _exchanged(site, whole, "WHERE number = 1")
        assert not settler.step()
        site.now += timedelta(hours=1)
        while settler.step():
            pass
        assert (_unread(site), settler.unopened) == ([], {})
        assert _state(site, lease.line) is State.STOP_REQUESTED


def _exchanged(site: Site, original: bytes, where: str = "") -> bytes:
    """Put another original into the store, and return the one that was there."""
    with site.store.transaction() as transaction:
        execute = transaction._connection.exec_driver_sql
        before: bytes = execute(f"SELECT original FROM report {where}").scalar_one()  # noqa: S608
        execute(f"UPDATE report SET original = ? {where}", (original,))  # noqa: S608
    return before


def test_an_original_that_somebody_has_exchanged_waits_for_people(tmp_path: Path, provider: World) -> None:
    with site_of(tmp_path / "a.db", provider) as site:
        site.take(about(lease_of(provider), 1))
        _exchanged(site, site.sealer().seal(b"another's"))
        site.settle()
        with site.store.reading() as transaction:
            (queued,) = transaction.queued_reports()
    assert "another report's" in (queued.report.refusal or "")


def _unread(site: Site) -> list[int]:
    with site.store.reading() as transaction:
        return [one.number for one in transaction.unread_reports(0, 100)]


def test_no_more_is_taken_than_can_be_read(
    tmp_path: Path, provider: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_UNREAD > 1_000
    monkeypatch.setattr("sekisho.daemon.desk_doors.MOST_UNREAD", 1)
    with site_of(tmp_path / "a.db", provider) as site:
        inbox = site.inbox()
        assert inbox.take([b"one"])
        assert not inbox.take([b"two"])
        site.settle()
        assert inbox.take([b"two"])


def test_time_ends_what_was_done(tmp_path: Path, provider: World) -> None:
    lease = lease_of(provider)
    with site_of(tmp_path / "a.db", provider, SOON) as site:
        site.take(*(about(lease, number) for number in range(2)))
        site.now = lease.begin + timedelta(hours=2)
        site.settle()
        assert len(site.asked) == 1
        site.now += SOON.limited + SECOND
        site.settler().pass_time()
        assert [one.do for one in site.asked] == ["impose", "lift"]
        with site.store.reading() as transaction:
            assert transaction.measures() == ()
