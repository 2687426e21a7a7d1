"""Notices from a decision to the customer's mailbox, whatever ends or is away on the way."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
import typer
from structlog.testing import capture_logs
from typer.testing import CliRunner

from sekisho.cli import app
from sekisho.cli.desk_preview import made_up_mail
from sekisho.config import Config, parse
from sekisho.daemon.desk_cases import befall
from sekisho.daemon.desk_letters import noting
from sekisho.daemon.desk_notices import Notices
from sekisho.daemon.desk_templates import check_templates
from sekisho.daemon.postman import Postman, carriers
from sekisho.desk.case_values import Case, Event, Evidence, Kind, What
from sekisho.desk.cases import decide, open_case
from sekisho.desk.notices import Mail
from sekisho.desk.parse import parse as parse_report
from sekisho.desk.policy import Policy
from sekisho.desk.report import Answerable, Refusal, Why
from sekisho.lines.records import ListedLine
from sekisho.outbox import Kind as LetterKind
from sekisho.outbox import Letter
from sekisho.store import Store, open_store
from tests.store.empty import lay_empty_store
from tests.unit.post_office import Mails, mails
from tests.unit.test_config_desk import WHOLE as BARE

NOW = datetime(2026, 4, 1, 3, tzinfo=UTC)
WHOLE = BARE.replace("mail.example.net", "127.0.0.1:{port}")
NOTICES = """
[desk.notices]
[desk.notices.ja]
provider = "サンプル通信"
contact = "お客様窓口"
[desk.notices.en]
provider = "Example"
contact = "Support"
"""
SUSPEND = Event(What.SUSPEND, "yamada", "seen by two of us", Kind.PORT25)
ASK = Event(What.APPROVE, "yamada", "seen by two of us")
SEEN = Evidence(2, 9, NOW - timedelta(days=1), NOW)


@dataclass
class Site:
    directory: Path
    server: Mails
    now: datetime = NOW
    text: str = NOTICES
    taken: list[str] = field(default_factory=list)

    def store(self) -> closing[Store]:
        return closing(open_store(f"sqlite:///{self.directory / 'store.db'}"))

    def config(self) -> Config:
        config = parse((WHOLE + self.text).replace("{port}", str(self.server.port)).encode()).config
        assert config is not None
        return config

    def notices(self) -> Notices:
        return Notices(self.config, self.directory)

    def open(self, store: Store, contact: str = "a@example.net", language: str = "") -> Case:
        with store.transaction() as transaction:
            line = transaction.number_lines(["alice"])["alice"]
            transaction.set_lines([ListedLine(line, "alice", "fixed", contact=contact, language=language)])
            return transaction.add_case(open_case(0, line, "fixed", NOW, None), None)

    def ask(self, store: Store, case: Case) -> Case:
        """Ask the customer to stop; return the case after it."""
        with store.transaction() as transaction:
            also = self.notices().decided
            return befall(transaction, Policy(), case, ASK, self.now, also=also)[0].case

    def suspend(self, store: Store, case: Case, *, ends: bool = False) -> None:
        decision = decide(case, SUSPEND, NOW, Policy(), ())
        with store.transaction() as transaction:
            transaction.put_decision(case, SUSPEND, decision, NOW, evidence=SEEN, due=None)
            self.notices().decided(transaction, case, SUSPEND, decision, SEEN, NOW)
            if ends:
                raise KeyboardInterrupt

    def postman(self, store: Store, *, ends: bool = False) -> Postman:
        carry = carriers(self.config, self.directory, lambda: self.now)[LetterKind.MAIL]

        def carry_and_end(letter: Letter) -> None:
            carry(letter)
            self.taken.append(letter.id)
            if ends:
                raise KeyboardInterrupt

        ended = noting(self.config)
        return Postman(LetterKind.MAIL, carry_and_end, store, "gate", utc=lambda: self.now, ended=ended)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    lay_empty_store(tmp_path / "store.db")
    with mails() as server, capture_logs():
        yield Site(tmp_path, server)


def is_answer_to(sent: EmailMessage) -> bool:
    """Tell whether the desk knows an answer to what it has sent."""
    answer = parse_report(f"From: a@example.net\nIn-Reply-To: {sent['Message-ID']}\n\nWhy?\n".encode())
    return isinstance(answer, Refusal) and answer.why is Why.ANSWER


def test_a_suspension_reaches_the_customer_once(site: Site) -> None:
    with site.store() as store:
        site.suspend(store, site.open(store))
        for _ in range(2):
            site.postman(store).deliver()
    (got,) = site.server.got
    assert (got["From"], got["To"]) == ("abuse@example.net", "a@example.net")
    assert got["Auto-Submitted"] == "auto-generated"
    assert got["Message-ID"] == f"<{site.taken[0]}@example.net>"
    assert is_answer_to(got)
    assert not any(name.lower().startswith("list-") for name in got)
    assert got.get_content_charset() == "utf-8"
    text = got.get_content()
    assert "停止の理由" in text
    assert "How it is lifted" in text
    assert "seen by two" not in text  # the desk's own words stay inside


@pytest.mark.parametrize(("language", "word", "other"), [("ja", "停止の理由", "Why"), ("en", "Why", "停止")])
def test_a_line_whose_language_is_known_is_told_in_it(
    site: Site, language: str, word: str, other: str
) -> None:
    with site.store() as store:
        site.suspend(store, site.open(store, language=language))
        site.postman(store).deliver()
    text = site.server.got[0].get_content()
    assert word in text
    assert other not in text


def test_whoever_ends_before_the_decision_is_written_tells_nobody(site: Site) -> None:
    with site.store() as store:
        case = site.open(store)
        with pytest.raises(KeyboardInterrupt):
            site.suspend(store, case, ends=True)
    with site.store() as store, store.transaction() as transaction:
        assert transaction.case(case.number) == case
        assert transaction.letters_waiting().letters == 0
    with site.store() as store:
        site.suspend(store, case)
        site.postman(store).deliver()
    assert len(site.server.got) == 1


def test_whoever_ends_after_the_server_has_taken_it_sends_it_under_the_same_id(site: Site) -> None:
    with site.store() as store:
        site.suspend(store, site.open(store))
        with pytest.raises(KeyboardInterrupt):
            site.postman(store, ends=True).deliver()
    with site.store() as store:
        site.postman(store).deliver()
        site.postman(store).deliver()
    assert len(set(site.server.ids())) == 1  # by which the receiver can tell


def test_a_mail_server_that_is_away_for_a_day_gets_it_once(site: Site) -> None:
    site.server.answer = "451 later"
    with site.store() as store:
        site.suspend(store, site.open(store))
        for _ in range(24):
            site.postman(store).deliver()
            site.now += timedelta(hours=1)
        assert site.server.got == []
        site.server.answer = "250 taken"
        site.postman(store).deliver()
        site.postman(store).deliver()
    assert len(site.server.got) == 1


def test_a_stop_request_is_said_to_be_sent_when_the_server_has_taken_it(site: Site) -> None:
    site.server.answer = "451 later"
    with site.store() as store:
        asked = site.ask(store, site.open(store))
        for _ in range(24):
            site.postman(store).deliver()
            site.now += timedelta(hours=1)
            assert _request(store, asked) == ("waiting", NOW)
        site.server.answer = "250 taken"
        with pytest.raises(KeyboardInterrupt):
            site.postman(store, ends=True).deliver()  # before the store has heard of it
        assert _request(store, asked) == ("waiting", NOW)
        site.now += timedelta(minutes=1)
        for _ in range(2):
            site.postman(store).deliver()
        assert _request(store, asked) == ("sent", site.now)
        with store.reading() as transaction:
            assert [one.what for one in transaction.case_events(asked.number)] == ["approve", "letter-sent"]
            assert transaction.untold_cases() == ()


def test_a_stop_request_that_nobody_takes_is_given_up_in_its_case_too(site: Site) -> None:
    site.server.answer = "550 no such user"
    with site.store() as store:
        asked = site.ask(store, site.open(store))
        site.now += timedelta(minutes=1)
        site.postman(store).deliver()
        assert _request(store, asked) == ("given-up", site.now)
        with store.reading() as transaction:
            *_, last = transaction.case_events(asked.number)
            assert [one.number for one in transaction.untold_cases()] == [asked.number]
    assert (last.what, last.by) == (What.LETTER_GIVEN_UP, "sekishod")
    assert "550" in last.reason
    assert "a@example.net" not in last.reason


@pytest.mark.parametrize(("contact", "text"), [("", NOTICES), ("a@example.net", "")])
def test_a_stop_request_that_cannot_be_written_is_said_to_be_none(
    site: Site, contact: str, text: str
) -> None:
    site.text = text
    with site.store() as store, capture_logs() as logs:
        asked = site.ask(store, site.open(store, contact=contact))
        assert asked.request is not None
        assert _request(store, asked) == ("none", NOW)
        with store.reading() as transaction:
            done = [(one.what, one.reason) for one in transaction.case_events(asked.number)]
    assert [one["case"] for one in logs if one["event"] == "nobody is told"] == [asked.number]
    assert [what for what, _ in done] == ["approve", "no-letter"]
    assert "tell the customer yourself" in done[1][1]


def test_a_letter_of_a_request_that_holds_no_more_changes_nothing(site: Site) -> None:
    site.server.answer = "451 later"
    with site.store() as store:
        asked = site.ask(store, site.open(store))
        with store.transaction() as transaction:
            late = NOW + Policy().quiet
            stopped, _ = befall(transaction, Policy(), asked, Event(What.TIME), late)
            again, _ = befall(transaction, Policy(), stopped.case, replace(SUSPEND, what=What.HOLD), late)
        site.server.answer = "250 taken"
        site.now += timedelta(hours=1)
        site.postman(store).deliver()
        with store.reading() as transaction:
            assert transaction.case(asked.number) == again.case


def _request(store: Store, case: Case) -> tuple[str, datetime]:
    with store.reading() as transaction:
        now = transaction.case(case.number)
    assert now is not None
    assert now.request is not None
    return now.request.reached, now.request.at


def test_a_template_at_fault_gives_way_to_the_shipped_one(site: Site) -> None:
    site.text = NOTICES.replace("notices]", 'notices]\ntemplates = "own"', 1)
    (site.directory / "own").mkdir()
    (site.directory / "own" / "suspension.ja.j2").write_text("Subject: x\n\n{{ nothing }}\n")
    (site.directory / "own" / "suspended.ja.j2").write_text("Subject: x\n\ny\n")
    notices = site.config().desk
    assert notices is not None
    assert notices.notices is not None
    found = list(check_templates(notices.notices, site.directory))
    assert [one.what.removeprefix(f"{site.directory}/own/") for one in found] == [
        "suspended.ja.j2:1: no notice has this name",
        "suspension.ja.j2:3: 'nothing' is undefined",
    ]
    with site.store() as store, capture_logs() as logs:
        site.suspend(store, site.open(store))
        site.postman(store).deliver()
    assert "停止の理由" in site.server.got[0].get_content()
    assert any("suspension.ja.j2:3" in one.get("why", "") for one in logs)


def test_without_a_contact_it_is_told_that_nobody_is_told_and_nothing_of_the_line(site: Site) -> None:
    with site.store() as store, capture_logs() as logs:
        case = site.open(store, contact="")
        site.suspend(store, case)
        site.postman(store).deliver()
    assert site.server.got == []
    (told,) = (one for one in logs if one["event"] == "nobody is told")
    assert (told["case"], told["notice"]) == (case.number, "suspension")
    assert "alice" not in repr(logs)


def test_where_the_line_may_be_another_customers_nobody_is_told_and_that_is_told(site: Site) -> None:
    restore = Event(What.RESTORE, "yamada", "not theirs")
    with site.store() as store, capture_logs() as logs:
        suspended = decide(site.open(store), SUSPEND, NOW, Policy()).case
        doubted = decide(suspended, Event(What.LINE_DOUBTED), NOW, Policy()).case
        sure = decide(doubted, Event(What.CONFIRM, "yamada", "the same"), NOW, Policy()).case
        for case in (doubted, sure):
            decision = decide(case, restore, NOW, Policy())
            with store.transaction() as transaction:
                site.notices().decided(transaction, case, restore, decision, SEEN, NOW)
            site.postman(store).deliver()
            assert len(site.server.got) == (case is sure)
    (told,) = (one for one in logs if one["event"] == "nobody is told")
    assert (told["notice"], "another customer's" in told["why"]) == ("restoration", True)


def test_a_reporter_is_thanked_by_nobody_in_particular_where_that_is_wanted(site: Site) -> None:
    site.text = NOTICES.replace("notices]", "notices]\nacknowledge = true", 1)
    with site.store() as store:
        with store.transaction() as transaction:
            for number, message_id in ((7, "<1@example.org>"), (8, "")):
                thanked = Answerable("r@example.org", message_id)
                site.notices().received(transaction, number, thanked, NOW)
            site.text = NOTICES
            site.notices().received(transaction, 9, Answerable("r@example.org", ""), NOW)
        site.postman(store).deliver()
    first, second = site.server.got
    assert (first["Auto-Submitted"], first["In-Reply-To"]) == ("auto-replied", "<1@example.org>")
    assert second["In-Reply-To"] is None
    assert site.server.senders == ["<>", "<>"]  # so that nothing answers it
    assert is_answer_to(first)


def test_a_relief_is_told(site: Site) -> None:
    with site.store() as store:
        case = site.open(store)
        with store.transaction() as transaction:
            line = transaction.listed_line(case.line)
            assert line is not None
            site.notices().relieved(transaction, line, NOW + timedelta(days=90), NOW)
        site.postman(store).deliver()
    assert "2026年6月30日" in site.server.got[0].get_content()
    assert is_answer_to(site.server.got[0])


@pytest.mark.parametrize("mail", Mail)
def test_a_preview_is_the_mail_of_nobody(site: Site, mail: Mail) -> None:
    file = site.directory / "sekisho.toml"
    file.write_text((WHOLE + site.text).replace("{port}", str(site.server.port)))
    command = ["desk", "preview", mail, "--config", str(file), "--lang", "ja"]
    printed = CliRunner().invoke(app, command).stdout
    assert printed.startswith("From: abuse@example.net\nSubject: ")
    assert "サンプル通信" in printed
    assert "Example" not in printed
    shown = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert list(shown) == ["from", "subject", "text"]
    assert printed == "From: {from}\nSubject: {subject}\n\n{text}".format(**shown)


@pytest.mark.parametrize(
    ("notice", "lang", "why"),
    [("suspend", None, "known: stop-request"), ("suspension", "fr", r"\[desk.notices.fr\]")],
)
def test_a_preview_that_cannot_be_says_why(
    site: Site, notice: str, lang: str | None, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit):
        made_up_mail(site.config(), site.directory / "sekisho.toml", notice, lang)
    assert re.search(why, capsys.readouterr().err)
