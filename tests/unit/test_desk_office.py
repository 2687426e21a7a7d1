"""What people do at the desk, over the daemon's interface and by commands; what the gate learns of it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from sekisho.api import client
from sekisho.api.desk import DECISIONS
from sekisho.daemon.desk_cases import befall, happen
from sekisho.daemon.desk_measures import GateActions
from sekisho.desk.actions import Happened, Progress, step
from sekisho.desk.asked import Became, Part
from sekisho.desk.case_values import Event, What
from sekisho.desk.policy import Policy
from sekisho.model import KnownLine
from sekisho.outbox import mail
from tests.desk import letters
from tests.desk.world import World, world
from tests.unit.desk_office import (
    FREE,
    LIMITED,
    SUSPENDED,
    Office,
    office_open,
    refused,
    sekisho,
    told,
)
from tests.unit.desk_site import KEY, about, facts_of, is_like
from tests.unit.fake_daemon import FakeOffice, running
from tests.unit.kept_lines import raw
from tests.unit.logins import logged_in


@pytest.fixture(scope="module")
def provider() -> World:
    return world(3)


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: World) -> Iterator[Office]:
    with office_open(tmp_path, monkeypatch, provider) as made:
        yield made


def test_from_a_report_to_a_limit_to_suspension_to_restoration(office: Office) -> None:
    office.report(0)
    office.act()
    assert office.kernel == {}
    assert "stop-request-sent" in told("cases")
    office.report(1)
    office.act()
    assert office.in_kernel == LIMITED
    assert office.progress() == [("impose", "individual-limit", "verified")]
    assert "case 1 (dynamic): suspended" in told("suspend", "1", "--reason", "floods us")
    office.act()
    assert office.in_kernel == SUSPENDED
    shown = told("case", "1")
    assert "in force: port-25-suspension until" in shown
    assert "floods us" in shown
    assert "reported by reports.example.net: 1 incidents since" in shown
    assert "impose port-25-suspension" in shown
    assert "restored" in told("restore", "1", "--reason", "has mended it")
    office.act()
    assert office.in_kernel == FREE
    assert [one for one in office.progress() if one[2] != "overtaken"] == [
        ("lift", "individual-limit", "verified"),
        ("lift", "port-25-suspension", "verified"),
    ]
    assert told("actions") == "all that was asked is confirmed\n"
    with office.site.store.transaction() as transaction:
        for letter in ("desk-one-1", "msg_2"):
            transaction.put_letters("gate", [mail(letter, "a@example.net", "a", "b", office.site.now)])
    assert told("actions") == "1 notices wait to be sent\n"
    with office.site.store.transaction() as transaction:
        for letter in ("desk-one-1", "msg_2"):
            transaction.letter_given_up(letter, office.site.now, "the recipient is refused (550)")
    at = office.site.now.isoformat(timespec="seconds")
    why = "nobody is told: the recipient is refused (550)"
    assert told("actions").splitlines()[1:] == [f"{at} the notice desk-one-1 is given up, and {why}"]
    assert [(action, subject) for action, subject, _ in office.recorded()] == [
        ("desk suspend", "case 1"),
        ("desk case", "case 1"),
        ("desk restore", "case 1"),
    ]


def test_nobody_is_suspended_for_what_was_anothers_by_what_accounting_has_told_since(office: Office) -> None:
    office.report(0, 1)
    waited = office.site.settled_lines
    moved = office.lease._replace(line=office.lease.line + 1)
    with office.site.store.transaction() as transaction:
        transaction.change_leases([office.lease], [moved])
    for decision in (("suspend",), ("approve", "--kind", "individual-limit")):
        why = refused(decision[0], "1", "--reason", "floods us", *decision[1:])
        assert "of 2 of its reports another held the address" in why
    assert office.site.settled_lines == waited + 2
    assert [said for _, _, said in office.recorded()][:1] == [
        "refused: 2 of its reports are not its line's by now"
    ]
    assert office.settler.correct() is False
    assert "case 1 (dynamic): collecting" in told("cases")
    assert "suspended" in told("suspend", "1", "--reason", "I know better")


def test_a_hold_is_not_released_with_what_was_anothers(office: Office) -> None:
    office.report(0, 1)
    told("hold", "1", "--reason", "order 12")
    moved = office.lease._replace(line=office.lease.line + 1)
    with office.site.store.transaction() as transaction:
        transaction.change_leases([office.lease], [moved])
    while office.settler.correct():
        pass
    for _ in range(2):  # they stay with it as evidence
        why = refused("release", "1", "--reason", "order 12 is over")
        assert "of 2 of its reports another held the address" in why
        assert "`restore` or `dismiss` ends the hold" in why
    assert "evidence-hold" in told("hold", "1", "--reason", "order 13", "--until", "2027-06-01")
    assert "restored" in told("restore", "1", "--reason", "order 12 is over")


def test_a_suspension_ends_by_itself_at_its_date(office: Office) -> None:
    office.report(0)
    told("suspend", "1", "--reason", "floods us", "--until", "2026-11-10")
    office.act()
    assert office.in_kernel == SUSPENDED
    office.site.now += timedelta(days=30)
    office.settler.pass_time()
    office.act()
    assert office.in_kernel == FREE


def test_whether_the_customer_was_told_is_shown_and_a_person_may_say_so(office: Office) -> None:
    office.report(0)
    assert "; the stop request waits to be sent since" in told("cases")
    assert "case 1 (dynamic): stop-request-sent since" in told("actions")
    _without_contact(office)
    way_out = "to send the stop request to: tell the customer, then: sekisho desk told 1 --reason"
    for shown in (told("cases"), told("case", "1"), told("actions")):
        assert way_out in shown
    assert "no-letter: stop-request-sent to stop-request-sent, by sekishod: no contact" in told("case", "1")
    told("told", "1", "--reason", "by telephone")
    at = office.site.now.isoformat(timespec="seconds")
    for shown in (told("cases"), told("case", "1")):
        assert f"; the customer was told at {at}" in shown
    assert f"the customer was told at {at}" in refused("told", "1", "--reason", "once more")
    assert told("actions") == "all that was asked is confirmed\n"
    assert [one for one in office.recorded() if one[0] == "desk told"] == [
        ("desk told", "case 1", "stop-request-sent to stop-request-sent"),
        ("desk told", "case 1", f"refused: the customer was told at {at}"),
    ]


def test_while_evidence_is_held_nobody_is_asked_to_tell_the_customer(office: Office) -> None:
    office.report(0)
    told("hold", "1", "--reason", "the police asks")
    _without_contact(office)
    assert "; there is nobody to send the stop request to, version 3\n" in told("case", "1")
    assert "stop request" not in told("actions")


def _without_contact(office: Office) -> None:
    with office.site.store.transaction() as transaction:
        case = transaction.case(1)
        assert case is not None
        why = Event(What.NO_LETTER, reason="no contact")
        happen(transaction, office.site.desk(), case, why, office.site.now)


def test_another_end_of_a_hold_is_what_the_gate_and_whoever_asks_of_the_line_have(office: Office) -> None:
    office.report(0)
    for last in ("2026-12-31", "2027-02-01"):
        told("hold", "1", "--reason", "the police asks", "--until", last)
        office.act()
    assert "already: name another end" in refused("hold", "1", "--reason", "so", "--until", "2027-02-01")
    with office.site.store.reading() as transaction:
        case = transaction.case(1)
        (measure,) = transaction.measures_of([office.lease.line])
        reasons = [one.reason for one in transaction.case_events(1)]
    assert case is not None
    assert (measure.since, measure.until) == (case.measures[0].since, case.measures[0].until)
    assert measure.until.date().isoformat() == "2027-02-02"  # the last day's end
    assert office.progress()[-1] == ("impose", "individual-limit", "verified")
    assert office.in_kernel == LIMITED
    assert reasons == ["1 parties, 1 incidents", "the police asks", "the police asks"]


def test_what_is_grave_needs_two_persons(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.report(0)
    kind = ("--kind", "line-suspension")

    def log_in(uid: int) -> None:
        monkeypatch.setattr("sekisho.daemon.actors.login_uid_of", lambda _: uid)

    for nobody in (0, 2**32 - 1):
        log_in(nobody)
        assert "needs a person who has logged in" in refused("suspend", "1", "--reason", "grave", *kind)
    log_in(4_000_000_001)
    assert "suspension-proposed" in told("suspend", "1", "--reason", "grave", *kind)
    assert "has said so already" in refused("approve", "1", "--reason", "grave", *kind)
    for nobody in (0, 2**32 - 1):  # the same person, perhaps, by cron or by ssh as root
        log_in(nobody)
        assert "needs a person who has logged in" in refused("approve", "1", "--reason", "grave", *kind)
    log_in(4_000_000_002)
    assert "name it as the kind that you approve" in refused("approve", "1", "--reason", "so it is")
    assert "version 2\n" in told("case", "1")
    assert "at version 2 by now, not 1" in refused("approve", "1", "--reason", "x", "--version", "1", *kind)
    assert "suspended" in told("approve", "1", "--reason", "so it is", "--version", "2", *kind)
    office.act()
    assert office.progress() == [
        ("impose", "line-suspension", "waiting"),  # for whoever speaks to the NAS
        ("impose", "port-25-suspension", "verified"),
    ]
    first, second = (f"root (logged in as uid {uid})" for uid in (4_000_000_001, 4_000_000_002))
    assert office.recorded()[3][2].startswith(f"refused: {first} has said so already")
    assert f"by {first}, {second}: grave; so it is" in told("case", "1")


def test_whose_line_it_is_is_confirmed_by_a_person(office: Office) -> None:
    office.report(0)
    assert "what can be done is approve, dismiss" in refused("confirm", "1", "--reason", "asked them")
    with office.site.store.transaction() as transaction:
        case = transaction.case(1)
        assert case is not None
        befall(transaction, Policy(), case, Event(What.LINE_DOUBTED), office.site.now)
    assert "; waits for people: its line may be another customer's: confirm" in told("cases")
    assert "confirm 1" in refused("suspend", "1", "--reason", "floods us")
    assert "waits for people" not in told("confirm", "1", "--reason", "asked them")
    told("suspend", "1", "--reason", "floods us")


COMMAND = """
from pathlib import Path
from sekisho.api import client
from sekisho.cli import app
client.SOCKETS = Path(sys.argv.pop(1))
app(prog_name="sekisho")
"""


def test_two_persons_are_two_logins_of_the_kernels(office: Office) -> None:
    """Whatever user each is by now; where the kernel lets no login be another, both are one person's."""
    office.report(0)
    first, login = _as_login(65_534, "suspend")
    again, _ = _as_login(65_534, "approve")
    second, other = _as_login(65_533, "approve")
    assert "has said so already" in again or "needs a person who has logged in" in again
    if (login, other) == ("65534", "65533"):
        assert "suspension-proposed since" in first
        assert "suspended since" in second
    else:
        assert login == other
        assert "suspended since" not in second


def _as_login(uid: int, *command: str) -> tuple[str, str]:
    """Ask for the suspension of the whole line after a login; return what was answered, and the login."""
    what = ("desk", *command, "1", "--kind", "line-suspension", "--reason", "grave")
    with logged_in(uid, COMMAND, str(client.SOCKETS), *what) as process:
        out, err = process.communicate(timeout=60)
    login, _, answer = out.partition("\n")
    return answer + err, login


def test_what_is_not_in_the_kernel_is_asked_again_and_told(office: Office) -> None:
    office.is_deaf = True
    office.report(0, 1)
    office.act()
    assert office.progress() == [("impose", "individual-limit", "acknowledged")]
    assert "impose individual-limit" in told("actions")
    office.site.now += timedelta(minutes=2)
    office.is_deaf = False
    office.act()  # looks, and does not see it
    office.act()
    assert office.progress() == [("impose", "individual-limit", "verified")]


def test_what_is_asked_for_a_line_that_is_offline_is_not_waited_for_and_seen_at_its_next_login(
    office: Office,
) -> None:
    wanted, kernel = dict[int, KnownLine](), dict[int, KnownLine]()

    def begun() -> GateActions:
        return GateActions(
            office.site.store,
            refresh=lambda _: None,
            wanted=wanted.get,
            in_kernel=kernel.get,
            utc=lambda: office.site.now,
        )

    office.gate = begun()
    office.report(0)
    told("suspend", "1", "--reason", "floods us")
    for _ in range(2):
        office.act()
        assert office.progress() == [("impose", "port-25-suspension", "acknowledged")]
        office.site.now += timedelta(minutes=2)
    assert "port-25-suspension" not in told("actions")
    office.gate = begun()
    wanted[office.lease.line] = SUSPENDED
    office.act()
    assert "port-25-suspension" in told("actions"), "it is online, and not in the kernel"
    kernel[office.lease.line] = SUSPENDED
    office.act()
    assert office.progress() == [("impose", "port-25-suspension", "verified")]


def test_what_is_refused_is_asked_again_when_a_person_says_so(office: Office) -> None:
    office.report(0)
    told("suspend", "1", "--reason", "floods us")
    with office.site.store.transaction() as transaction:
        (action,) = transaction.case_actions(1)
        parts = (
            Part(Became.REFUSED, "bng1", 404, "the request is invalid"),
            Part(Became.NOT_ASKED, why="nothing names it"),
        )
        transaction.put_action(step(action, Happened.REFUSED, office.site.now, 404, parts))
    office.act()
    assert office.progress() == [("impose", "port-25-suspension", Progress.REFUSED)]
    shown = told("actions")
    assert "Error-Cause 404" in shown
    assert "  bng1: refused: the request is invalid (404)\n  not asked: nothing names it" in shown
    assert "sekisho desk retry 1 --reason" in shown
    assert ": waiting (0 tries" in told("retry", "1", "--reason", "the NAS is mended")
    office.act()
    assert office.in_kernel == SUSPENDED
    assert office.progress() == [("impose", "port-25-suspension", Progress.VERIFIED)]
    assert "all asked for case 1 is confirmed" in refused("retry", "1", "--reason", "once more")
    asked, once_more = office.recorded()[1:]
    assert asked == ("desk retry", "case 1", f"asked again: {action.key}")
    assert once_more[2].startswith("refused: ")


def test_what_is_asked_for_many_lines_is_told_the_gate_together(office: Office, provider: World) -> None:
    lease = office.lease
    other = next(one for one in provider.leases if one.line != lease.line and is_like(one, lease))
    office.site.take(*(about(one, number) for one in (lease, other) for number in (0, 1)))
    while office.settler.step():
        pass
    actions, told_of = office.actions(), list[set[int]]()
    actions._refresh = lambda lines: told_of.append(set(lines))
    actions.step()
    assert told_of == [{lease.line, other.line}]
    with office.site.store.reading() as transaction:
        found = transaction.unconfirmed_actions()
    assert {(one.line, str(one.progress)) for one in found} == {
        (one.line, "acknowledged") for one in (lease, other)
    }


def test_who_ends_after_the_asking_asks_again(office: Office) -> None:
    office.report(0, 1)
    actions = office.actions()

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    actions._refresh = end
    with pytest.raises(KeyboardInterrupt):
        actions.step()
    assert office.progress() == [("impose", "individual-limit", "asked")]
    for _ in range(3):
        office.site.now += timedelta(minutes=1)
        office.act()
    assert office.progress() == [("impose", "individual-limit", "verified")]
    assert office.in_kernel == LIMITED


@pytest.mark.parametrize("what", [*DECISIONS.values(), "retry"])
def test_what_cannot_be_decided_is_refused_and_recorded(office: Office, what: str) -> None:
    assert "there is no case 9" in refused(what, "9", "--reason", "why not")
    assert "the text is empty" in refused(what, "9", "--reason", " ")
    assert [one[:2] for one in office.recorded()] == [(f"desk {what}", "case 9"), (f"desk {what}", "")]


def test_files_are_taken_in_again_and_again_with_the_same_outcome(office: Office, tmp_path: Path) -> None:
    mbox, alone, missing = tmp_path / "mbox", tmp_path / "one.eml", tmp_path / "none"
    first, second = about(office.lease, 1), about(office.lease, 2)
    mbox.write_bytes(
        b"From a@b.example Mon Nov  2 10:00:00 2026\n" + first
        + b"\n\nFrom a@b.example Mon Nov  2 10:00:01 2026\n" + b"Subject: hello\n\nno report\n"
    )  # fmt: skip
    alone.write_bytes(second)
    shown = told("ingest", str(mbox), str(alone))
    assert f"{mbox}:1: report 1: read: attributed (case 1)" in shown
    assert f"{mbox}:2: report 2: queued" in shown
    assert f"{alone}:1: report 3: read: attributed (case 1)" in shown
    again = json.loads(told("ingest", "--json", str(mbox), str(alone)))
    assert [(one["report"], one["is_new"]) for one in again] == [(1, False), (2, False), (3, False)]
    failed = sekisho("ingest", str(missing), str(alone))
    assert failed.exit_code == 1
    assert f"{missing}: cannot be read: No such file or directory" in failed.output
    assert "report 3, known already" in failed.output


@pytest.mark.usefixtures("office")
@pytest.mark.parametrize("content", [b"", b"\n \r\n"])
def test_a_file_without_a_report_is_told_and_a_directory_without_a_file(
    tmp_path: Path, content: bytes
) -> None:
    for name in ("new", "cur"):
        (tmp_path / "maildir" / name).mkdir(parents=True)
    assert told("ingest", str(tmp_path / "maildir")) == "there is no file in it: nothing is taken in\n"
    empty, full = tmp_path / "maildir/new/1.empty", tmp_path / "maildir/new/2.full"
    empty.write_bytes(content)
    full.write_bytes(b"Subject: hello\n\nno report\n")
    done = sekisho("ingest", str(tmp_path / "maildir"))
    assert done.exit_code == 1
    assert f"{empty}: there is no report in it" in done.stdout
    assert f"{full}:1: report 1: queued" in done.stdout
    assert json.loads(sekisho("ingest", "--json", str(empty)).stdout) == [
        {"where": str(empty), "state": "failed", "why": "there is no report in it: it is empty, or blank"}
    ]


@pytest.mark.usefixtures("office")
def test_what_is_not_understood_waits_for_people_who_look_at_it(tmp_path: Path) -> None:
    file = tmp_path / "one"
    file.write_bytes(b"Subject: hello\n\nno report\n")
    told("ingest", str(file))
    assert "report 1 of" in told("queue")
    assert "say why: it is recorded" in refused("queue", "--seen", "1")
    assert told("queue", "--seen", "1", "--reason", "not for us") == "1 reports are taken out of the queue\n"
    assert told("queue") == "the queue is empty\n"
    assert "is not in the queue" in refused("queue", "--seen", "1", "--reason", "not for us")


def test_cases_are_found_by_state_and_by_line_which_is_recorded(office: Office) -> None:
    office.report(0)
    name = f"L-{office.lease.line:04}"
    assert "case 1 (dynamic): stop-request-sent" in told("cases", "--state", "stop-request-sent")
    assert told("cases", "--state", "suspended") == "there is no such case\n"
    assert told("cases", "--after", "1") == "there is no such case\n"
    assert '"individually-limited"' in refused("cases", "--state", "limited")
    told("dismiss", "1", "--reason", "made up")
    assert "case 1 (dynamic): dismissed" in told("cases", "--state", "dismissed")
    assert "case 1 (dynamic): dismissed" in told("cases", "--line", name, "--purpose", "customer-request")
    assert "say why you look" in refused("cases", "--line", name)
    assert "nothing was ever heard" in refused("cases", "--line", "L-9999", "--purpose", "case")
    looks = [
        (subject, outcome[:7]) for action, subject, outcome in office.recorded() if action == "desk cases"
    ]
    outcomes = [(subject, outcome[:7]) for subject, outcome in looks]
    assert outcomes == [(name, "1 cases"), ("", "refused"), ("L-9999", "refused")]


def test_cases_of_which_nothing_is_proved_are_counted_and_told_where_asked_for(office: Office) -> None:
    facts = facts_of(office.lease, 0)
    office.take(letters.delivered(letters.arf(facts, random.Random(0))))
    left_out = "1 cases of which nothing proves whose the reports are: --claimed tells them too\n"
    assert told("cases") == f"there is no such case\n{left_out}"
    assert json.loads(told("cases", "--json")) == {"cases": [], "more": False, "claimed": 1}
    assert told("cases", "--claimed").startswith("case 1 (dynamic): collecting")


def test_people_are_told_of_reports_that_no_key_opens(office: Office) -> None:
    office.site.take(about(office.lease, 1))
    office.site.key = Fernet.generate_key()
    office.settler.step()
    first, last = told("queue").splitlines()
    assert first.startswith("report 1 of")
    assert ": unread: no key opens the original, or it is damaged" in first
    assert last == "1 reports that have come in cannot be opened and stay unread"
    assert json.loads(told("queue", "--json"))["unopened"] == 1
    assert "is not in the queue" in refused("queue", "--seen", "1", "--reason", "never away")
    office.site.key = KEY
    office.settler.step()
    assert told("queue") == "the queue is empty\n"


def test_a_report_over_the_interface_is_one_however_often_it_is_sent(office: Office) -> None:
    data = about(office.lease, 1)
    headers = {"Idempotency-Key": "abc"}
    answers = [raw("POST", "/v1/desk/reports", content=data, headers=headers).json() for _ in range(2)]
    assert answers == [{"report": 1, "is_new": True}, {"report": 1, "is_new": False}]
    assert raw("POST", "/v1/desk/reports", content=b"").status_code == 422
    too_much = raw("POST", "/v1/desk/reports", content=bytes(10_000_002))
    assert (too_much.status_code, too_much.json()["type"]) == (413, "urn:sekisho:problem:too-large")
    assert raw("GET", "/v1/desk/reports/9").status_code == 404
    assert [one[2] for one in office.recorded()][:2] == ["report 1", "report 1, known already"]


def test_who_hands_a_report_over_may_vouch_for_whose_it_is(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "one"
    file.write_bytes(about(office.lease, 1))
    assert "is no domain" in refused("ingest", str(file), "--reporter", "a b&c")
    (outcome,) = json.loads(told("ingest", str(file), "--reporter", "fbl.example.net", "--json"))
    assert (outcome["party"], outcome["incidents"][0]["weight"]) == ("example.net", "sound")
    assert office.recorded()[0][:2] == ("desk ingest", "a report from example.net")


def test_without_a_desk_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    with running(FakeOffice()):
        assert "has no [desk]" in refused("cases")
