"""What a list does to lines about which something is open at the desk: nothing goes to the next customer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from sekisho.daemon.desk_cases import Desk, case_for
from sekisho.daemon.desk_lists import lines_at_desk, see_off
from sekisho.daemon.desk_measures import restrictions
from sekisho.daemon.intake import Intake
from sekisho.desk.actions import Do
from sekisho.desk.case_values import BY_ITSELF, Case, Event, Evidence, Kind, Mark, State, What
from sekisho.desk.cases import decide, open_case
from sekisho.desk.listed import Became
from sekisho.desk.notices import OF_LINES
from sekisho.desk.policy import Policy
from sekisho.lines import chunks
from sekisho.lines.list_change import ListChange, compare
from sekisho.lines.records import Relief
from sekisho.lines.roster import Treatment
from sekisho.lines.static import LIST, StaticLine, StaticList
from sekisho.model import Address, KnownLine, Limit, Mode, RosterChange
from sekisho.outbox import Kind as LetterKind
from sekisho.outbox import mail
from sekisho.store import Store, Transaction
from tests.desk.world import World
from tests.store.values import HOME, OTHER, at

LIMIT = Limit(Mode.ENFORCE, 5, 1_000)
TREATMENT = Treatment(lambda _: "dynamic", {"dynamic": LIMIT})
THIRD = Address(bytes([100, 64, 0, 3]), 32)
OLD, NEW = "old@example.net", "new@example.net"
NOTHING = StaticList()
DESK = Desk(World(()).ours, {}, TREATMENT, timedelta(minutes=2), 100)


class Lists:
    """An intake of lists, and what the gate was told."""

    def __init__(self, store: Store) -> None:
        self.store, self.told = store, dict[int, KnownLine | None]()
        self.commits_left = float("inf")
        self.intake = Intake(
            store,
            treatment=lambda: TREATMENT,
            rules=tuple,
            tell=self.tell,
            utc=lambda: at(60),
        )

    def tell(self, change: RosterChange) -> None:
        self.told.update(change.lines)
        self.commits_left -= 1
        if self.commits_left <= 0:
            raise KeyboardInterrupt

    def put(self, new: StaticList) -> None:
        def record(transaction: Transaction, change: ListChange) -> None:
            see_off(transaction, change, NOTHING, {}, at(60))

        self.intake.put_list(new, LIST, NOTHING, record=record)

    def tried(self, new: StaticList) -> dict[str, tuple[Became, State | None, bool, int]]:
        with self.store.reading() as transaction:
            found = lines_at_desk(transaction, compare(transaction, new, LIST, NOTHING), NOTHING, at(60))
        return {
            one.name: (
                one.became,
                None if one.case is None else one.case.state,
                one.relief is not None,
                one.letters,
            )
            for one in found
        }

    def open(self, name: str, *events: Event) -> Case:
        with self.store.transaction() as transaction:
            line = transaction.number_lines([name])[name]
            case = transaction.add_case(open_case(0, line, "dynamic", at(0)), None)
            for event in events:
                decision = decide(case, event, at(1), Policy())
                assert decision.refusal is None
                transaction.put_decision(case, event, decision, at(1), evidence=Evidence(), due=None)
                case = decision.case
        return case

    def case(self, number: int) -> Case:
        with self.store.reading() as transaction:
            case = transaction.case(number)
        assert case is not None
        return case

    def write(self, line: int, number: int = 1) -> None:
        letter = mail(f"desk-gate-{number}", OLD, "s", "t", at(1), thread=f"{OF_LINES}{line}")
        with self.store.transaction() as transaction:
            transaction.put_letters("gate", [letter])

    def due(self) -> list[str]:
        with self.store.reading() as transaction:
            return [one.letter.id for one in transaction.due_letters("gate", LetterKind.MAIL, at(70), 10)]


def listed(contact: str = OLD, *addresses: Address, name: str = "L-0042") -> StaticList:
    line = StaticLine("dynamic", contact=contact)
    return StaticList({name: line}, dict.fromkeys(addresses or (HOME,), name))


def _number(transaction: Transaction, name: str) -> int:
    number = transaction.line_number(name)
    assert number is not None
    return number


SUSPEND = Event(What.SUSPEND, "yamada", "seen", Kind.PORT25)
HOLD = Event(What.HOLD, "yamada", "an order")


@pytest.fixture
def lists(store: Store) -> Iterator[Lists]:
    with capture_logs():
        found = Lists(store)
        found.put(listed())
        yield found


@pytest.mark.parametrize(
    ("new", "became"),
    [(NOTHING, Became.OFF), (listed(NEW, OTHER), Became.ANOTHER)],
    ids=["it leaves the list", "at once another's"],
)
def test_the_next_customer_of_a_name_has_nothing_of_the_one_before(
    lists: Lists, new: StaticList, became: Became
) -> None:
    case = lists.open("L-0042", SUSPEND)
    lists.write(case.line)
    with lists.store.transaction() as transaction:
        transaction.add_relief(Relief(case.line, at(2), at(9e6), "root", "an own server"))
    assert lists.tried(new) == {"L-0042": (became, State.SUSPENDED, True, 1)}
    assert lists.case(case.number) == case, "it was only tried"
    lists.put(new)
    gone = lists.case(case.number)
    assert (gone.state, gone.measures) == (State.GONE, ())
    lists.put(listed(NEW, OTHER))
    assert lists.told[case.line] == KnownLine("dynamic"), "the limit of its class"
    with lists.store.reading() as transaction:
        assert restrictions(transaction.measures_of([case.line])) == {}
        assert transaction.relief(case.line, at(61)) is None
        event = transaction.case_events(case.number)[-1]
        lift = transaction.case_actions(case.number)[-1]
        (given_up,) = transaction.letters_given_up(5)
    assert (event.what, event.by, event.reason) == (What.LINE_GONE, BY_ITSELF, str(became))
    assert (lift.do, lift.kind) == (Do.LIFT, Kind.PORT25)
    assert (given_up.letter, given_up.why) == ("desk-gate-1", str(became))
    lists.write(case.line, 2)
    assert lists.due() == ["desk-gate-2"], "nothing of before keeps it back"


@pytest.mark.parametrize(
    "between",
    [(), (NOTHING,), (listed(NEW),)],
    ids=["at once another's", "it leaves the list", "its contact first"],
)
def test_what_was_sent_before_a_line_was_its_customers_counts_for_nothing(
    lists: Lists, between: tuple[StaticList, ...]
) -> None:
    """No case was open then: the reports come later, as they mostly do."""
    with lists.store.reading() as transaction:
        line = _number(transaction, "L-0042")
        assert transaction.turned(line) is None
    for one in (*between, listed(NEW, OTHER)):
        lists.put(one)
    with lists.store.transaction() as transaction:
        case = case_for(transaction, DESK, line, b"", at(61))
        transaction.forget_others(at(61))
    assert case.counted_from == at(60)
    with lists.store.reading() as transaction:
        assert transaction.turned(line) is None, "no report of then has a line any more"


def test_a_line_that_only_moves_is_its_customers_all_the_time(lists: Lists) -> None:
    lists.put(listed(OLD.upper(), OTHER))
    with lists.store.reading() as transaction:
        assert transaction.turned(_number(transaction, "L-0042")) is None


def test_evidence_of_a_line_that_is_gone_is_kept_and_restricts_nobody(lists: Lists) -> None:
    case = lists.open("L-0042", HOLD)
    lists.put(NOTHING)
    lists.put(listed(NEW, OTHER))
    assert lists.case(case.number).state is State.KEPT
    assert lists.told[case.line] == KnownLine("dynamic")
    another = lists.open("L-0042", SUSPEND)
    assert another.number != case.number
    with lists.store.transaction() as transaction:
        assert [one.number for one in transaction.listed_cases()] == [case.number, another.number]
        transaction.forget_leases(at(1e9))
        assert transaction.forget_cases(at(1e9)) == 0
        assert list(transaction.leases_of(case.line, at(0))), "its leases are evidence too"


def test_a_line_whose_contact_changes_is_doubted_and_its_letters_are_not_sent(lists: Lists) -> None:
    case = lists.open("L-0042", SUSPEND)
    lists.write(case.line)
    new = listed(NEW)
    assert lists.tried(new) == {"L-0042": (Became.CONTACT, State.SUSPENDED, False, 1)}
    lists.put(new)
    doubted = lists.case(case.number)
    assert (doubted.state, doubted.marks, doubted.measures) == (
        State.SUSPENDED,
        (Mark.DOUBTED,),
        case.measures,
    )
    assert lists.due() == []
    lists.put(listed(OLD))
    assert lists.case(case.number) == doubted, "who changes it back is doubted still"


def test_a_line_whose_addresses_all_change_is_doubted_and_one_that_keeps_any_is_not(lists: Lists) -> None:
    case = lists.open("L-0042", SUSPEND)
    lists.write(case.line)
    lists.put(listed(OLD, HOME, OTHER))
    assert lists.case(case.number) == case
    lists.put(listed(OLD, OTHER))
    assert lists.case(case.number) == case
    assert lists.tried(listed(OLD, THIRD)) == {"L-0042": (Became.ADDRESSES, State.SUSPENDED, False, 1)}
    lists.put(listed(OLD, THIRD))
    assert lists.case(case.number).is_doubted
    assert lists.due() == ["desk-gate-1"], "its contact is the same"


def test_an_address_that_goes_to_another_line_is_gone(lists: Lists) -> None:
    case = lists.open("L-0042", SUSPEND)
    taken = StaticList(
        {"L-0042": StaticLine("dynamic", contact=OLD), "bob": StaticLine("dynamic")},
        {HOME: "bob", OTHER: "L-0042"},
    )
    lists.put(taken)
    assert lists.case(case.number).is_doubted


def test_lines_of_which_nothing_is_open_or_nothing_changes_are_not_named(lists: Lists) -> None:
    lists.open("L-0042", SUSPEND)
    more = StaticList(
        {"L-0042": StaticLine("dynamic", contact=OLD), "bob": StaticLine("dynamic", contact=OLD)},
        {HOME: "L-0042", OTHER: "bob"},
    )
    lists.put(more)
    same_but_bob = StaticList(
        {"L-0042": StaticLine("dynamic", contact=OLD), "bob": StaticLine("dynamic", contact=NEW)},
        {HOME: "L-0042", THIRD: "bob"},
    )
    assert lists.tried(same_but_bob) == {}


@pytest.mark.parametrize("commits", range(1, 5))
def test_who_ends_in_a_list_gives_no_case_away(
    lists: Lists, monkeypatch: pytest.MonkeyPatch, commits: int
) -> None:
    case = lists.open("L-0042", SUSPEND)
    new = StaticList(
        {name: StaticLine("dynamic", contact=NEW) for name in ("alice", "bob", "L-0042")},
        {HOME: "alice", OTHER: "bob", THIRD: "L-0042"},
    )
    monkeypatch.setattr(chunks, "CHUNK", 1)
    lists.commits_left = commits
    with pytest.raises(KeyboardInterrupt):
        lists.put(new)
    with lists.store.reading() as transaction:
        line = transaction.listed_line(case.line)
    assert line is not None
    assert lists.case(case.number).state is State.GONE or line.contact == OLD
    lists.commits_left = float("inf")
    lists.put(new)
    assert lists.case(case.number).state is State.GONE
    assert len(lists_events(lists, case)) == 2


def lists_events(lists: Lists, case: Case) -> list[What]:
    with lists.store.reading() as transaction:
        return [one.what for one in transaction.case_events(case.number)]
