"""A guardrail that is passed suspends the trial, once, and tells of it once, whatever ends meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from sekisho import sending
from sekisho.api.problems import RefusalError
from sekisho.api.trial_models import ComplaintRequest, ReasonRequest
from sekisho.config.trial_plan import protocol_of
from sekisho.daemon import postman, trial_journal
from sekisho.daemon.guardrail_gauges import Gauged, Gauges
from sekisho.daemon.guardrail_keeper import GuardrailKeeper
from sekisho.daemon.guardrail_state import read_known
from sekisho.daemon.minute_reader import Moment
from sekisho.daemon.postman import Postmen, carriers
from sekisho.measure.readings import Counted, Held, Reading, Row, Timing
from sekisho.model import ClassCounters, Counters, Totals
from sekisho.store import Transaction
from sekisho.trial.events import What
from sekisho.trial.guardrails import What as Watched
from sekisho.trial.standing import State
from sekisho.trial.watching import Errors, begun
from tests.system.patience import patience
from tests.system.waiting import until
from tests.unit.keeping import IDLE, TEXT, FakeGate
from tests.unit.post_office import SECRET, Hooks, Mails, hooks, mails
from tests.unit.test_postman import ALERTS
from tests.unit.test_trial_keeper import OBSERVED, PEER
from tests.unit.trial_site import PHASE, TRIAL, Site, day, site_on

MINUTE = timedelta(minutes=1)
WHY = ReasonRequest(reason="it is mended")
RULES = "[trial.guardrails]\ncomplaints_per_day = 2\n"
TOMORROWS = ComplaintRequest.model_validate({"count": 1, "on": "2026-04-04", "reason": "x"})
MAIL = """\
[alerts.mail]
server = "127.0.0.1"
from = "sekisho@example.net"
to = ["noc@example.net", "owner@example.net"]
"""
GONE = [What.BREACH, What.SUSPENDED]


STEPS = 10  # of a suspension, at which the process may be killed


class KilledError(BaseException):
    """The process is killed."""


@dataclass
class Watching:
    """A daemon's guardrails on a site, whose gauges and clock the test sets."""

    site: Site
    gauged: Gauged = field(default_factory=lambda: Gauged(Errors("run", 7), 0, (), (200, *(0,) * 15), None))

    def __post_init__(self) -> None:
        self.guardrails = GuardrailKeeper(
            self.site.trial,
            self,  # type: ignore[arg-type]  # as gauges
            self.site.store,
            config=lambda: self.site.keeper.kept.config,
            boot="boot",
            clocks=self.clocks,
            on_letters=lambda: None,
        )
        self.site.office._looked = lambda: self.guardrails.looked

    def read(self) -> Gauged:
        return self.gauged

    def clocks(self) -> Moment:
        return Moment(self.site.now, self.site.clocks.steady // timedelta(microseconds=1) * 1_000 + 10**15)

    def minute(self, **gauged: Any) -> None:
        """Let a minute pass, and look."""
        self.site.pass_to(self.site.now + MINUTE)
        self.gauged = self.gauged._replace(**gauged)
        self.guardrails.look_if_due()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "TIMEOUT_SECONDS", patience(60))  # a try that fails waits for a clock
    monkeypatch.setattr(trial_journal, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(postman, "LOOK_SECONDS", 0.01)


@contextmanager
def watching(
    directory: Path, number: float = 3, gate: FakeGate | None = None, more: str = RULES
) -> Iterator[Watching]:
    with site_on(directory, number, gate) as site, capture_logs():
        yield Watching(site.start(TEXT + TRIAL + more))


def letters(site: Site) -> int:
    with site.store.reading() as transaction:
        return transaction.letters_waiting().letters


def test_while_nothing_is_passed_the_trial_goes_on_and_what_is_seen_is_told(tmp_path: Path) -> None:
    with watching(tmp_path) as watched:
        watched.minute()
        watched.minute()
        status = watched.site.office.status()
        assert (status.state, status.looked_at) == (State.RUNNING, watched.site.now)
        told = {one.what: (one.value, one.not_known) for one in status.guardrails}
        assert told[Watched.GATE_ERRORS] == (0.0, None)
        assert told[Watched.DELAY_P99] == (1.0, None)
        assert Watched.LEASES not in told, "there is no source"
        (errors,) = (one for one in status.guardrails if one.what is Watched.GATE_ERRORS)
        assert [(str(one.day), one.value, one.bound) for one in errors.days] == [("2026-04-03", 0.0, 0.0)]


def test_an_error_of_the_gate_suspends_it_at_once_and_only_a_person_resumes(tmp_path: Path) -> None:
    with watching(tmp_path) as watched:
        site = watched.site
        watched.minute()
        assert site.in_kernel == PHASE
        watched.minute(errors=Errors("run", 9))
        assert site.in_kernel == OBSERVED
        assert site.events() == [
            (What.BREACH, "gate errors: 2 a minute, tolerated 0"),
            (What.SUSPENDED, "gate errors: 2 a minute, tolerated 0"),
        ]
        suspension = site.office.status().suspension
        assert suspension is not None
        assert (suspension.by, suspension.uid, suspension.durable) == ("guardrail gate-errors", None, True)
        for _ in range(9):
            watched.minute(errors=Errors("run", 99))
        assert site.in_kernel == OBSERVED
        site.office.resume(WHY, PEER)
        assert site.in_kernel == PHASE
        watched.minute()
        watched.minute()
        assert site.in_kernel == PHASE, "what was before counts no more"
        watched.minute(errors=Errors("run", 100))
        assert site.kinds() == [*GONE, What.RESUMED, *GONE]


def test_complaints_are_counted_recorded_and_stop_it_and_begin_anew_after_it(tmp_path: Path) -> None:
    with watching(tmp_path) as watched:
        site = watched.site
        watched.minute()
        for _ in range(2):
            answer = site.office.complain(ComplaintRequest(count=3, reason="calls"), PEER)
        assert (str(answer.day), answer.count) == ("2026-04-03", 6)
        watched.minute()
        assert site.kinds() == GONE
        assert site.in_kernel == OBSERVED
        assert "complaints have become more: evidence" in site.events()[0][1]
        with pytest.raises(RefusalError, match="is to come"):
            site.office.complain(TOMORROWS, PEER)
        site.office.resume(WHY, PEER)
        for _ in range(5):
            watched.minute()
        assert site.in_kernel == PHASE
        with site.store.reading() as transaction:
            audit = [(one.entry.action, one.entry.outcome.split(":")[0]) for one in transaction.records()]
        assert audit[:3] == [
            ("trial complaint", "3 more on 2026-04-03"),
            ("trial complaint", "3 more on 2026-04-03"),
            ("trial complaint", "refused"),
        ]
        status = site.office.status()
        assert status.complaints is not None
        assert [(str(one.day), one.count) for one in status.complaints] == [("2026-04-03", 6)]
        site.office.complain(ComplaintRequest(count=6, reason="calls"), PEER)
        watched.minute()
        assert site.kinds() == [*GONE, What.RESUMED, *GONE]


def test_state_outlasts_a_restart(tmp_path: Path) -> None:
    with watching(tmp_path) as watched:
        watched.minute()
        watched.site.office.complain(ComplaintRequest(count=3, reason="calls"), PEER)
        watched.minute()
        assert watched.site.kinds() == []
        watched.guardrails.stop()
        gate = watched.site.gate
    with watching(tmp_path, 3.01, gate) as watched:
        watched.minute(errors=Errors("run", 7))
        assert watched.site.kinds() == []
        watched.site.office.complain(ComplaintRequest(count=2, reason="calls"), PEER)
        watched.minute()
        assert watched.site.kinds() == GONE, "3 and 2 are enough, neither alone"


def test_state_outlasts_a_store_that_is_away_at_the_first_look(tmp_path: Path) -> None:
    with watching(tmp_path) as watched:
        watched.minute()
        watched.site.office.complain(ComplaintRequest(count=3, reason="calls"), PEER)
        watched.minute()
        gate = watched.site.gate
    with watching(tmp_path, 3.01, gate) as watched:
        watched.site.store.is_away = True
        watched.minute()
        (complaints,) = (
            one for one in watched.site.office.status().guardrails if one.what is Watched.COMPLAINTS
        )
        assert complaints.value is None
        assert "the store is away" in (complaints.not_known or "")
        watched.site.store.is_away = False
        watched.site.office.complain(ComplaintRequest(count=2, reason="calls"), PEER)
        watched.minute()
        assert [one for one in watched.site.kinds() if one in GONE] == GONE


def test_errors_between_the_last_look_and_a_restart_are_not_forgotten(tmp_path: Path) -> None:
    with watching(tmp_path) as watched:
        watched.minute()
        watched.guardrails.stop()
        gate = watched.site.gate
    with watching(tmp_path, 3.01, gate) as watched:
        watched.minute(errors=Errors("run", 8))
        assert watched.site.kinds() == GONE


def test_with_the_store_away_the_gate_observes_and_all_is_written_once_it_is_back(tmp_path: Path) -> None:
    with watching(tmp_path, more=RULES + MAIL) as watched:
        watched.minute()
        watched.site.store.is_away = True
        watched.minute()
        watched.minute(errors=Errors("run", 9))
        assert watched.site.in_kernel == OBSERVED
        watched.site.store.is_away = False
        until(lambda: watched.site.kinds() == GONE)
        assert letters(watched.site) == 2


def test_what_somebody_else_has_suspended_is_not_suspended_again(tmp_path: Path) -> None:
    with watching(tmp_path) as watched:
        watched.minute()
        watched.site.office.suspend(WHY, PEER)
        watched.minute(errors=Errors("run", 9))
        assert watched.site.kinds() == [What.SUSPENDED]
        assert watched.site.office.status().looked_at is None


def test_before_the_begin_and_after_the_end_nothing_is_watched(tmp_path: Path) -> None:
    for number in (1, 32):
        with watching(tmp_path, number) as watched:
            watched.minute()
            watched.minute(errors=Errors("run", 9))
            assert watched.site.kinds() == []
            assert watched.guardrails.looked is None


def test_a_difference_between_on_and_off_is_asked_of_the_minutes(tmp_path: Path) -> None:
    more = '[trial.guardrails]\ndifference = "refused"\nharmless = 5\n'
    with watching(tmp_path, 3, more=more) as watched:
        site = watched.site
        watched.minute()
        with site.store.transaction() as transaction:
            for number in range(4, 15):
                put_day(transaction, number)
        for number in range(5, 16):
            site.pass_to(day(number + 0.01))
            watched.minute()
        assert [one for one in site.kinds() if one in GONE] == GONE
        (said,) = (said for what, said in site.events() if what is What.BREACH)
        assert said.startswith("the daily difference is at least")


def test_a_difference_is_of_each_unit_by_itself(tmp_path: Path) -> None:
    """Put together, a class of which more is refused whatever holds would make one by being on longer."""
    more = '[trial.guardrails]\ndifference = "refused"\nharmless = 5\n'
    drawn = 'from = 2026-04-10\nto = 2026-04-20\nseed = 1\nblock = "6h"\nunits = "classes"\n'
    often, seldom = ClassCounters(attempted=100, refused=50), ClassCounters(attempted=100, refused=1)
    held = [("dynamic", "on", often)] * 3 + [("dynamic", "off", often), ("fixed", "on", seldom)]
    with watching(tmp_path, 11.5, more=f"{more}[trial.switchback]\n{drawn}") as watched:
        rows = tuple(
            Row("gate", (name, 0), Held(arm), day(11) + n * MINUTE, Timing.KNOWN, MINUTE, counts)
            for n, (name, arm, counts) in enumerate([*held, *[("fixed", "off", seldom)] * 3])
        )
        with watched.site.store.transaction() as transaction:
            transaction.put_counted(Counted(rows, (), Reading("gate", "run", day(11), 0, {})))
            protocol = protocol_of(watched.site.keeper.kept.config)
            assert protocol is not None
            known = read_known(transaction, protocol, "gate", begun(day(9)), day(12.5))
        assert known.days[day(11).date()] == pytest.approx(0.0)


def put_day(transaction: Transaction, number: float) -> None:
    """Put a day in which 30 or 40 of 100 sessions were refused while on, and 10 while off."""
    rows = tuple(
        Row("gate", ("dynamic", 0), Held(arm), day(number + at), Timing.KNOWN, MINUTE, counts)
        for at, arm, counts in (
            (0.1, "on", ClassCounters(attempted=100, refused=30 + int(number) % 2 * 10)),
            (0.2, "off", ClassCounters(attempted=100, refused=10)),
        )
    )
    transaction.put_counted(Counted(rows, (), Reading("gate", "run", day(number), 0, {})))


@dataclass
class Gauging:
    """A gate whose counters, hold and interfaces the test sets."""

    site: Site
    totals: Totals = field(default_factory=Totals)
    failing: bool = False

    def __post_init__(self) -> None:
        self.hold = self
        self.now = replace(IDLE, lateness=())

    @property
    def kept(self) -> object:
        return self.site.keeper.kept

    def state(self) -> object:
        return self.now

    def counters(self) -> Counters:
        if self.failing:
            raise RefusalError(503, "ending", "x", "y")
        return Counters({}, self.totals)

    def counters_id(self) -> int:
        return 3


def test_gauges_tell_what_came_since_the_last_reading(tmp_path: Path) -> None:
    with site_on(tmp_path, 3) as site:
        gate, on, taken = Gauging(site.build()), ["sub0"], [None, 5, 7, 2]
        gauges = Gauges(
            gate,  # type: ignore[arg-type]  # as much of a keeper as is needed
            boot="boot",
            interfaces=lambda: frozenset(on),
            taken=lambda: taken.pop(0),
        )
        configured = site.keeper.kept.config.gate.interfaces
        first = gauges.read()
        assert first.errors == Errors("boot/3", 0)
        assert first.astray == tuple(one for one in configured if one != "sub0")
        assert (first.dropped, first.late, first.leases) == (0, (), None)
        on[:] = configured
        gate.totals = Totals(lines_full=1, slots_full=2, busy=9)
        gate.now = replace(IDLE, dropped=3, lateness=(5, 0, 1))
        second = gauges.read()
        assert second.errors == Errors("boot/3", 3), "a lost race is none"
        assert (second.dropped, second.astray, second.late, second.leases) == (3, (), (5, 0, 1), 5)
        gate.now = replace(IDLE, dropped=7, lateness=(7, 0, 1))
        gate.failing = True
        third = gauges.read()
        assert (third.dropped, third.late, third.leases) == (4, (2, 0, 0), 2)
        assert "cannot be read" in str(third.errors)
        assert gauges.read().leases == 2, "they are counted anew"


@dataclass
class Deaths:
    """Kills the process at a step: what is dead does nothing more, also in no `finally`."""

    at: int
    seen: int = 0

    def step(self) -> None:
        self.seen += 1
        if self.seen >= self.at:
            raise KilledError


@pytest.mark.parametrize("at", range(1, STEPS + 2))
def test_killed_between_any_two_steps_one_of_each_reaches_who_is_told(
    tmp_path: Path, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when somebody has taken a letter and the store does not know it, it goes twice, under one id."""
    with hooks() as web, mails() as post:
        (tmp_path / "secret").write_text(SECRET)
        (tmp_path / "secret").chmod(0o600)
        more = RULES + ALERTS.format(url=web.url, port=post.port)
        deaths, gate = Deaths(at), None
        with watching(tmp_path, 3, more=more) as watched:
            watched.minute()
            gate = watched.site.gate
            killed_at(watched, deaths, monkeypatch)
            try:
                watched.minute(errors=Errors("run", 9))
                for one in carrying(watched, deaths.step)._postmen:
                    one.deliver()
            except KilledError:
                kill(watched)
            monkeypatch.undo()
            monkeypatch.setattr(postman, "LOOK_SECONDS", 0.01)
        with watching(tmp_path, 3.01, gate, more=more) as watched:
            postmen = carrying(watched, lambda: None)
            postmen.start()
            try:
                watched.minute(errors=Errors("run", 9))
                assert watched.site.in_kernel == OBSERVED
                until(lambda: reached(web, post) and not letters(watched.site))
            finally:
                postmen.stop()
            assert [one for one in watched.site.kinds() if one in GONE] == GONE
        assert len(web.ids()) + len(post.ids()) <= 3
    assert (deaths.seen >= at) == (at <= STEPS)


@contextmanager
def two_gates(directory: Path) -> Iterator[tuple[Watching, Watching]]:
    """The guardrails of two gates whose daemons keep one store."""
    with ExitStack() as stack:
        stack.enter_context(capture_logs())
        east, west = (stack.enter_context(site_on(directory, 3)) for _ in range(2))
        for site, name in ((east, "east"), (west, "west")):
            site.start(TEXT.replace("[gate]", f'[gate]\nname = "{name}"') + TRIAL + RULES)
        yield Watching(east), Watching(west)


def test_of_two_gates_with_one_store_each_is_watched_and_a_breach_at_one_stops_both(tmp_path: Path) -> None:
    with two_gates(tmp_path) as (east, west):
        for _ in range(2):
            east.minute(errors=Errors("of east", 3))
            west.minute(errors=Errors("of west", 90))
        assert east.site.kinds() == []
        west.minute(errors=Errors("of west", 91))
        until(lambda: east.site.in_kernel == OBSERVED)
        assert west.site.in_kernel == OBSERVED
        suspension = east.site.office.status().suspension
        assert suspension is not None
        assert suspension.by == "guardrail gate-errors"
        east.site.office.resume(WHY, PEER)
        until(lambda: west.site.in_kernel == PHASE)
        for one in (east, west, east, west):
            one.minute()
        assert east.site.kinds() == [*GONE, What.RESUMED], "what was before counts no more, at neither"


def test_of_two_gates_each_goes_on_from_its_own_state(tmp_path: Path) -> None:
    for of_west in (90, 90, 91):
        with two_gates(tmp_path) as (east, west):
            west.minute(errors=Errors("of west", of_west))
            east.minute(errors=Errors("of east", 3))
            kinds = east.site.kinds()
            east.guardrails.stop()
            west.guardrails.stop()
        assert kinds == (GONE if of_west == 91 else [])


FINE = (200, *(0,) * 15)


@pytest.mark.parametrize(
    "passed",
    [
        {"dropped": 2},
        {"late": (0,) * 15 + (200,)},
        {"leases": 0},  # for as long as is tolerated
    ],
)
@pytest.mark.parametrize("at", range(1, 8))
def test_killed_at_any_step_what_the_process_alone_knew_is_judged_or_told_to_be_missing(
    tmp_path: Path, at: int, passed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hold and sources count anew in the next process, where all is well."""
    more = RULES + 'leases = "30s"\n'
    deaths = Deaths(at)
    with watching(tmp_path, 3, more=more) as watched:
        watched.minute(leases=5)
        gate = watched.site.gate
        killed_at(watched, deaths, monkeypatch)
        with suppress(KilledError):
            watched.minute(**passed)
            watched.site.trial.journal.try_to_write()
        kill(watched)
        monkeypatch.undo()
    is_found = deaths.seen > 1
    with watching(tmp_path, 3.0014, gate, more=more) as watched:
        watched.gauged = watched.gauged._replace(leases=5, late=FINE, dropped=0)
        watched.minute()
        kinds = [one for one in watched.site.kinds() if one is not What.FOLLOWED_LATE]
        if is_found:
            assert [one for one in kinds if one in GONE] == GONE
            assert watched.site.in_kernel == OBSERVED
        else:
            assert kinds == [What.UNWATCHED]
            (said,) = (said for what, said in watched.site.events() if what is What.UNWATCHED)
            assert said.endswith("a daemon ended without a last look")


def kill(watched: Watching) -> None:
    """End a process without order: nothing that waits is written."""
    watched.site.started = False
    watched.site.trial.journal._waiting.clear()
    watched.site.trial.stop()


def test_a_daemon_that_ends_in_order_looks_once_more_and_nothing_is_missing(tmp_path: Path) -> None:
    with watching(tmp_path) as watched:
        watched.guardrails.start()
        until(lambda: watched.guardrails.looked is not None)
        watched.guardrails.stop()
        gate = watched.site.gate
    with watching(tmp_path, 3.01, gate) as watched:
        watched.minute()
        assert watched.site.kinds() == []
    with watching(tmp_path, 3.02, gate) as watched:
        watched.site.store.is_away = True
        watched.minute()
        watched.minute()
        watched.site.store.is_away = False
        watched.minute()
        assert watched.site.kinds() == [What.UNWATCHED], "told once, and not before it can be written"


def test_the_last_look_may_be_the_one_that_suspends(tmp_path: Path) -> None:
    with watching(tmp_path) as watched:
        watched.minute()
        watched.gauged = watched.gauged._replace(errors=Errors("run", 9))
        watched.guardrails.stop()
        assert watched.site.kinds() == GONE


def reached(web: Hooks, post: Mails) -> bool:
    """Tell whether each was told of one thing."""
    return len(set(web.ids())) == 1 and len(set(post.ids())) == 1


def killed_at(watched: Watching, deaths: Deaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each step of a suspension be one at which the process may be killed."""
    site = watched.site

    def before(owner: object, name: str) -> None:
        real: Callable[..., object] = getattr(owner, name)

        def stepping(*arguments: object, **more: object) -> object:
            deaths.step()
            return real(*arguments, **more)

        monkeypatch.setattr(owner, name, stepping)

    before(watched.guardrails, "_keep")
    before(site.trial, "suspend")
    before(site.trial.journal, "note")
    before(site.trial, "_follow")
    before(site.trial.journal, "try_to_write")
    before(watched.guardrails, "_on_letters")


def carrying(watched: Watching, sent: Callable[[], None]) -> Postmen:
    site = watched.site

    def config() -> object:
        return site.keeper.kept.config

    made = carriers(config, site_directory(site), lambda: site.now)  # type: ignore[arg-type]

    def told(carry: Callable[..., None]) -> Callable[..., None]:
        def carry_and_tell(letter: object) -> None:
            sent()
            carry(letter)
            sent()

        return carry_and_tell

    return Postmen({kind: told(one) for kind, one in made.items()}, site.store, "gate", utc=lambda: site.now)


def site_directory(site: Site) -> Path:
    return Path(site.store.url.removeprefix("sqlite:///")).parent
