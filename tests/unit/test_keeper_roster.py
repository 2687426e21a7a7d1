"""The keeper with a roster: which lines the kernel knows, whatever changes and in whatever order."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from structlog.testing import capture_logs

from sekisho.api.app import Peer
from sekisho.api.problems import RefusalError
from sekisho.gate import FullError, GateError, abi
from sekisho.model import Address, KnownLine, Limit, Mode, Roster, RosterChange
from sekisho.plan import LimitChange, line_numbers
from tests.unit.keeping import NOBODY, TEXT, FakeGate, Scene, lines_in_kernel

PEER = Peer(uid=0, pid=4711)
DYNAMIC = KnownLine("dynamic")
FIXED = KnownLine("fixed")
RELEASED = KnownLine("dynamic", Limit(Mode.OBSERVE, 5, 1_000))
OFFICE = line_numbers(["office"])["office"]
WITH_OFFICE = """\
[[line]]
name = "office"
class = "fixed"
addresses = ["198.51.100.8", "2001:db8:8017::/48"]
"""
NAT = """\
[[nat]]
inside = "100.64.0.0/22"
outside = "198.51.100.0/28"
ports = 1008
class = "dynamic"
"""


def ipv4(last: int) -> Address:
    return Address(bytes([100, 64, 0, last]), 32)


def ipv6(length: int, last: int = 0) -> Address:
    return Address(b"\x20\x01\x0d\xb8" + bytes([last]) + bytes(11), length)


OF_OFFICE = Address(bytes([198, 51, 100, 8]), 32)
ROSTER = Roster({1: DYNAMIC, 2: FIXED}, {ipv4(1): 1, ipv6(56): 1, ipv4(2): 2})


def lengths(gate: FakeGate) -> list[int]:
    """Return the prefix lengths that the kernel program tries."""
    tried = abi.unpack_control(gate.tables["control"][bytes(4)])["prefix_lengths"]
    return [length for length in bytes(tried) if length]


def test_a_roster_known_from_the_start_is_installed() -> None:
    scene = Scene(roster=ROSTER)
    assert lines_in_kernel(scene.gate) == ROSTER
    assert scene.asked_by == scene.keeper.kept.config


def test_a_roster_that_comes_later_is_brought_in_by_difference() -> None:
    scene = Scene(roster=None)
    assert lines_in_kernel(scene.gate) == NOBODY
    scene.set_roster(ROSTER)
    assert lines_in_kernel(scene.gate) == ROSTER
    scene.story.clear()
    scene.set_roster(ROSTER)
    assert scene.story == []
    scene.set_roster(Roster({1: DYNAMIC}, {ipv4(1): 1, ipv6(56): 1}))
    assert scene.story == ["write addresses", "write known"]


def test_lines_stay_while_the_roster_is_not_known() -> None:
    first = Scene(roster=ROSTER)
    second = Scene(first.gate, roster=None)
    assert lines_in_kernel(second.gate) == ROSTER
    assert [change.map_name for change in second.gate.writes if change.deletes] == []
    second.set_roster(Roster({2: FIXED}, {ipv4(1): 2}))
    assert lines_in_kernel(second.gate) == Roster({2: FIXED}, {ipv4(1): 2})


def test_a_class_stays_as_long_as_lines_that_stay_are_of_it() -> None:
    scene = Scene(roster=ROSTER)
    before = scene.in_kernel["fixed"]
    scene.roster = None
    scene.text = TEXT.split("[class.fixed]", maxsplit=1)[0]
    scene.keeper.reload(None)
    assert scene.in_kernel["fixed"] == before
    assert lines_in_kernel(scene.gate) == ROSTER
    scene.set_roster(Roster({1: DYNAMIC, 2: DYNAMIC}, ROSTER.addresses))
    assert set(scene.in_kernel) == {"dynamic"}
    assert lines_in_kernel(scene.gate).lines == {1: DYNAMIC, 2: DYNAMIC}


def test_lines_of_the_file_come_and_go_around_those_that_stay() -> None:
    scene = Scene(roster=ROSTER)
    scene.roster = None
    scene.text = TEXT + WITH_OFFICE
    scene.keeper.reload(None)
    assert lines_in_kernel(scene.gate).lines == {**ROSTER.lines, OFFICE: FIXED}
    assert lines_in_kernel(scene.gate).addresses[OF_OFFICE] == OFFICE
    assert lengths(scene.gate) == [56, 48]
    scene.text = TEXT
    scene.keeper.reload(None)
    assert lines_in_kernel(scene.gate) == ROSTER


def test_a_reload_asks_for_the_roster_by_the_new_configuration() -> None:
    scene = Scene(roster=ROSTER)
    scene.text = TEXT.replace('"fixed"', '"static"').replace("class.fixed", "class.static")
    scene.roster = Roster({2: KnownLine("static")}, {ipv4(2): 2})
    scene.keeper.reload(None)
    assert scene.asked_by == scene.keeper.kept.config
    assert lines_in_kernel(scene.gate).lines == {2: KnownLine("static")}
    assert set(scene.in_kernel) == {"dynamic", "static"}


def test_a_reload_whose_roster_names_an_unknown_class_changes_nothing() -> None:
    scene = Scene(roster=ROSTER)
    scene.text = TEXT.split("[class.fixed]", maxsplit=1)[0]
    before = scene.gate.installed()
    with pytest.raises(GateError, match="class 'fixed' is not in the config"):
        scene.keeper.reload(None)
    assert scene.gate.installed() == before
    assert scene.keeper.kept.refused is not None


def test_a_reload_that_fails_takes_lines_back_too() -> None:
    scene = Scene(roster=ROSTER)
    scene.roster = Roster({3: DYNAMIC}, {ipv4(1): 3, ipv4(3): 3})
    scene.text = TEXT.replace("/16", "/17")
    before = scene.gate.installed()
    scene.gate.failing = "pools"
    with pytest.raises(GateError, match="pools is full"):
        scene.keeper.reload(None)
    assert scene.gate.installed() == before


def test_a_change_writes_its_own_lines_and_no_others() -> None:
    scene = Scene(roster=ROSTER)
    scene.story.clear()
    scene.gate.writes.clear()
    scene.keeper.change_roster(RosterChange({3: DYNAMIC, 2: None}, {ipv4(2): 3, ipv6(56): None}))
    assert scene.story == ["write known", "write addresses", "write known"]
    assert sum(len(change.updates) + len(change.deletes) for change in scene.gate.writes) == 4
    assert lines_in_kernel(scene.gate) == Roster({1: DYNAMIC, 3: DYNAMIC}, {ipv4(1): 1, ipv4(2): 3})


def test_a_change_that_is_repeated_does_no_harm() -> None:
    scene = Scene(roster=ROSTER)
    change = RosterChange({3: DYNAMIC, 2: None}, {ipv4(2): 3, ipv4(9): None})
    scene.keeper.change_roster(change)
    after = scene.gate.installed()
    scene.keeper.change_roster(change)
    assert scene.gate.installed() == after


def test_the_file_keeps_its_lines_and_addresses() -> None:
    scene = Scene(roster=ROSTER)
    scene.text = TEXT + WITH_OFFICE
    scene.keeper.reload(None)
    scene.keeper.change_roster(RosterChange({OFFICE: None}, {OF_OFFICE: 2, ipv4(1): None}))
    assert (lines_in_kernel(scene.gate).lines[OFFICE], lines_in_kernel(scene.gate).addresses[OF_OFFICE]) == (
        FIXED,
        OFFICE,
    )
    scene.keeper.change_roster(RosterChange({OFFICE: RELEASED}, {ipv4(5): OFFICE}))
    assert lines_in_kernel(scene.gate).lines[OFFICE] == KnownLine("fixed", RELEASED.limit)
    assert lines_in_kernel(scene.gate).addresses[ipv4(5)] == OFFICE


def test_a_line_of_the_file_goes_by_the_number_that_the_office_gives_it() -> None:
    scene = Scene(roster=None, text=TEXT + WITH_OFFICE)
    scene.numbers = lambda names: dict.fromkeys(names, 77)
    scene.set_roster(ROSTER)
    assert lines_in_kernel(scene.gate).lines == {**ROSTER.lines, 77: FIXED}
    scene.keeper.change_roster(RosterChange({77: None}, {OF_OFFICE: None}))
    there = lines_in_kernel(scene.gate)
    assert (there.lines[77], there.addresses[OF_OFFICE]) == (FIXED, 77)


def test_who_shares_an_address_by_a_rule_goes_by_the_pool_until_the_roster_is_known() -> None:
    scene = Scene(roster=None, text=TEXT + NAT)
    assert scene.gate.tables["shared"] == {}
    scene.set_roster(ROSTER)
    assert len(scene.gate.tables["shared"]) == 16
    again = Scene(scene.gate, roster=None, text=TEXT + NAT)
    assert len(again.gate.tables["shared"]) == 16
    again.text = TEXT
    again.keeper.reload(None)
    assert again.gate.tables["shared"] == {}


def test_a_relief_is_a_limit_of_the_lines_own() -> None:
    scene = Scene(roster=ROSTER)
    scene.story.clear()
    scene.keeper.change_roster(RosterChange({1: RELEASED}))
    assert scene.story == ["write limits", "write known"]
    assert lines_in_kernel(scene.gate).lines[1] == RELEASED
    scene.keeper.change_roster(RosterChange({1: DYNAMIC}))
    assert lines_in_kernel(scene.gate).lines[1] == DYNAMIC
    assert len(scene.gate.tables["limits"]) == 3
    scene.set_roster(ROSTER)
    assert len(scene.gate.tables["limits"]) == 2


def test_the_hold_knows_the_delay_of_a_lines_own_limit_before_the_kernel_does() -> None:
    scene = Scene(roster=ROSTER)
    scene.story.clear()
    scene.keeper.change_roster(RosterChange({1: KnownLine("dynamic", Limit(Mode.ENFORCE, 1, 3_000))}))
    assert scene.story == ["hold [1000, 3000]", "write limits", "hold [1000, 3000]", "write known"]
    scene.keeper.set_limit("fixed", LimitChange(delay_ms=2_000), PEER)
    assert sorted(scene.hold.banks.values()) == [1_000, 2_000, 3_000]
    scene.set_roster(ROSTER)
    assert sorted(scene.hold.banks.values()) == [1_000, 2_000]


def test_a_delay_that_the_hold_cannot_keep_leaves_the_line_as_it_was() -> None:
    scene = Scene(roster=ROSTER)
    before = scene.gate.installed()
    scene.hold.failing = 1
    with pytest.raises(GateError, match="a rule is refused"):
        scene.keeper.change_roster(RosterChange({1: KnownLine("dynamic", Limit(Mode.ENFORCE, 1, 3_000))}))
    assert scene.gate.installed() == before
    assert scene.hold.banks == {0: 1_000}


def test_a_prefix_length_is_tried_before_an_address_has_it() -> None:
    scene = Scene(roster=ROSTER)
    scene.story.clear()
    scene.keeper.change_roster(RosterChange({}, {ipv6(60): 1}))
    assert scene.story == ["write control", "write addresses"]
    assert lengths(scene.gate) == [60, 56]
    scene.keeper.change_roster(RosterChange({}, {ipv6(60): None}))
    assert lengths(scene.gate) == [60, 56]
    scene.set_roster(ROSTER)
    assert lengths(scene.gate) == [56]


def test_a_change_that_cannot_be_changes_nothing() -> None:
    scene = Scene(roster=ROSTER)
    before = scene.gate.installed()
    with pytest.raises(GateError, match="class 'b' is not in the config; there are: dynamic"):
        scene.keeper.change_roster(RosterChange({7: KnownLine("b")}, {ipv4(7): 7}))
    assert scene.gate.installed() == before
    scene.keeper.change_roster(RosterChange({7: DYNAMIC}, {ipv4(7): 7}))
    assert lines_in_kernel(scene.gate).addresses == {**ROSTER.addresses, ipv4(7): 7}


EIGHT = Roster({1: DYNAMIC}, {ipv4(1): 1, **{ipv6(length): 1 for length in range(57, 65)}})


def test_a_gate_is_opened_though_the_kernels_lines_leave_no_room_for_a_length_of_the_files() -> None:
    gate = Scene(roster=EIGHT).gate
    with capture_logs() as logs:
        scene = Scene(gate, roster=None, text=TEXT + WITH_OFFICE)
    assert (logs[-1]["event"], logs[-1]["log_level"]) == ("some lines are not known to the gate", "error")
    assert "left to their pools: 1 of length" in logs[-1]["why"]
    there = lines_in_kernel(scene.gate)
    assert there.addresses[OF_OFFICE] == OFFICE
    assert there.addresses[ipv4(1)] == 1
    assert len(there.addresses.keys() & EIGHT.addresses.keys()) == len(EIGHT.addresses) - 1
    assert len(lengths(gate)) == 8
    assert 48 in lengths(gate)


def test_a_file_is_reloaded_though_the_kernels_lines_leave_no_room_for_a_length_of_it() -> None:
    scene = Scene(Scene(roster=EIGHT).gate, roster=None)
    scene.text = TEXT + WITH_OFFICE
    (warning,) = scene.keeper.reload(None).warnings
    assert "left to their pools: 1 of length" in warning
    assert lines_in_kernel(scene.gate).addresses[OF_OFFICE] == OFFICE
    scene.text = TEXT
    assert scene.keeper.reload(None).warnings == ()
    assert 48 not in lengths(scene.gate)


NINE = {**{ipv6(length): 7 for length in range(57, 65)}, ipv6(64, 1): 7, ipv4(7): 7}
"""Eight lengths more than the roster's 56, one of them twice."""
BLOCK = Address(bytes([100, 64, 8, 0]), 24)


def test_what_the_tables_cannot_hold_is_left_out_of_a_change_and_told() -> None:
    scene = Scene(roster=ROSTER)
    with pytest.raises(FullError, match=r"1 of length 24 in IPv4, 1 of length 6\d in IPv6") as told:
        scene.keeper.change_roster(RosterChange({7: DYNAMIC}, {**NINE, BLOCK: 7}))
    assert "2001" not in str(told.value)
    assert "100.64" not in str(told.value)
    there = lines_in_kernel(scene.gate)
    assert there.lines[7] == DYNAMIC
    assert len(there.addresses) == len(ROSTER.addresses) + len(NINE) - 1
    assert there.addresses[ipv6(64, 1)] == 7  # lengths that more lines have go first
    scene.keeper.change_roster(RosterChange({}, {BLOCK: None}))


def test_what_the_tables_cannot_hold_is_left_out_of_the_whole_and_told() -> None:
    scene = Scene(roster=None, text=TEXT + WITH_OFFICE)
    with pytest.raises(
        FullError, match=r"left to their pools: 1 of length 24 in IPv4, 1 of length 6\d in IPv6"
    ):
        scene.set_roster(Roster({7: DYNAMIC}, {**NINE, BLOCK: 7}))
    there = lines_in_kernel(scene.gate)
    assert there.addresses[ipv4(7)] == there.addresses[ipv6(64)] == 7
    assert there.addresses[OF_OFFICE] == OFFICE
    assert 48 in lengths(scene.gate)  # the file's
    scene.set_roster(Roster({7: DYNAMIC}, {ipv4(7): 7}))
    assert lengths(scene.gate) == [48]


def test_what_has_room_is_written_and_the_rest_told() -> None:
    scene = Scene(roster=ROSTER)
    scene.gate.room["addresses"] = 4
    with pytest.raises(FullError, match="raise addresses"):
        scene.keeper.change_roster(RosterChange({3: DYNAMIC}, {ipv4(3): 3, ipv4(4): 3, ipv4(1): 3}))
    assert lines_in_kernel(scene.gate).addresses == {**ROSTER.addresses, ipv4(1): 3, ipv4(3): 3}
    whole = Roster({3: DYNAMIC}, {ipv4(n): 3 for n in range(6)})
    with pytest.raises(FullError, match="raise addresses"):
        scene.set_roster(whole)
    assert len(lines_in_kernel(scene.gate).addresses) == 4
    assert lines_in_kernel(scene.gate).addresses.items() <= whole.addresses.items()
    scene.set_roster(Roster({3: DYNAMIC}, {ipv4(5): 3}))
    assert lines_in_kernel(scene.gate).addresses == {ipv4(5): 3}


def test_a_reload_is_not_held_up_by_lines_that_find_no_room() -> None:
    scene = Scene(roster=ROSTER)
    scene.gate.room["addresses"] = 3
    scene.roster = Roster(ROSTER.lines, {**ROSTER.addresses, ipv4(9): 1})
    scene.text = TEXT.replace("cap = 20", "cap = 21")
    with capture_logs() as logs:
        answer = scene.keeper.reload(None)
    assert answer.warnings == ("raise addresses in [gate]",)
    assert scene.in_kernel["fixed"].cap == 21
    assert (logs[0]["event"], logs[0]["log_level"]) == ("some lines are not known to the gate", "error")
    assert lines_in_kernel(scene.gate) == ROSTER


def test_a_gate_opens_with_the_lines_that_find_room() -> None:
    gate = FakeGate([])
    gate.room["addresses"] = 2
    scene = Scene(gate, roster=ROSTER)
    assert len(lines_in_kernel(scene.gate).addresses) == 2
    assert len(scene.gate.tables["pools"]) == 1


def test_a_change_that_the_kernel_refuses_can_be_repeated() -> None:
    scene = Scene(roster=ROSTER)
    moved = {ipv4(1): 3, ipv6(56): 3, ipv4(3): 3}
    change = RosterChange({3: RELEASED, 1: None}, moved)
    scene.gate.failing = "addresses"
    with pytest.raises(GateError):
        scene.keeper.change_roster(change)
    scene.keeper.change_roster(change)
    assert lines_in_kernel(scene.gate) == Roster({2: FIXED, 3: RELEASED}, {**ROSTER.addresses, **moved})


def test_switching_a_class_is_one_write_with_a_roster() -> None:
    scene = Scene(roster=ROSTER)
    scene.story.clear()
    scene.keeper.set_limit("dynamic", LimitChange(mode=Mode.OBSERVE), PEER)
    assert scene.story == ["write limits"]
    assert len(scene.gate.writes[-1].updates) == 1
    assert lines_in_kernel(scene.gate) == ROSTER


def test_a_limit_set_meanwhile_outlives_a_roster() -> None:
    scene = Scene(roster=ROSTER)
    scene.keeper.set_limit("dynamic", LimitChange(cap=9), PEER)
    scene.set_roster(NOBODY)
    assert scene.in_kernel["dynamic"].cap == 9
    assert scene.keeper.kept.limits()["dynamic"].cap == 9


class TellingLock:
    """A lock that tells when somebody wants it."""

    def __init__(self) -> None:
        self.lock, self.wanted = threading.Lock(), threading.Event()

    def __enter__(self) -> None:
        self.wanted.set()
        self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.lock.release()


def test_while_the_roster_is_read_only_its_changes_wait() -> None:
    scene = Scene(roster=ROSTER)
    scene.keeper._rostering = rostering = TellingLock()  # type: ignore[assignment]
    reading, go_on = threading.Event(), threading.Event()

    def read_slowly() -> None:
        rostering.wanted.clear()
        reading.set()
        assert go_on.wait(timeout=30)

    scene.roster_asked = read_slowly
    with ThreadPoolExecutor() as threads:
        reload = threads.submit(scene.keeper.reload, None)
        try:
            assert reading.wait(timeout=30)
            assert threads.submit(scene.keeper.sweep).result(timeout=30).sessions == 3
            threads.submit(scene.keeper.set_limit, "dynamic", LimitChange(cap=9), PEER).result(timeout=30)
            change = threads.submit(scene.keeper.change_roster, RosterChange({7: DYNAMIC}, {ipv4(7): 7}))
            assert rostering.wanted.wait(timeout=30)
        finally:
            go_on.set()
        reload.result(timeout=30)
        change.result(timeout=30)
    assert lines_in_kernel(scene.gate).addresses[ipv4(7)] == 7  # which the roster read does not have
    assert scene.in_kernel["dynamic"].cap == 9


def test_a_keeper_that_has_stopped_takes_no_roster() -> None:
    scene = Scene(roster=ROSTER)
    scene.keeper.stop()
    with pytest.raises(RefusalError, match="the daemon is ending"):
        scene.set_roster(ROSTER)
    with pytest.raises(RefusalError, match="the daemon is ending"):
        scene.keeper.change_roster(RosterChange({7: DYNAMIC}))
