"""The keeper with a gate of dictionaries: what reaches the kernel and the hold, and in which order."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from structlog.testing import capture_logs

from sekisho.api.app import Peer
from sekisho.api.models import LimitValue
from sekisho.api.problems import RefusalError
from sekisho.config import Checked, parse
from sekisho.gate import GateError
from sekisho.gate.tables import learning_until
from sekisho.model import Excess, Limit, Mode
from sekisho.plan import LimitChange
from tests.unit.keeping import NOW, NOW_NS, TEXT, Scene

PEER = Peer(uid=0, pid=4711)
DYNAMIC = Limit(Mode.ENFORCE, 5, 1_000)


def test_a_new_gate_gets_all_that_the_file_wants_and_learns() -> None:
    scene = Scene()
    assert scene.in_kernel == {"dynamic": DYNAMIC, "fixed": Limit(Mode.OBSERVE, 20, 0)}
    assert learning_until(scene.gate.tables) == NOW_NS + 60 * 10**9
    assert len(scene.gate.tables["pools"]) == 1


def test_the_hold_knows_a_delay_before_the_kernel_does() -> None:
    scene = Scene()
    assert scene.story[0] == "hold [1000]"
    assert scene.story[-1] == "hold [1000]"
    assert scene.hold.banks == {0: 1_000}


def test_a_gate_taken_over_goes_back_to_the_file_and_learns_no_second_time() -> None:
    first = Scene()
    first.keeper.set_limit("dynamic", LimitChange(cap=9), PEER)
    with capture_logs() as logs:
        second = Scene(first.gate)
    assert second.in_kernel["dynamic"] == DYNAMIC
    assert (logs[0]["event"], logs[0]["taken_over"]) == ("gate opened", True)
    assert [(entry["event"], entry["cap"], entry["was_cap"]) for entry in logs[1:]] == [
        ("the file's limit replaces the one found in the kernel", 5, 9)
    ]
    assert [change.map_name for change in second.gate.writes[-1:]] == ["limits"]
    assert learning_until(second.gate.tables) == NOW_NS + 60 * 10**9


def test_setting_a_limit_is_one_write() -> None:
    scene = Scene()
    scene.story.clear()
    answer = scene.keeper.set_limit("dynamic", LimitChange(cap=7, excess=Excess.RESET), PEER)
    assert scene.story == ["write limits"]
    assert len(scene.gate.writes[-1].updates) == 1
    assert scene.in_kernel["dynamic"] == Limit(Mode.ENFORCE, 7, 1_000, Excess.RESET)
    assert answer.limit == LimitValue(mode=Mode.ENFORCE, cap=7, delay="1s", excess=Excess.RESET)
    assert answer.file == LimitValue.of(DYNAMIC)
    assert scene.keeper.kept.overrides == {"dynamic": Limit(Mode.ENFORCE, 7, 1_000, Excess.RESET)}


def test_a_new_delay_is_held_before_it_is_written_and_the_old_one_given_up_after() -> None:
    scene = Scene()
    scene.story.clear()
    scene.keeper.set_limit("dynamic", LimitChange(delay_ms=2_000), PEER)
    assert scene.story == ["hold [1000, 2000]", "write limits", "hold [2000]"]


def test_setting_back_to_the_file_ends_the_override() -> None:
    scene = Scene()
    scene.keeper.set_limit("dynamic", LimitChange(cap=7), PEER)
    scene.keeper.set_limit("dynamic", LimitChange(cap=5), PEER)
    assert scene.keeper.kept.overrides == {}


def test_changes_add_up() -> None:
    scene = Scene()
    scene.keeper.set_limit("dynamic", LimitChange(cap=7), PEER)
    scene.keeper.set_limit("dynamic", LimitChange(mode=Mode.OBSERVE), PEER)
    assert scene.in_kernel["dynamic"] == Limit(Mode.OBSERVE, 7, 1_000)


def test_who_set_a_limit_is_logged() -> None:
    scene = Scene()
    with capture_logs() as logs:
        scene.keeper.set_limit("dynamic", LimitChange(cap=7), PEER)
    (entry,) = logs
    assert (entry["event"], entry["class_name"], entry["cap"]) == ("limit set", "dynamic", 7)
    assert (entry["by_uid"], entry["by_pid"]) == (0, 4711)


def test_an_unknown_class_is_refused_with_those_there_are() -> None:
    with pytest.raises(RefusalError, match=r"no class 'dynamics' in sekisho\.toml: there are: dynamic"):
        Scene().keeper.set_limit("dynamics", LimitChange(cap=7), PEER)


def test_a_cap_beyond_all_slots_is_refused() -> None:
    with pytest.raises(RefusalError, match="more than the gate's 262,144 slots"):
        Scene().keeper.set_limit("dynamic", LimitChange(cap=300_000), PEER)


def test_a_long_delay_is_set_and_warned_of() -> None:
    answer = Scene().keeper.set_limit("dynamic", LimitChange(delay_ms=6_000), PEER)
    assert [warning.split(" some")[0] for warning in answer.warnings] == ["after 6s"]


def test_a_reload_writes_the_difference_alone() -> None:
    scene = Scene()
    scene.text = TEXT.replace("cap = 20", "cap = 21")
    scene.story.clear()
    answer = scene.keeper.reload(None)
    assert scene.story == ["write limits"]
    assert answer.changed
    assert scene.in_kernel["fixed"].cap == 21


def test_a_reload_of_the_same_file_writes_nothing() -> None:
    scene = Scene()
    scene.story.clear()
    assert not scene.keeper.reload(None).changed
    assert scene.story == []


def test_an_override_lasts_until_the_file_gives_its_class_another_limit() -> None:
    scene = Scene()
    scene.keeper.set_limit("dynamic", LimitChange(cap=9), PEER)
    scene.text = TEXT.replace("cap = 20", "cap = 21")
    assert scene.keeper.reload(None).ended == ()
    assert scene.in_kernel["dynamic"].cap == 9
    scene.text = TEXT.replace("cap = 5", "cap = 6")
    assert scene.keeper.reload(None).ended == ("dynamic",)
    assert scene.in_kernel["dynamic"].cap == 6


def test_a_file_with_errors_changes_nothing_and_is_told_until_a_good_one_comes() -> None:
    scene = Scene()
    scene.text = TEXT.replace("cap = 5", "cap = 0").replace("100.64.0.0/16", "100.64.0.1/16")
    before = scene.gate.installed()
    with capture_logs() as logs, pytest.raises(RefusalError, match="a cap of 0 would close port 25"):
        scene.keeper.reload(None)
    assert scene.gate.installed() == before
    refused = scene.keeper.kept.refused
    assert refused is not None
    assert (refused.at, len(refused.problems)) == (NOW, 2)
    assert [(entry["line"], entry["key"]) for entry in logs[:2]] == [
        (5, "pool[0].prefix"),
        (9, "class.dynamic.cap"),
    ]
    assert "100.64.0.1" not in str(logs)
    scene.text = TEXT
    scene.keeper.reload(None)
    assert scene.keeper.kept.refused is None


def test_a_file_that_takes_long_to_read_keeps_nobody_waiting() -> None:
    scene = Scene()
    scene.text = TEXT.replace("cap = 20", "cap = 21")
    reading, go_on = threading.Event(), threading.Event()

    def read_slowly() -> Checked:
        reading.set()
        assert go_on.wait(timeout=30)
        return parse(scene.text.encode())

    scene.slow_read = read_slowly
    with ThreadPoolExecutor() as threads:
        reload = threads.submit(scene.keeper.reload, None)
        try:
            assert reading.wait(timeout=30)
            assert threads.submit(scene.keeper.sweep).result(timeout=30).sessions == 3
            threads.submit(scene.keeper.set_limit, "dynamic", LimitChange(cap=9), PEER).result(timeout=30)
        finally:
            go_on.set()
        assert reload.result(timeout=30).changed
    assert (scene.in_kernel["fixed"].cap, scene.in_kernel["dynamic"].cap) == (21, 9)


def test_what_a_running_gate_cannot_follow_is_refused() -> None:
    scene = Scene()
    scene.text = TEXT.replace('"bng0"', '"bng1"')
    with pytest.raises(RefusalError, match=r"another subscriber: start the daemon anew"):
        scene.keeper.reload(None)
    assert scene.keeper.kept.config.gate.subscriber == ("bng0",)


def test_a_write_that_fails_is_taken_back() -> None:
    scene = Scene()
    scene.text = TEXT.replace("cap = 20", "cap = 21").replace("1s", "2s").replace("/16", "/17")
    before = scene.gate.installed()
    scene.gate.failing = "pools"
    with pytest.raises(GateError, match="pools is full"):
        scene.keeper.reload(None)
    assert scene.gate.installed() == before
    assert scene.hold.banks == {0: 1_000}
    assert scene.keeper.kept.config.classes["fixed"].cap == 20


@pytest.mark.parametrize("failing", [1, 2])
def test_a_delay_that_the_hold_cannot_keep_is_taken_back(failing: int) -> None:
    scene = Scene()
    before = scene.gate.installed()
    scene.hold.failing = failing
    with pytest.raises(GateError, match="a rule is refused"):
        scene.keeper.set_limit("dynamic", LimitChange(delay_ms=2_000), PEER)
    assert scene.gate.installed() == before
    assert scene.hold.banks == {0: 1_000}
    assert scene.keeper.kept.limits()["dynamic"] == DYNAMIC


def test_a_reload_that_the_kernel_refuses_is_told_in_the_status() -> None:
    scene = Scene()
    scene.text = TEXT.replace("/16", "/17")
    scene.gate.failing = "pools"
    with pytest.raises(GateError):
        scene.keeper.reload(None)
    assert scene.keeper.kept.refused is not None
    assert scene.keeper.kept.refused.problems == ("pools is full",)


def test_more_delays_than_banks_are_refused() -> None:
    scene = Scene()
    classes = (f'[class.c{ms}]\nmode = "enforce"\ncap = 1\ndelay = "{ms}ms"\n' for ms in range(1, 16))
    scene.text = TEXT + "".join(classes)
    scene.keeper.reload(None)
    with pytest.raises(RefusalError, match="17 different delays"):
        scene.keeper.set_limit("fixed", LimitChange(delay_ms=2_000), PEER)


def test_a_keeper_that_has_stopped_leaves_the_tables_and_answers_nothing() -> None:
    scene = Scene()
    before = scene.gate.installed()
    scene.story.clear()
    scene.keeper.stop()
    assert scene.story == ["stop", "close"]
    assert scene.gate.installed() == before
    assert not scene.keeper.is_open
    with pytest.raises(RefusalError, match="the daemon is ending"):
        scene.keeper.sweep()


def test_a_sweep_tells_what_is_open_and_misses_a_dead_hold() -> None:
    scene = Scene()
    assert scene.keeper.sweep().sessions == 3
    scene.hold.alive = False
    with pytest.raises(GateError, match="a thread of the hold has ended"):
        scene.keeper.sweep()
