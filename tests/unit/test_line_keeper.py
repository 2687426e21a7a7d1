"""The lines of a daemon on a real store that comes and goes, before a kernel of dictionaries."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sekisho.api.problems import RefusalError
from sekisho.config import Config, parse
from sekisho.daemon import attempts, line_keeper, roster_writer
from sekisho.daemon.keeper import Keeper
from sekisho.daemon.line_keeper import LineKeeper, treatment_of
from sekisho.daemon.settler import Settler
from sekisho.desk.case_values import Case, Event, Evidence, State, What
from sekisho.desk.cases import decide, open_case
from sekisho.desk.policy import Policy
from sekisho.gate import GateError
from sekisho.lines.events import Heard, Kind, login_key
from sekisho.lines.list_change import ListChange
from sekisho.lines.records import Relief
from sekisho.lines.static import StaticLine, StaticList
from sekisho.model import Address, KnownLine, PortPlan, RosterChange, Stage, stage_arm
from sekisho.store import StoreError, Transaction, UnfitError
from sekisho.store.late import LateStore
from tests.system.waiting import until
from tests.unit.keeping import NOW, NOW_NS, TEXT, FakeGate, FakeHold, lines_in_kernel

HOME, OTHER = Address(bytes([100, 64, 0, 1]), 32), Address(bytes([100, 64, 0, 2]), 32)
SHARED = bytes([192, 0, 2, 1])
LISTED = StaticList({"home": StaticLine("dynamic")}, {HOME: "home"})
SHARING = """\
[[pool]]
prefix = "192.0.2.0/24"
class = "dynamic"
[[line]]
name = "shop"
class = "fixed"
addresses = ["192.0.2.1:1024-2047"]
"""
MAP = """\
[[pool]]
prefix = "2001:db8::/32"
line = 56
class = "dynamic"
[[map]]
ipv6 = "2001:db8::/40"
ipv4 = "192.0.2.0/24"
ea_bits = 16
class = "dynamic"
"""


class Store(LateStore):
    """A store that is away when told; `broken` is raised in its place."""

    is_away = False
    broken: Exception | None = None

    def open(self) -> None:
        self.fail()
        super().open()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        self.fail()
        with super().transaction() as transaction:
            yield transaction

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        self.fail()
        with super().reading() as transaction:
            yield transaction

    def fail(self) -> None:
        if self.broken is not None:
            raise self.broken
        if self.is_away:
            raise StoreError("it is away")


class Site:
    """A line keeper, its gate, and the list that it reads."""

    def __init__(self, directory: Path, text: str = TEXT) -> None:
        self.text = text
        self.list: StaticList | OSError | None = None
        self.store = Store(f"sqlite:///{directory / 'lines.db'}")
        self.lines = LineKeeper(self.config(), self.store, file_list=self.read_list, utc=lambda: NOW)
        self.gate = FakeGate([])
        self.started = False

    def config(self) -> Config:
        config = parse(self.text.encode()).config
        assert config is not None
        return config

    def read_list(self, _: Config) -> StaticList | None:
        if isinstance(self.list, OSError):
            raise self.list
        return self.list

    def open(self) -> None:
        with suppress(StoreError):
            self.lines.open()
        self.keeper = Keeper(
            self.gate,
            FakeHold([], {}),
            self.config(),
            file="sekisho.toml",
            read=lambda: parse(self.text.encode()),
            roster=self.lines.roster,
            numbers=self.lines.numbers,
            trial=lambda _: None,
            utc=lambda: NOW,
            monotonic_ns=lambda: NOW_NS,
        )

    def start(self) -> None:
        self.open()
        self.lines.start(self.keeper)
        self.started = True

    def put_list(self, lines: StaticList) -> None:
        """Import a list that was read by the configuration in force."""
        self.lines.put_list(lines, config=self.config())

    def reload(self, text: str) -> None:
        """Follow another configuration, as a daemon does; what the store refuses is owed."""
        self.text = text
        self.keeper.reload(None)
        with suppress(StoreError):
            self.lines.follow(self.keeper.kept.config)

    def number(self, name: str) -> int:
        with self.store.reading() as transaction:
            number = transaction.line_number(name)
        assert number is not None
        return number

    def close(self) -> None:
        self.store.is_away, self.store.broken = False, None
        self.lines.stop()
        self.lines.close()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster_writer, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(line_keeper, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(attempts, "REST_SECONDS", 0.01)
    monkeypatch.setattr(attempts, "LONGEST_REST_SECONDS", 0.01)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


def test_a_roster_that_the_store_did_not_give_is_not_whole(site: Site) -> None:
    site.start()
    until(lambda: site.lines.is_whole)
    asked = threading.Event()
    give = site.store.reading
    failures = [StoreError("it was away for a moment")] * 2  # for the numbers, and for the roster

    @contextmanager
    def once_away() -> Iterator[Transaction]:
        if threading.current_thread().name == "roster" and failures:
            asked.set()
            raise failures.pop()
        with give() as transaction:
            yield transaction

    site.store.reading = once_away  # type: ignore[method-assign]
    with capture_logs() as logs:
        site.lines._start_over()
        assert asked.wait(timeout=30)
        until(lambda: site.lines.is_whole)
    told = [entry["event"] for entry in logs if entry.get("why") == "it was away for a moment"]
    assert told == ["the gate's lines stay as they are", "lines are not up to date in the gate; trying again"]


def test_lists_that_found_the_store_away_come_in_when_it_is_back(site: Site) -> None:
    site.start()
    until(lambda: site.lines.is_whole)
    site.store.is_away = True
    site.list = LISTED
    site.reload(TEXT + '[[line]]\nname = "office"\nclass = "fixed"\naddresses = ["100.64.0.9"]\n')
    assert not site.lines.is_whole
    site.store.is_away = False
    until(lambda: site.lines.is_whole)
    wanted = {
        site.number("home"): KnownLine("dynamic"),
        site.number("office"): KnownLine("fixed"),
    }
    until(lambda: lines_in_kernel(site.gate).lines == wanted)
    until(lambda: lines_in_kernel(site.gate).addresses[HOME] == site.number("home"))


def test_a_store_that_opens_late_gets_its_lists(site: Site) -> None:
    site.store.is_away = True
    site.list = LISTED
    site.start()
    site.store.is_away = False
    until(lambda: site.lines.is_whole)
    until(lambda: lines_in_kernel(site.gate).addresses == {HOME: site.number("home")})


def test_a_list_that_cannot_be_read_is_read_when_it_can_be(site: Site) -> None:
    site.list = PermissionError(13, "Permission denied")
    with capture_logs() as logs:
        site.start()
        until(lambda: roster_of(site) is not None)
        assert not site.lines.is_whole
        site.list = LISTED
        until(lambda: site.lines.is_whole)
    assert len([entry for entry in logs if "the list of lines cannot be read" in entry["event"]]) == 1
    until(lambda: lines_in_kernel(site.gate).addresses == {HOME: site.number("home")})


def roster_of(site: Site) -> object:
    return site.lines.roster(site.config())


def test_a_reload_writes_the_whole_roster_again(site: Site) -> None:
    site.list = LISTED
    site.start()
    until(lambda: site.lines.is_whole)
    number = abi_key(site)
    site.gate.tables["addresses"].clear()  # as if a batch had been told by the configuration before
    site.reload(TEXT)
    until(lambda: number in site.gate.tables["addresses"].values())


def abi_key(site: Site) -> bytes:
    (value,) = site.gate.tables["addresses"].values()
    return value


@pytest.mark.parametrize("more", [SHARING, MAP])
def test_how_addresses_were_shared_leaves_the_kernel_with_the_configuration(
    tmp_path: Path, more: str
) -> None:
    site = Site(tmp_path, TEXT + more)
    try:
        site.start()
        until(lambda: site.lines.is_whole)
        assert SHARED in site.gate.tables["shared"]
        site.reload(TEXT)
        until(lambda: site.gate.tables["shared"] == {})
    finally:
        site.close()


def test_stored_plans_of_the_file_do_not_outlive_it_where_the_store_takes_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path, TEXT + MAP)
    try:
        site.start()
        until(lambda: site.lines.is_whole)
        site.text = TEXT
        roster = site.lines.roster(site.config())
        assert roster is not None
        assert roster.port_plans == {}
    finally:
        site.close()


def test_how_a_list_shares_an_address_comes_and_goes_with_it(site: Site) -> None:
    site.text = TEXT + SHARING.split("[[line]]", maxsplit=1)[0]
    site.lines.follow(site.config())
    site.start()
    until(lambda: site.lines.is_whole)
    plan = PortPlan("dynamic", first=0, size=1024)
    share = Address(SHARED, 32, 1)
    site.put_list(StaticList({"a": StaticLine("dynamic")}, {share: "a"}, {SHARED: plan}))
    until(lambda: SHARED in site.gate.tables["shared"])
    site.put_list(StaticList())
    until(lambda: site.gate.tables["shared"] == {})


def test_numbers_are_read_while_the_store_takes_nothing(site: Site) -> None:
    site.list = LISTED
    site.open()
    with site.store.transaction():
        assert site.lines.numbers(["home", "new"]).keys() == {"home", "new"}
        assert site.lines.numbers(["home"]) == {"home": site.number("home")}


def test_what_the_store_has_and_nobody_can_read_is_told_as_a_fault_of_ours(site: Site) -> None:
    site.store.broken = ValueError("no such packing")
    with capture_logs() as logs, pytest.raises(StoreError, match="our fault"):
        site.lines.open()
    assert logs[0]["exc_info"]


def test_a_fault_of_ours_does_not_end_the_thread(site: Site) -> None:
    site.start()
    until(lambda: site.lines.is_whole)
    with capture_logs() as logs:
        site.store.broken = ValueError("never thought of")
        until(lambda: any("our fault" in entry["event"] for entry in logs))
        site.store.broken = None
        until(lambda: any(entry["event"] == "what had failed works again" for entry in logs))
    site.lines.check()


def test_lists_that_cannot_come_in_keep_nothing_else_from_being_seen_to(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.list = LISTED
    site.start()
    until(lambda: site.lines.is_whole)
    home = site.number("home")
    forgetting = threading.Event()

    def refuse(*_: object, **__: object) -> ListChange:
        raise UnfitError("a number is too large")

    with capture_logs() as logs:
        monkeypatch.setattr(site.lines.intake, "put_list", refuse)
        site.reload(TEXT)
        until(lambda: any(entry.get("undone") == "lists of lines" for entry in logs))
        monkeypatch.setattr(site.lines._forgetter, "step", forgetting.set)
        with site.store.transaction() as transaction:
            transaction.add_relief(Relief(home, NOW, NOW + timedelta(days=1), "root", "its own server"))
        until(lambda: lines_in_kernel(site.gate).lines[home].limit is not None)
        assert forgetting.wait(timeout=30)
    assert not site.lines.is_whole
    assert not any(entry["event"] == "the store is away" for entry in logs)


def test_a_line_whose_case_is_open_is_counted_apart_within_a_second_and_after_a_restart(site: Site) -> None:
    site.list = LISTED
    site.start()
    until(lambda: site.lines.is_whole)
    home = site.number("home")

    def in_kernel() -> KnownLine:
        return lines_in_kernel(site.gate).lines[home]

    with site.store.transaction() as transaction:
        case = transaction.add_case(open_case(0, home, "dynamic", NOW, None), None)
        decision = decide(case, Event(What.APPROVE, "sato", "so it is"), NOW, Policy(), ())
        transaction.put_decision(
            case, Event(What.APPROVE, "sato", "so it is"), decision, NOW, evidence=Evidence(), due=None
        )
    asked = KnownLine("dynamic", None, stage_arm(Stage.ASKED, home))
    until(lambda: in_kernel() == asked)
    roster = site.lines.roster(site.config())
    assert roster is not None
    assert roster.lines[home] == asked
    with site.store.transaction() as transaction:
        event = Event(What.DISMISS, "sato", "it was not")
        over = decide(decision.case, event, NOW, Policy(), ())
        transaction.put_decision(decision.case, event, over, NOW, evidence=Evidence(), due=None)
    until(lambda: in_kernel() == KnownLine("dynamic"))


def test_a_list_that_cannot_come_in_is_not_read_each_time(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "REST_SECONDS", 3600.0)
    monkeypatch.setattr(attempts, "LONGEST_REST_SECONDS", 3600.0)
    site.start()
    until(lambda: site.lines.is_whole)
    reads, looks = [], []

    def read(_: Config) -> StaticList | None:
        reads.append(1)
        raise ValueError("never thought of")

    monkeypatch.setattr(site.lines, "_file_list", read)
    monkeypatch.setattr(site.lines._forgetter, "step", lambda: looks.append(1))
    with capture_logs() as logs:
        with pytest.raises(ValueError, match="never thought of"):
            site.lines.follow(site.config())
        until(lambda: any(entry.get("undone") == "lists of lines" for entry in logs))
        seen = len(looks)
        until(lambda: len(looks) > seen + 5)
    assert len(reads) == 2  # at the reload, and once since


def test_a_thread_that_has_ended_ends_the_daemon(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.start()
    site.lines.check()
    monkeypatch.setattr(Settler, "is_alive", False)
    with pytest.raises(GateError, match="the thread that settles what was heard has ended"):
        site.lines.check()


class TellingLock:
    """A lock that tells when somebody waits for it."""

    def __init__(self) -> None:
        self.lock, self.wanted = threading.Lock(), threading.Event()

    def __enter__(self) -> None:
        self.wanted.set()
        self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.lock.release()


def test_a_batch_that_waits_while_the_treatment_changes_goes_by_the_new_one(site: Site) -> None:
    site.open()
    told: list[RosterChange] = []
    intake = site.lines.intake
    intake._tell = told.append
    intake._writing = writing = TellingLock()  # type: ignore[assignment]
    key = login_key("bng1", "1", "alice")
    start = Heard(Kind.START, NOW, "bng1", key, "alice", 0, (HOME,))
    with ThreadPoolExecutor() as threads:
        with writing.lock:
            taking = threads.submit(intake.take, [start])
            assert writing.wanted.wait(timeout=30)
            site.text = TEXT.replace('class = "dynamic"', 'class = "fixed"')
            site.lines._treatment = treatment_of(site.config())
        taking.result(timeout=30)
    assert [*told[0].lines.values()] == [KnownLine("fixed")]


def test_a_line_that_comes_into_the_file_leaves_the_list(site: Site) -> None:
    other = Address(bytes([100, 64, 0, 2]), 32)
    both = StaticList(
        {"home": StaticLine("dynamic"), "shop": StaticLine("dynamic")}, {HOME: "home", other: "shop"}
    )
    site.start()
    site.put_list(both)
    until(lambda: lines_in_kernel(site.gate).addresses.keys() == {HOME, other})
    office = Address(bytes([100, 64, 0, 9]), 32)
    site.reload(TEXT + '[[line]]\nname = "shop"\nclass = "fixed"\naddresses = ["100.64.0.9"]\n')
    until(lambda: lines_in_kernel(site.gate).addresses.keys() == {HOME, office})
    assert lines_in_kernel(site.gate).lines[site.number("shop")] == KnownLine("fixed")
    site.reload(TEXT)
    until(lambda: lines_in_kernel(site.gate).addresses.keys() == {HOME})


def test_a_list_that_was_read_by_another_configuration_is_refused(site: Site) -> None:
    site.start()
    read_by = site.config()
    site.reload(TEXT + '[[line]]\nname = "shop"\nclass = "fixed"\naddresses = ["100.64.0.1"]\n')
    with pytest.raises(RefusalError, match="import the list again"):
        site.lines.put_list(StaticList({"home": StaticLine("dynamic")}, {HOME: "home"}), config=read_by)
    until(lambda: lines_in_kernel(site.gate).addresses.keys() == {HOME})
    assert [*lines_in_kernel(site.gate).lines.values()] == [KnownLine("fixed")]


def test_a_list_gives_a_class_to_a_line_whose_addresses_come_by_accounting(site: Site) -> None:
    site.start()
    site.put_list(StaticList({"alice": StaticLine("fixed")}))
    start = Heard(Kind.START, NOW, "bng1", login_key("bng1", "1", "alice"), "alice", 0, (HOME,))
    site.lines.take([start])
    until(lambda: lines_in_kernel(site.gate).addresses.keys() == {HOME})
    assert [*lines_in_kernel(site.gate).lines.values()] == [KnownLine("fixed")]
    site.put_list(StaticList())
    until(lambda: [*lines_in_kernel(site.gate).lines.values()] == [KnownLine("dynamic")])
    assert lines_in_kernel(site.gate).addresses.keys() == {HOME}


@pytest.mark.parametrize("by_accounting", [False, True])
def test_a_file_that_names_a_line_no_more_takes_its_case_along_unless_accounting_tells_of_it(
    site: Site, by_accounting: bool
) -> None:
    site.list = StaticList({"alice": StaticLine("fixed")}, {} if by_accounting else {HOME: "alice"})
    site.start()
    if by_accounting:
        start = Heard(Kind.START, NOW, "bng1", login_key("bng1", "1", "alice"), "alice", 0, (HOME,))
        site.lines.take([start])
        site.lines.settle()
    case = suspended(site, "alice")
    site.lines.refresh([case.line])
    until(lambda: [*lines_in_kernel(site.gate).lines.values()] != [KnownLine("fixed")])
    site.list = StaticList()
    site.reload(site.text)
    after = case_of(site, case)
    assert (after.state, after.is_doubted) == (
        (State.SUSPENDED, True) if by_accounting else (State.GONE, False)
    )
    until(lambda: len(lines_in_kernel(site.gate).addresses) == by_accounting)
    site.list = StaticList({"alice": StaticLine("fixed")}, {OTHER: "alice"})
    site.reload(site.text)
    until(lambda: OTHER in lines_in_kernel(site.gate).addresses)
    ((_, line),) = lines_in_kernel(site.gate).lines.items()
    assert (line == KnownLine("fixed")) is not by_accounting


@pytest.mark.parametrize(("contact", "is_doubted"), [("a@example.net", False), ("b@example.net", True)])
def test_a_line_that_goes_into_the_file_and_back_keeps_its_case(
    site: Site, contact: str, is_doubted: bool
) -> None:
    line = (
        '[[line]]\nname = "alice"\nclass = "fixed"\naddresses = ["100.64.0.1"]\ncontact = "a@example.net"\n'
    )
    site.start()
    without = site.text
    site.reload(f"{without}\n{line}")
    case = suspended(site, "alice")
    site.list = StaticList({"alice": StaticLine("fixed", contact=contact)}, {HOME: "alice"})
    site.reload(without)
    after = case_of(site, case)
    assert (after.state, after.is_doubted) == (State.SUSPENDED, is_doubted)
    site.list = StaticList()
    site.reload(f"{without}\n{line}")
    assert case_of(site, case).state is State.SUSPENDED
    site.reload(without)
    assert case_of(site, case).state is State.GONE


def suspended(site: Site, name: str) -> Case:
    suspend = Event(What.SUSPEND, "yamada", "spam")
    with site.store.transaction() as transaction:
        case = transaction.add_case(open_case(0, site.number(name), "fixed", NOW), None)
        decision = decide(case, suspend, NOW, Policy())
        transaction.put_decision(case, suspend, decision, NOW, evidence=Evidence(), due=None)
    return decision.case


def case_of(site: Site, case: Case) -> Case:
    with site.store.reading() as transaction:
        after = transaction.case(case.number)
    assert after is not None
    return after
