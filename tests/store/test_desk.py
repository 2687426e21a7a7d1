"""Reports, cases and actions in the store: together or not at all, once, and never forgotten while held."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

import pytest
from cryptography.fernet import Fernet

from sekisho.desk.actions import Action, Happened, Progress, step
from sekisho.desk.attribute import Because, Found
from sekisho.desk.case_values import (
    Case,
    Counted,
    Decision,
    Event,
    Evidence,
    Judgement,
    Kind,
    State,
    What,
)
from sekisho.desk.cases import decide, due, open_case
from sekisho.desk.policy import Policy, evidence_of
from sekisho.desk.records import KeptIncident, KeptReport
from sekisho.desk.report import Format
from sekisho.desk.trust import Party, Weight, first_seen, folded, sameness
from sekisho.desk.workload import Waiting, Workload
from sekisho.outbox import Kind as LetterKind
from sekisho.outbox import mail
from sekisho.sealing import Sealer, SealError
from sekisho.store import Store, StoreError
from sekisho.store.forgetting import forget_desk
from sekisho.store.store import Transaction
from tests.store.values import HOME, at, lease

POLICY = Policy()
LINE = 1
LATER = 40 * 86_400.0  # s
PEOPLE = Event(What.SUSPEND, "yamada", "grave", login=1001)


def kept(original: bytes = b"one", received: float = 0, **more: object) -> KeptReport:
    digest = sha256(original).digest()
    return replace(KeptReport(at(received), digest, original, Format.ARF, "example.net"), **more)  # type: ignore[arg-type]


def put(
    transaction: Transaction,
    case: Case,
    original: bytes,
    party: str = "example.net",
    *,
    seconds: float = 0,
    weight: Weight = Weight.SOUND,
    message: str | None = None,
) -> bool:
    """Write a report with one incident that is attributed to the line of a case."""
    number, _ = transaction.add_report(kept(original, seconds, party=party))
    whose = Party(party, is_authenticated=weight is not Weight.CLAIMED)
    key = folded(sameness(whose, message or original.decode(), None), case.line, at(seconds))
    if transaction.reporter(whose) is None:
        transaction.put_reporter(first_seen(whose, at(seconds), 100))
    return transaction.add_incident(
        KeptIncident(
            number,
            0,
            Found.ATTRIBUTED,
            party,
            weight=weight,
            moment=at(seconds),
            line=case.line,
            case=case.number,
            folded=key,
        )
    )


def opened(transaction: Transaction, line: int = LINE, before: Case | None = None) -> Case:
    case = open_case(0, line, "dynamic", at(0), before)
    return transaction.add_case(case, due(case, POLICY))


def happen(
    transaction: Transaction, case: Case, event: Event, now: datetime, counted: tuple[Counted, ...] = ()
) -> tuple[Decision, tuple[Action, ...]]:
    decision = decide(case, event, now, POLICY, counted)
    actions = transaction.put_decision(
        case,
        event,
        decision,
        now,
        evidence=evidence_of(case, counted),
        due=due(decision.case, POLICY, counted),
    )
    return decision, actions


def test_a_report_is_written_once_whatever_is_sent_again(store: Store) -> None:
    with store.transaction() as transaction:
        number, is_new = transaction.add_report(kept())
        assert is_new
        assert transaction.add_report(kept(received=5)) == (number, False)
        assert transaction.add_report(kept(b"two"))[1]
    with store.reading() as transaction:
        assert transaction.report(number) == kept()
        assert transaction.report(99) is None


def test_what_is_not_understood_waits_for_people(store: Store) -> None:
    with store.transaction() as transaction:
        first, _ = transaction.add_report(kept(format=None, refusal="it has no source", is_queued=True))
        transaction.add_report(kept(b"two"))
        third, _ = transaction.add_report(kept(b"three", is_queued=True))
        assert [one.number for one in transaction.queued_reports()] == [first, third]
        assert [one.number for one in transaction.queued_reports(after=first)] == [third]
        told = transaction.queued_reports()[0].report
        assert (told.refusal, told.original) == ("it has no source", None)
        assert transaction.report_seen(first)
        assert not transaction.report_seen(first)
        assert [one.number for one in transaction.queued_reports()] == [third]


def test_what_waits_is_counted_and_what_is_done_is_not(store: Store) -> None:
    with store.reading() as transaction:
        assert transaction.workload(at(0)) == Workload(0, {}, 0, 0, {}, None, {})
    with store.transaction() as transaction:
        for number, refusal in enumerate(
            ("bad-time: no zone", "bad-time: none", "incident 1: ambiguous, zone")
        ):
            transaction.add_report(kept(b"%d" % number, -7_200, refusal=refusal, is_queued=True))
        transaction.add_unread(kept(b"unread", -7_200))
        seen, _ = transaction.add_report(kept(b"seen", -7_200, refusal="bad-time: it was", is_queued=True))
        transaction.report_seen(seen)
        case = opened(transaction)
        put(transaction, case, b"old", "old.example", seconds=-7_200, weight=Weight.TOO_MANY)
        for number, party in enumerate(("a.example", "a.example", "b.example")):
            put(transaction, case, b"many%d" % number, party, seconds=number, weight=Weight.TOO_MANY)
        put(transaction, case, b"doubted", "c.example", seconds=3, weight=Weight.DOUBTED)
        put(transaction, case, b"sound", "d.example", seconds=4)
        proposed, _ = happen(transaction, case, replace(PEOPLE, kind=Kind.LINE), at(5))
        happen(transaction, proposed.case, Event(What.CORRECTION), at(5))
        letters = [mail(one, "a@example.net", "a", "b", at(6)) for one in ("desk-1", "desk-2", "trial-1")]
        transaction.put_letters("gate", letters)
        transaction.letter_sent("desk-2", at(7))
    assert proposed.case.state is State.PROPOSED
    with store.reading() as transaction:
        assert transaction.workload(at(10)) == Workload(
            unread=1,
            queued={"bad-time": 2, "not-attributed": 1},
            proposals=1,
            marked=1,
            actions={},
            notices=Waiting(1, at(6)),
            ignored={"too-many": 2, "doubted": 1},
        )
    with store.transaction() as transaction:
        _, (first,) = happen(transaction, opened(transaction, LINE + 1), PEOPLE, at(20))
        _, (second,) = happen(transaction, opened(transaction, LINE + 2), PEOPLE, at(21))
        _, (third,) = happen(transaction, opened(transaction, LINE + 3), PEOPLE, at(22))
        _, (fourth,) = happen(transaction, opened(transaction, LINE + 4), PEOPLE, at(23))
        asked = step(third, Happened.ASKED, at(23))
        transaction.put_action(step(asked, Happened.REFUSED, at(24), 404))
        shown = step(step(fourth, Happened.ASKED, at(24)), Happened.ACKNOWLEDGED, at(25))
        transaction.put_action(step(shown, Happened.NOT_SHOWN, at(26)))
        assert transaction.workload(at(30)).actions == {
            (Kind.PORT25, Progress.WAITING): Waiting(2, first.asked_for),
            (Kind.PORT25, Progress.REFUSED): Waiting(1, third.asked_for),
        }
        assert len(transaction.unconfirmed_actions()) == 3
    assert second.asked_for > first.asked_for


def test_the_same_counts_once_and_the_rest_is_folded_by_party_and_hour(store: Store) -> None:
    with store.transaction() as transaction:
        case = opened(transaction)
        assert put(transaction, case, b"a", message="m")
        assert not put(transaction, case, b"a again", message="m")
        assert put(transaction, case, b"b", seconds=60)
        assert put(transaction, case, b"c", "example.org", seconds=120, weight=Weight.WEAK)
        assert not put(transaction, case, b"d", "example.com", seconds=120, weight=Weight.DOUBTED)
        assert put(transaction, case, b"e", seconds=3_600)
        assert put(transaction, case, b"g", seconds=3_601, weight=Weight.CLAIMED, message="e")
        number, _ = transaction.add_report(kept(b"f"))
        doubt = KeptIncident(number, 1, Found.AMBIGUOUS, "example.net", Because.ZONE)
        assert not transaction.add_incident(doubt)
        assert transaction.counted_reports(case.number, at(0)) == (
            Counted("example.net", at(0), 2),
            Counted("example.org", at(120), 1, is_sound=False),
            Counted("example.net", at(3_600), 1),
            Counted("example.net", at(3_601), 1, is_sound=False, is_claimed=True),
        )
        assert len(transaction.counted_reports(case.number, at(130))) == 2
        assert transaction.counted_reports(case.number + 1, at(0)) == ()


def test_an_incident_of_after_the_stop_request_is_not_folded_into_one_of_before_it(store: Store) -> None:
    with store.transaction() as transaction:
        case = opened(transaction)
        for number, seconds in enumerate((60, 120, 180, 240)):
            put(transaction, case, f"{number}".encode(), seconds=seconds)
        assert not put(transaction, case, b"again", seconds=300, message="0"), "the same message, once"
        assert transaction.counted_reports(case.number, at(0), at(180)) == (
            Counted("example.net", at(60), 2),
            Counted("example.net", at(180), 2),
        )


def test_a_case_goes_from_reports_to_suspension_with_all_that_was_done(store: Store) -> None:
    with store.transaction() as transaction:
        case = opened(transaction)
        for party in ("a.net", "b.net", "c.net"):
            put(transaction, case, party.encode(), party)
        counted = transaction.counted_reports(case.number, at(-100))
        decision, (limit,) = happen(transaction, case, Event(What.REPORT), at(1), counted)
        assert (limit.kind, limit.progress) == (Kind.LIMIT, Progress.WAITING)
    with store.transaction() as transaction:
        read = transaction.case(case.number)
        assert read == decision.case == transaction.last_case(LINE)
        assert read is not None
        assert transaction.listed_cases() == (read,)
        assert transaction.due_cases(at(14 * 86_400 + 1)) == (read,)
        assert transaction.due_cases(at(14 * 86_400)) == ()
        suspended, (port25,) = happen(transaction, read, PEOPLE, at(2))
        assert transaction.unconfirmed_actions() == (limit, port25)
        assert transaction.due_actions(at(1)) == (limit,)
        done = step(step(port25, Happened.ASKED, at(3)), Happened.SEEN, at(4))
        transaction.put_action(done)
    with store.transaction() as transaction:
        restored, lifts = happen(
            transaction, suspended.case, Event(What.RESTORE, "suzuki", "a mistake"), at(5)
        )
        assert restored.case.state is State.RESTORED
        assert {one.key for one in transaction.unconfirmed_actions()} == {one.key for one in lifts}
        before = transaction.action(port25.key)
        assert before is not None
        assert before.progress is Progress.OVERTAKEN
        assert len(transaction.case_actions(case.number)) == 4
        assert transaction.listed_cases() == ()
        events = transaction.case_events(case.number)
    assert [(one.what, one.after, one.by, one.version) for one in events] == [
        (What.REPORT, State.LIMITED, "sekishod", 1),
        (What.SUSPEND, State.SUSPENDED, "yamada", 2),
        (What.RESTORE, State.RESTORED, "suzuki", 3),
    ]
    assert events[0].evidence == Evidence(3, 3, at(0), at(0))
    assert events[0].done == ("tell", "impose")


def test_cases_whose_stop_request_has_reached_nobody_are_found_until_the_customer_is_told(
    store: Store,
) -> None:
    with store.transaction() as transaction:
        case = opened(transaction)
        opened(transaction, LINE + 1)
        steps = (
            (replace(PEOPLE, what=What.APPROVE), True),
            (Event(What.LETTER_GIVEN_UP, reason="550"), True),
            (replace(PEOPLE, what=What.HOLD), False),  # nobody is to be told
            (replace(PEOPLE, what=What.RELEASE), True),
            (replace(PEOPLE, what=What.TOLD), False),
        )
        for number, (event, is_untold) in enumerate(steps):
            case = happen(transaction, case, event, at(number))[0].case
            assert transaction.untold_cases() == ((case,) if is_untold else ()), event.what


def test_a_line_has_one_open_case_and_no_number_is_given_twice(store: Store) -> None:
    with store.transaction() as transaction:
        case = opened(transaction)
    with pytest.raises(StoreError), store.transaction() as transaction:
        opened(transaction)
    with store.transaction() as transaction:
        dismissed, _ = happen(transaction, case, Event(What.DISMISS, "sato", "false"), at(1))
        assert transaction.forget_cases(at(2)) == 1
        assert transaction.case(case.number) is None
        assert transaction.case_events(case.number) == ()
        again = opened(transaction, before=dismissed.case)
        assert again.number > case.number


def test_a_decision_on_what_was_changed_meanwhile_is_not_written(store: Store) -> None:
    with store.transaction() as transaction:
        case = opened(transaction)
        happen(transaction, case, PEOPLE, at(1))
    with (
        pytest.raises(StoreError, match="was changed meanwhile: read it again"),
        store.transaction() as twice,
    ):
        happen(twice, case, PEOPLE, at(1))
    with store.reading() as transaction:
        assert len(transaction.case_actions(case.number)) == 1


@pytest.fixture
def broken_off(store: Store) -> Store:
    """A store in which a whole decision was made, with its letter, and was never committed."""

    def begin() -> None:
        with store.transaction() as transaction:
            case = opened(transaction)
            put(transaction, case, b"a")
            happen(transaction, case, PEOPLE, at(1))
            transaction.put_letters("gate", [mail("1-1-suspension", "a@b.net", "suspended", "…", at(1))])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        begin()
    return store


def test_a_case_its_actions_and_its_letters_are_written_together_or_not_at_all(broken_off: Store) -> None:
    with broken_off.reading() as transaction:
        assert transaction.listed_cases() == ()
        assert transaction.unconfirmed_actions() == ()
        assert transaction.due_letters("gate", LetterKind.MAIL, at(9), 9) == ()
        assert transaction.reporter(Party("example.net", is_authenticated=True)) is None
        assert transaction.report(1) is None


def test_what_people_find_counts_once_a_case_and_can_be_found_otherwise(store: Store) -> None:
    def standing() -> list[tuple[int, int]]:
        parties = (Party(name, is_authenticated=True) for name in ("a.net", "b.net", "c.net"))
        found = [transaction.reporter(party) for party in parties]
        return [(one.confirmed, one.dismissed) for one in found if one is not None]

    with store.transaction() as transaction:
        case = opened(transaction)
        for original, party in ((b"1", "a.net"), (b"2", "a.net"), (b"3", "b.net")):
            put(transaction, case, original, party)
        put(transaction, case, b"4", "c.net", weight=Weight.TOO_MANY)
        suspended, _ = happen(transaction, case, PEOPLE, at(1))
        assert standing() == [(1, 0), (1, 0), (0, 0)]
        put(transaction, case, b"5", "c.net", seconds=2)
        happen(transaction, suspended.case, Event(What.DISMISS, "sato", "false"), at(3))
        assert standing() == [(0, 1), (0, 1), (0, 1)]
        transaction.judge_reports(case.number, Judgement.CONFIRMED)
        assert standing() == [(1, 0), (1, 0), (1, 0)]


def test_what_is_forged_in_a_name_counts_against_whoever_claims_it_alone(store: Store) -> None:
    proved, claimed = Party("a.net", is_authenticated=True), Party("a.net", is_authenticated=False)
    with store.transaction() as transaction:
        forged, real = opened(transaction), opened(transaction, line=2)
        put(transaction, forged, b"1", "a.net", weight=Weight.CLAIMED)
        put(transaction, real, b"2", "a.net")
        happen(transaction, forged, Event(What.DISMISS, "sato", "forged"), at(1))
        happen(transaction, real, PEOPLE, at(1))
        known = [transaction.reporter(party) for party in (proved, claimed)]
        assert [(one.confirmed, one.dismissed) for one in known if one] == [(1, 0), (0, 1)]
        assert (transaction.forget_claims(at(0)), transaction.forget_claims(at(1))) == (0, 1)
        assert [transaction.reporter(party) is None for party in (proved, claimed)] == [False, True]


def test_reports_are_forgotten_in_their_time_but_not_those_of_a_held_line(store: Store) -> None:
    with store.transaction() as transaction:
        case, other = opened(transaction), opened(transaction, line=2)
        put(transaction, case, b"held")
        put(transaction, other, b"gone")
        transaction.add_report(kept(b"queued", is_queued=True))
        put(transaction, other, b"young", seconds=LATER)
        held, _ = happen(transaction, case, Event(What.HOLD, "yamada", "a complaint"), at(1))
        transaction.change_leases([], [lease(0, 10, LINE), lease(20, line=2)])
        assert transaction.forget_reports(at(LATER - 1)) == (2, 1)
        assert transaction.forget_reports(at(LATER - 1)) == (0, 0)
        assert len(transaction.counted_reports(case.number, at(-1))) == 1
        assert len(transaction.counted_reports(other.number, at(-1))) == 1
        transaction.forget_leases(at(LATER))
        assert transaction.keeps_evidence()
        assert len(list(transaction.leases_of(LINE, at(-1)))) == 1  # as an order for the line would have it
        happen(transaction, held.case, Event(What.RELEASE, "yamada", "it is over"), at(2))
        assert transaction.forget_reports(at(LATER - 1)) == (1, 0)
        transaction.forget_leases(at(LATER))
        assert list(transaction.leases_of(LINE, at(-1))) == []
        assert HOME in transaction.latest([HOME])
        assert not transaction.keeps_evidence()


def test_cases_are_listed_by_state_and_line_and_without_those_that_are_only_claimed(store: Store) -> None:
    def numbers(**how: object) -> list[int]:
        return [one.number for one in transaction.listed_cases(**how)]  # type: ignore[arg-type]

    with store.transaction() as transaction:
        claimed, proved, asked, over = (opened(transaction, line=line) for line in (1, 2, 3, 4))
        for case, weight in ((claimed, Weight.CLAIMED), (proved, Weight.CLAIMED), (asked, Weight.CLAIMED)):
            put(transaction, case, b"%d" % case.number, weight=weight)
        put(transaction, proved, b"proved", "b.net", weight=Weight.WEAK)
        happen(transaction, asked, Event(What.APPROVE, "sato", "it is so"), at(1))
        happen(transaction, over, Event(What.DISMISS, "sato", "it is not"), at(1))
        again = opened(transaction, line=4)
        everyone = [one.number for one in (claimed, proved, asked, again)]
        assert numbers() == everyone
        assert numbers(claimed=False) == everyone[1:]
        assert numbers(after=everyone[1], most=1) == everyone[2:3]
        assert numbers(state=State.DISMISSED) == [over.number]
        assert numbers(state=State.COLLECTING, claimed=False) == [proved.number, again.number]
        assert transaction.count_claimed_cases() == 1
        happen(transaction, claimed, Event(What.LINE_DOUBTED, reason="its contact is another"), at(1))
        assert numbers(claimed=False) == everyone, "people have to look at it"
        assert transaction.count_claimed_cases() == 0
        assert transaction.count_claimed_cases(State.DISMISSED) == 0
        assert [one.number for one in transaction.cases_of_line(4)] == [over.number, again.number]


def test_what_is_forgotten_unseen_or_unread_is_counted(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.add_unread(kept(b"unread"))
        transaction.add_report(kept(b"queued", refusal="malformed: it is", is_queued=True))
        transaction.add_report(kept(b"settled"))
    told: list[int] = []
    assert sum(forget_desk(store, at(LATER), at(0), at(0), told.append)) == 3
    assert sum(forget_desk(store, at(LATER), at(0), at(0), told.append)) == 0
    assert told == [2]
    with store.reading() as transaction:
        assert transaction.last_report() == 0


def test_a_queue_is_emptied_up_to_a_moment_and_of_what_is_read_alone(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.add_unread(kept(b"unread"))
        old, _ = transaction.add_report(kept(b"old", refusal="malformed: 100%", is_queued=True))
        young, _ = transaction.add_report(kept(b"young", LATER, refusal="empty: it is empty", is_queued=True))
        asked = [transaction.queued_reports(why=one) for one in ("malformed", "empty", "00%", "0_%")]
        assert [[one.number for one in some] for some in asked] == [[old], [young], [old], []]
        assert transaction.reports_seen(at(LATER)) == 1
        assert [one.number for one in transaction.queued_reports()] == [young]
        assert transaction.count_unread(5) == 1


def test_a_case_is_kept_as_long_as_a_report_of_it(store: Store) -> None:
    with store.transaction() as transaction:
        case = opened(transaction)
        put(transaction, case, b"a")
        happen(transaction, case, Event(What.DISMISS, "sato", "false"), at(1))
    assert sum(forget_desk(store, at(0), at(2), at(0))) == 0
    assert sum(forget_desk(store, at(2), at(0.5), at(0))) == 1
    assert sum(forget_desk(store, at(2), at(2), at(0))) == 1


def test_a_reporter_is_written_and_read(store: Store) -> None:
    party = Party("例え.jp", is_authenticated=True)
    reporter = replace(first_seen(party, at(0), 100), left=99.5, dismissed=2)
    with store.transaction() as transaction:
        transaction.put_reporter(reporter)
        transaction.put_reporter(replace(reporter, at=at(1)))
        assert transaction.reporter(party) == replace(reporter, at=at(1))


def test_when_to_look_at_a_case_again_is_written_without_changing_it(store: Store) -> None:
    with store.transaction() as transaction:
        case = opened(transaction)
        transaction.put_due(case.number, at(0) + timedelta(days=99))
        assert transaction.due_cases(at(0) + POLICY.quiet) == ()
        transaction.put_due(case.number, None)
        assert transaction.due_cases(at(LATER * 99)) == ()
        assert transaction.case(case.number) == case


def test_an_original_is_opened_by_its_key_alone_and_is_no_others() -> None:
    old, new = Fernet.generate_key(), Fernet.generate_key()
    original = b"Received: from line.example" * 100
    sealed = Sealer(old).seal(original)
    assert original[:20] not in sealed
    digest = sha256(original).digest()
    both = Sealer(new + b"\n" + old + b"\n")
    assert both.open(sealed, digest) == original
    with pytest.raises(SealError, match="add the key that it was sealed with"):
        Sealer(new).open(sealed, digest)
    with pytest.raises(SealError, match="another report's"):
        both.open(sealed, sha256(b"other").digest())
    with pytest.raises(SealError, match="add the key"):
        both.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), digest)


@pytest.mark.parametrize(
    ("content", "why"), [(b"\n \n", "it has no key"), (b"correct horse", "line 1 is no key")]
)
def test_a_key_file_that_cannot_be_used_is_told_without_its_words(content: bytes, why: str) -> None:
    with pytest.raises(SealError, match=why) as told:
        Sealer(content)
    assert "horse" not in str(told.value)


def test_what_came_in_is_unread_until_it_is_read_and_in_nobodys_queue(store: Store) -> None:
    with store.transaction() as transaction:
        number, is_new = transaction.add_unread(kept(vouched="a.net"))
        assert is_new
        assert transaction.add_unread(kept()) == (number, False)
        assert (transaction.is_unread(number), transaction.count_unread(5)) == (True, 1)
        ((found, unread),) = transaction.unread_reports(0, 5)
        assert (found, unread.vouched, unread.party) == (number, "a.net", None)
        assert transaction.unread_reports(number, 5) == ()
        assert transaction.queued_reports() == ()
        assert transaction.put_read(number, kept())
        assert not transaction.put_read(number, kept(refusal="again"))
        assert transaction.report(number) == kept(vouched="a.net")
        assert transaction.count_unread(5) == 0


def test_the_suspension_of_a_whole_line_is_found_by_its_line(store: Store) -> None:
    grave = Policy(grave=frozenset(), suspension=Kind.LINE)
    with store.transaction() as transaction:
        for line in (LINE, LINE + 1):
            case = opened(transaction, line)
            decision = decide(case, PEOPLE, at(1), grave)
            transaction.put_decision(case, PEOPLE, decision, at(1), evidence=Evidence(), due=None)
        assert [one.line for one in transaction.line_suspensions()] == [LINE, LINE + 1]
        assert [one.line for one in transaction.line_suspensions(LINE)] == [LINE]
        assert transaction.line_suspensions(9) == ()


def test_the_measures_of_the_gate_are_those_not_taken_back(store: Store) -> None:
    with store.transaction() as transaction:
        case = opened(transaction)
        decision, _ = happen(transaction, case, PEOPLE, at(1))
        assert [one.kind for one in transaction.measures()] == [Kind.PORT25]
        assert [one.kind for one in transaction.measures_of([9, LINE])] == [Kind.PORT25]
        assert transaction.measures_of([9]) == ()
        happen(transaction, decision.case, Event(What.RESTORE, "yamada", "mended"), at(2))
        assert (transaction.measures(), transaction.measures_of([LINE])) == ((), ())
