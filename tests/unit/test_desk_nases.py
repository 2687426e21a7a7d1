"""What is asked of NASes to suspend a whole line: until each has done it, and again at the next login."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sekisho.coa_client import AskError, Nas
from sekisho.config import Config, parse
from sekisho.daemon.desk_nases import NasActions
from sekisho.desk.actions import Action, Progress, again
from sekisho.desk.asked import Became, Part
from sekisho.desk.asking import NO_NAS, NO_RESTORE
from sekisho.desk.case_values import Case, Event, Evidence, Kind, What
from sekisho.desk.cases import decide, open_case
from sekisho.desk.coa import Answer, Code, Request
from sekisho.desk.policy import Policy
from sekisho.lines.events import Ending, Holding, Lease, Login, Said
from sekisho.model import Address
from sekisho.store import Store, open_store
from tests.store.empty import lay_empty_store
from tests.unit.test_config_desk import WHOLE

NOW = datetime(2026, 4, 1, 3, tzinfo=UTC)
HOME, OTHER = (Address(bytes((100, 64, 0, last)), 32) for last in (1, 9))
KEY = b"x" * 16
ALICE = Said("8100001f", "alice@isp.example")
NAMED = ((1, b"alice@isp.example"), (44, b"8100001f"), (8, HOME.network))
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
    answers: Callable[[Request], Answer] | None = None  # in its place
    asked: list[Request] = field(default_factory=list)

    def config(self) -> Config:
        config = parse((WHOLE + self.text).encode()).config
        assert config is not None
        return config

    def ask(self, nas: Nas, request: Request) -> Answer:
        assert nas == Nas("127.0.0.1", 3799, b"a secret of these tests")
        self.asked.append(request)
        if self.answers is not None:
            return self.answers(request)
        if isinstance(self.answer, AskError):
            raise self.answer
        return self.answer

    def actions(self) -> NasActions:
        return NasActions(self.store, self.config, self.directory, lambda: self.now, self.ask)

    def suspended(self, name: str = "alice") -> Case:
        with self.store.transaction() as transaction:
            line = transaction.number_lines([name])[name]
            case = transaction.add_case(open_case(0, line, "dynamic", NOW, None), None)
            policy = Policy(grave=frozenset())
            return self.decide(transaction, case, SUSPEND, policy)

    def decide(self, transaction, case: Case, event: Event, policy: Policy) -> Case:  # type: ignore[no-untyped-def]
        decision = decide(case, event, self.now, policy, ())
        assert decision.refusal is None
        transaction.put_decision(case, event, decision, self.now, evidence=Evidence(), due=None)
        return decision.case

    def log_in(
        self,
        case: Case,
        begin: datetime,
        address: Address = HOME,
        said: Said = ALICE,
        key: bytes = KEY,
        seen: datetime | None = None,
    ) -> None:
        login = Login("bng1", case.line, 0, begin, begin, seen or begin, (begin,), said=said)
        with self.store.transaction() as transaction:
            transaction.change_leases([], [Lease(address, begin, key, case.line)])
            transaction.put_logins({key: login})

    def log_out(self, case: Case, begin: datetime) -> None:
        with self.store.transaction() as transaction:
            before = Lease(HOME, begin, KEY, case.line)
            transaction.change_leases([before], [before._replace(end=self.now, ending=Ending.STOP)])

    def restore(self, case: Case) -> None:
        self.later(60)
        with self.store.transaction() as transaction:
            known = transaction.case(case.number)
            assert known is not None
            self.decide(transaction, known, Event(What.RESTORE, "yamada", "cleaned"), Policy())

    def last(self, case: Case) -> Action:
        with self.store.reading() as transaction:
            return [one for one in transaction.case_actions(case.number) if one.kind is Kind.LINE][-1]

    def unconfirmed(self) -> tuple[Action, ...]:
        with self.store.reading() as transaction:
            return tuple(one for one in transaction.unconfirmed_actions() if one.kind is Kind.LINE)

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Sessions:
    """What a NAS has: it takes what fits in all that a request names, and ends it (RFC 5176 §3)."""

    there: dict[Said, Address]
    met: list[Said] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        found = [said for said, address in self.there.items() if self._fits(request, said, address)]
        if not found:
            return Answer(False, 503)
        self.met += found
        if request.code is Code.DISCONNECT_REQUEST:
            for said in found:
                del self.there[said]
        return Answer(True)

    def _fits(self, request: Request, said: Said, address: Address) -> bool:
        has = {1: said.user.encode(), 44: said.session.encode(), 8: address.network}
        return all(has[key] == value for key, value in request.attributes if key in has)


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
    assert (request.code, request.attributes) == (Code.DISCONNECT_REQUEST, NAMED)
    assert site.last(case).progress is Progress.ACKNOWLEDGED
    site.log_out(case, NOW - timedelta(hours=1))
    site.actions().step()
    assert site.last(case).progress is Progress.VERIFIED
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    "began",
    [
        lambda site: site.now,
        lambda _: NOW - timedelta(seconds=20),  # before the decision, and told after it
        lambda site: site.now - timedelta(minutes=5),  # by a clock that is behind
    ],
)
def test_the_next_login_is_ended_too_but_no_oftener_than_once_a_minute(
    site: Site, began: Callable[[Site], datetime]
) -> None:
    case = site.suspended()
    site.actions().step()  # it is offline
    assert site.last(case).progress is Progress.VERIFIED
    assert site.asked == []
    site.later(10)
    site.log_in(case, began(site))
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
    actions = site.actions()
    actions.step()
    assert (site.last(case).progress, site.last(case).cause) == (Progress.WAITING, 506)
    site.later(60)
    site.answer = Answer(False, 501)
    actions.step()
    site.later(3_600)
    actions.step()
    assert (site.last(case).progress, site.last(case).cause) == (Progress.REFUSED, 501)
    assert len(site.asked) == 2
    site.answer = Answer(True)
    with site.store.transaction() as transaction:
        for one in again(transaction.case_actions(case.number), site.now):
            transaction.put_action(one)
    actions.step()
    assert (site.last(case).progress, site.last(case).cause) == (Progress.ACKNOWLEDGED, None)
    assert len(site.asked) == 3


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
    actions = site.actions()
    actions.step()
    assert site.last(case).progress is Progress.ACKNOWLEDGED, "the NAS says so, and nothing shows it"
    site.later(3_600)
    actions.step()
    assert len(site.asked) == 1
    site.restore(case)
    actions.step()
    assert [(one.code, one.attributes) for one in site.asked] == [
        (Code.COA_REQUEST, (*NAMED, (11, b"closed"))),
        (Code.COA_REQUEST, (*NAMED, (11, b"open"))),
    ]
    assert site.last(case).progress is Progress.ACKNOWLEDGED
    assert site.unconfirmed() == ()


def test_what_nothing_sets_back_is_not_said_to_be(site: Site) -> None:
    site.text = NAS + 'suspend = { "Filter-Id" = "closed" }\n'
    case = site.suspended()
    site.log_in(case, NOW - timedelta(hours=1))
    site.actions().step()
    site.restore(case)
    with capture_logs() as logs:
        site.actions().step()
    assert site.last(case).progress is Progress.WAITING
    assert NO_RESTORE in [one.get("why") for one in logs]
    site.log_out(case, NOW - timedelta(hours=1))
    site.later(3_600)
    site.actions().step()
    assert site.last(case).progress is Progress.VERIFIED, "the login that was changed is over"


def test_of_what_was_ended_nothing_is_to_be_set_back(site: Site) -> None:
    other = NAS.replace("bng1", "bng2").replace("100.64.0.0/16", "192.0.2.0/24")
    site.text = NAS + other + COA
    case = site.suspended()
    site.restore(case)
    site.log_in(case, NOW)
    actions = site.actions()
    actions.step()
    site.later(3_600)
    actions.step()
    assert (site.asked, site.last(case).progress) == ([], Progress.VERIFIED)
    assert site.unconfirmed() == ()


@pytest.mark.parametrize("text", [NAS, NAS + COA, NAS + "user = true\n"])
def test_whoever_has_the_address_by_now_is_not_met(site: Site, text: str) -> None:
    site.text = text
    nas = Sessions({ALICE._replace(session="81000020", user="bob"): HOME})
    site.answers = nas.answer
    case = site.suspended()
    site.log_in(case, NOW - timedelta(hours=1))  # of whose end, and of whose address since, nothing is told
    actions = site.actions()
    actions.step()
    assert (nas.met, site.last(case).progress) == ([], Progress.VERIFIED)
    site.restore(case)
    actions.step()
    assert nas.met == []


def test_a_login_of_which_nothing_tells_its_id_is_asked_for_by_the_lines_name_or_not_at_all(
    site: Site,
) -> None:
    case = site.suspended()
    site.log_in(case, NOW - timedelta(hours=1), said=Said())
    with capture_logs() as logs:
        site.actions().step()
    assert (site.asked, site.last(case).progress) == ([], Progress.WAITING)
    assert "accounting tells no Acct-Session-Id" in logs[-1]["why"]
    assert "100.64" not in repr(logs)
    site.text = NAS + "user = true\n"
    site.later(3_600)
    site.actions().step()
    assert site.asked[-1].attributes == ((1, b"alice"), (8, HOME.network))


def test_what_a_list_gives_is_the_lines_and_nothing_shows_that_its_login_has_ended(site: Site) -> None:
    case = site.suspended()
    with site.store.transaction() as transaction:
        transaction.change_leases([], [Lease(HOME, NOW, KEY, case.line)])
        transaction.put_holdings({HOME: Holding(case.line, KEY, static=True)})
    actions = site.actions()
    actions.step()
    site.later(3_600)
    actions.step()
    assert [one.attributes for one in site.asked] == [((8, HOME.network),)]
    assert site.last(case).progress is Progress.ACKNOWLEDGED


def test_each_login_of_a_line_is_ended_and_one_that_is_gone_hides_no_other(site: Site) -> None:
    true = ALICE._replace(session="81000020")
    nas = Sessions({true: OTHER})
    site.answers = nas.answer
    case = site.suspended()
    site.log_in(case, NOW - timedelta(days=3))  # its Stop was lost
    site.log_in(case, NOW - timedelta(minutes=5), OTHER, true, b"y" * 16)
    actions = site.actions()
    actions.step()
    assert (nas.met, site.last(case).progress) == ([true], Progress.ACKNOWLEDGED)
    site.later(60)
    actions.step()  # no Stop has come
    actions.step()  # the NAS is asked again, and knows it no more
    assert (len(site.asked), site.last(case).progress) == (3, Progress.VERIFIED)
    site.later(3_600)
    actions.step()
    assert len(site.asked) == 3


def test_a_login_of_which_accounting_goes_on_to_tell_is_not_gone(site: Site) -> None:
    """As where a NAS has other names for its logins than it tells."""
    site.answers = Sessions({}).answer
    case = site.suspended()
    began = NOW - timedelta(hours=1)
    site.log_in(case, began)
    actions = site.actions()
    actions.step()
    assert site.last(case).progress is Progress.VERIFIED
    site.log_in(case, began, seen=NOW + timedelta(minutes=5))
    site.later(600)
    actions.step()
    actions.step()
    assert (len(site.asked), site.last(case).progress) == (2, Progress.ACKNOWLEDGED)


TWO = NAS.replace("/16", "/29") + NAS.replace("bng1", "bng2").replace("0.0/16", "0.8/29")
AT_BNG2 = (8, OTHER.network)


def at_two(site: Site, text: str = TWO) -> Case:
    """Suspend a line that has a login at each of two NASes."""
    site.text = text
    case = site.suspended()
    site.log_in(case, NOW - timedelta(hours=1))
    site.log_in(case, NOW - timedelta(hours=1), OTHER, ALICE, b"y" * 16)
    return case


def test_one_nas_that_is_away_keeps_no_other_from_being_asked(site: Site) -> None:
    def answers(request: Request) -> Answer:
        if AT_BNG2 not in request.attributes:
            raise AskError("no answer")
        return Answer(True)

    site.answers = answers
    case = at_two(site)
    site.actions().step()
    assert (len(site.asked), site.last(case).progress) == (2, Progress.WAITING)


def test_one_nas_that_refuses_does_not_end_the_asking_of_another_that_is_away(site: Site) -> None:
    is_away = True

    def answers(request: Request) -> Answer:
        if AT_BNG2 not in request.attributes:
            return Answer(False, 404)
        if is_away:
            raise AskError("no answer")
        return Answer(True)

    site.answers = answers
    case = at_two(site, TWO + COA)
    actions = site.actions()
    refused = Part(Became.REFUSED, "bng1", 404, "the request is invalid")
    for tries in (1, 2):
        actions.step()
        told = site.last(case)
        assert (told.progress, told.cause, told.timeouts) == (Progress.WAITING, 404, tries)
        assert set(told.parts) == {refused, Part(Became.SILENT, "bng2", why="no answer")}
        site.later(3_600)
    is_away = False
    actions.step()
    told = site.last(case)
    assert (told.progress, told.cause) == (Progress.REFUSED, 404)
    assert set(told.parts) == {refused, Part(Became.ACKNOWLEDGED, "bng2")}
    assert [AT_BNG2 in one.attributes for one in site.asked].count(False) == 1, "it waits for a person"
    site.log_out(case, NOW - timedelta(hours=1))
    site.later(60)
    actions.step()
    assert site.last(case).progress is Progress.ACKNOWLEDGED, "the login that was refused is over"
    site.log_in(case, site.now)
    site.later(60)
    actions.step()
    actions.step()
    assert (len(site.asked), site.last(case).progress) == (5, Progress.REFUSED), "the next one is asked for"


def test_many_lines_of_a_nas_that_is_away_keep_no_other_nas_waiting(site: Site) -> None:
    def answers(request: Request) -> Answer:
        if AT_BNG2 not in request.attributes:
            raise AskError("no answer")
        return Answer(True)

    site.answers, site.text = answers, TWO
    some = [site.suspended(name) for name in ("alice", "bob", "carol")]
    for case, last in zip(some, (1, 2, 9), strict=True):
        address = Address(bytes((100, 64, 0, last)), 32)
        site.log_in(case, NOW - timedelta(hours=1), address, ALICE, bytes((last,)) * 16)
    actions = site.actions()
    actions.step()
    assert [site.last(case).tries for case in some] == [1, 0, 1], "it is waited for once"
    actions.step()
    assert [site.last(case).tries for case in some] == [1, 1, 1]
    assert len(site.asked) == 3


def test_what_nobody_is_asked_for_is_not_counted_but_told_with_the_reason_once(site: Site) -> None:
    case = site.suspended()
    site.log_in(case, NOW - timedelta(hours=1), said=Said())
    actions = site.actions()
    with capture_logs() as logs:
        for _ in range(5):
            actions.step()
            site.later(60)
    told = site.last(case)
    assert (site.asked, told.tries, told.timeouts, told.progress) == ([], 0, 0, Progress.WAITING)
    (part,) = told.parts
    assert part.became is Became.NOT_ASKED
    assert "accounting tells no Acct-Session-Id" in part.why
    assert [one["why"] for one in logs] == [part.why]
    (site.directory / "coa").chmod(0o644)
    site.text = NAS + "user = true\n"
    actions.step()
    told = site.last(case)
    assert (site.asked, told.tries, told.parts[0].nas) == ([], 0, "bng1")
    assert "is open to everyone" in told.parts[0].why
    (site.directory / "coa").chmod(0o600)
    site.later(60)
    actions.step()
    assert (len(site.asked), site.last(case).parts) == (1, (Part(Became.ACKNOWLEDGED, "bng1"),))


def test_a_lift_leaves_alone_what_was_never_changed(site: Site) -> None:
    """A login that nothing names, at a NAS that ends logins, beside one that changes them."""
    case = at_two(site, TWO + COA)
    site.answers = lambda request: Answer(AT_BNG2 in request.attributes)
    actions = site.actions()
    actions.step()
    site.log_in(case, NOW - timedelta(hours=1), said=Said())
    site.restore(case)
    with capture_logs() as logs:
        actions.step()
    assert [one for one in logs if one["log_level"] == "error"] == []
    assert site.last(case).parts == (Part(Became.ACKNOWLEDGED, "bng2"),)
    assert site.unconfirmed() == ()


def test_a_lift_where_nothing_sets_back_is_confirmed_by_the_next_login(site: Site) -> None:
    site.text = NAS + 'suspend = { "Filter-Id" = "closed" }\n'
    case = site.suspended()
    site.log_in(case, NOW - timedelta(hours=1))
    actions = site.actions()
    actions.step()
    site.restore(case)
    actions.step()
    assert site.last(case).parts == (Part(Became.NOT_ASKED, why=NO_RESTORE),)
    site.log_out(case, NOW - timedelta(hours=1))
    site.log_in(case, site.now + timedelta(seconds=1))  # before anybody has looked
    site.later(60)
    actions.step()
    told = site.last(case)
    assert (told.progress, told.tries, told.parts) == (Progress.VERIFIED, 0, ())
    assert len(site.asked) == 1


def test_a_line_that_no_nas_has_stays_unconfirmed(site: Site) -> None:
    site.text = NAS.replace("100.64.0.0/16", "192.0.2.0/24")
    case = site.suspended()
    site.log_in(case, NOW - timedelta(hours=1))
    with capture_logs() as logs:
        site.actions().step()
    assert site.last(case).progress is Progress.WAITING
    assert any(one.get("why") == NO_NAS for one in logs)
    assert "100.64" not in repr(logs)
