"""What is asked of NASes to suspend a whole line: until each has done it, and again at the next login."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sekisho.coa_client import AskError, Nas
from sekisho.config import Config
from sekisho.daemon.desk_nases import NasActions
from sekisho.desk.actions import Action, Progress
from sekisho.desk.case_values import Case, Event, Evidence, Kind, What
from sekisho.desk.cases import decide, open_case
from sekisho.desk.coa import Answer, Code, Request
from sekisho.desk.policy import Policy
from sekisho.lines.events import Ending, Lease
from sekisho.model import Address
from sekisho.store import Store, open_store
from tests.store.empty import lay_empty_store
from tests.unit.configuring import good
from tests.unit.test_config_desk import WHOLE

NOW = datetime(2026, 4, 1, 3, tzinfo=UTC)
HOME = Address(bytes((100, 64, 0, 1)), 32)
SUSPEND = Event(What.SUSPEND, "yamada", "grave", Kind.LINE)
NAS = """
[[desk.nas]]
name = "bng1"
address = "127.0.0.1:3799"
secret_file = "coa"
pools = ["100.64.0.0/16"]
"""
COA = 'suspend = { "Filter-Id" = "closed" }\nrestore = { "Filter-Id" = "open" }\n'


@dataclass
class Site:
    store: Store
    directory: Path
    text: str = NAS
    now: datetime = NOW
    answer: Answer | AskError = field(default_factory=lambda: Answer(True))
    asked: list[Request] = field(default_factory=list)

    def config(self) -> Config:
        return good(WHOLE + self.text)

    def ask(self, nas: Nas, request: Request) -> Answer:
        assert nas == Nas("127.0.0.1", 3799, b"a secret of these tests")
        self.asked.append(request)
        if isinstance(self.answer, AskError):
            raise self.answer
        return self.answer

    def actions(self) -> NasActions:
        return NasActions(self.store, self.config, self.directory, lambda: self.now, self.ask)

    def suspended(self) -> Case:
        with self.store.transaction() as transaction:
            line = transaction.number_lines(["alice"])["alice"]
            case = transaction.add_case(open_case(0, line, "dynamic", NOW, None), None)
            policy = Policy(grave=frozenset())
            return self.decide(transaction, case, SUSPEND, policy)

    def decide(self, transaction, case: Case, event: Event, policy: Policy) -> Case:  # type: ignore[no-untyped-def]
        decision = decide(case, event, self.now, policy, ())
        assert decision.refusal is None
        transaction.put_decision(case, event, decision, self.now, evidence=Evidence(), due=None)
        return decision.case

    def log_in(self, case: Case, begin: datetime) -> None:
        with self.store.transaction() as transaction:
            transaction.change_leases([], [Lease(HOME, begin, b"x" * 16, case.line)])

    def log_out(self, case: Case, begin: datetime) -> None:
        with self.store.transaction() as transaction:
            before = Lease(HOME, begin, b"x" * 16, case.line)
            transaction.change_leases([before], [before._replace(end=self.now, ending=Ending.STOP)])

    def last(self, case: Case) -> Action:
        with self.store.reading() as transaction:
            return transaction.case_actions(case.number)[-1]

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    secret = tmp_path / "coa"
    secret.write_text("a secret of these tests\n")
    secret.chmod(0o600)
    store = open_store(lay_empty_store(tmp_path / "store.db"))
    with capture_logs():
        yield Site(store, tmp_path)
    store.close()


def test_a_login_is_ended_and_its_stop_confirms_it(site: Site) -> None:
    case = site.suspended()
    site.log_in(case, NOW - timedelta(hours=1))
    site.actions().step()
    (request,) = site.asked
    assert (request.code, request.attributes) == (Code.DISCONNECT_REQUEST, ((8, HOME.network),))
    assert site.last(case).progress is Progress.ACKNOWLEDGED
    site.log_out(case, NOW - timedelta(hours=1))
    site.actions().step()
    assert site.last(case).progress is Progress.VERIFIED
    assert len(site.asked) == 1


def test_the_next_login_is_ended_too_but_no_oftener_than_once_a_minute(site: Site) -> None:
    case = site.suspended()
    site.actions().step()  # it is offline
    assert site.last(case).progress is Progress.VERIFIED
    assert site.asked == []
    site.later(10)
    site.log_in(case, site.now)
    site.actions().step()
    assert site.asked == []
    site.later(60)
    site.actions().step()
    site.actions().step()
    assert len(site.asked) == 1


def test_a_refusal_says_why_and_is_not_repeated_unless_it_may_pass(site: Site) -> None:
    case = site.suspended()
    site.log_in(case, NOW - timedelta(hours=1))
    site.answer = Answer(False, 506)
    site.actions().step()
    assert (site.last(case).progress, site.last(case).cause) == (Progress.WAITING, 506)
    site.later(60)
    site.answer = Answer(False, 501)
    site.actions().step()
    site.later(3_600)
    site.actions().step()
    assert (site.last(case).progress, site.last(case).cause) == (Progress.REFUSED, 501)
    assert len(site.asked) == 2


def test_a_login_that_is_gone_is_what_was_wanted(site: Site) -> None:
    case = site.suspended()
    site.log_in(case, NOW - timedelta(hours=1))
    site.answer = Answer(False, 503)
    site.actions().step()
    assert site.last(case).progress is Progress.VERIFIED


def test_a_nas_that_is_away_is_asked_until_it_is_back(site: Site) -> None:
    case = site.suspended()
    site.log_in(case, NOW - timedelta(hours=1))
    site.answer = AskError("no answer")
    for _ in range(3):
        site.actions().step()
        site.later(3_600)
    assert (site.last(case).progress, site.last(case).timeouts) == (Progress.WAITING, 3)
    site.answer = Answer(True)
    site.actions().step()
    assert site.last(case).progress is Progress.ACKNOWLEDGED


def test_whoever_ends_while_a_nas_is_asked_asks_again(site: Site) -> None:
    case = site.suspended()
    site.log_in(case, NOW - timedelta(hours=1))

    class Ending(BaseException):
        pass

    def end(_: Nas, __: Request) -> Answer:
        raise Ending

    with pytest.raises(Ending):
        NasActions(site.store, site.config, site.directory, lambda: site.now, end).step()
    assert site.last(case).progress is Progress.ASKED
    for _ in range(2):
        site.later(60)
        site.actions().step()
    assert len(site.asked) == 1
    assert site.last(case).progress is Progress.ACKNOWLEDGED


def test_a_change_of_the_login_is_set_back_when_it_is_restored(site: Site) -> None:
    site.text = NAS + COA
    case = site.suspended()
    site.log_in(case, NOW - timedelta(hours=1))
    site.actions().step()
    assert site.last(case).progress is Progress.VERIFIED
    site.later(60)
    with site.store.transaction() as transaction:
        site.decide(transaction, case, Event(What.RESTORE, "yamada", "cleaned"), Policy())
    site.actions().step()
    assert [(one.code, one.attributes[-1]) for one in site.asked] == [
        (Code.COA_REQUEST, (11, b"closed")),
        (Code.COA_REQUEST, (11, b"open")),
    ]
    assert site.last(case).progress is Progress.VERIFIED


def test_a_line_that_no_nas_has_stays_unconfirmed(site: Site) -> None:
    site.text = NAS.replace("100.64.0.0/16", "192.0.2.0/24")
    case = site.suspended()
    site.log_in(case, NOW - timedelta(hours=1))
    with capture_logs() as logs:
        site.actions().step()
    assert site.last(case).progress is Progress.WAITING
    assert any(one["event"] == "no NAS is asked" for one in logs)
    assert "100.64" not in repr(logs)
