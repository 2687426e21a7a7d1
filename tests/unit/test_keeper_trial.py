"""The limits of a trial over those of the file, and of operators over both, in a gate of dictionaries."""

from __future__ import annotations

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from sekisho.api.app import Peer
from sekisho.api.models import LimitValue
from sekisho.api.problems import RefusalError
from sekisho.config import Config
from sekisho.config.trial_plan import plan_of
from sekisho.gate import GateError
from sekisho.gate.abi import MAX_BANKS
from sekisho.gate.indices import banks, banks_ahead
from sekisho.model import KnownLine, Limit, Mode, RosterChange
from sekisho.plan import LimitChange
from sekisho.trial.events import Suspension
from sekisho.trial.plan import observing
from sekisho.trial.standing import Standing, State, standing
from tests.unit.keeping import TEXT, Scene
from tests.unit.trial_site import DYNAMIC, FIXED, OWN, PHASE, TRIAL, day

PEER = Peer(uid=0, pid=4711)
SUSPENSION = Suspension(day(2), "root", "the router is hot", 0)


class Trial:
    """How a trial stands on a day of the test's."""

    def __init__(self, number: float) -> None:
        self.now, self.suspension = day(number), None if number else SUSPENSION

    def __call__(self, config: Config) -> Standing | None:
        plan = plan_of(config)
        return None if plan is None else standing(plan, self.suspension, self.now)


def scene_on(number: float) -> tuple[Scene, Trial]:
    trial = Trial(number)
    return Scene(text=TEXT + TRIAL, trial=trial), trial


def unready_scene_on(number: float) -> tuple[Scene, Trial]:
    """Return one where no queues could be had for the delays to come, which is told."""
    trial = Trial(number)
    with capture_logs() as logs:
        scene = Scene(text=TEXT + TRIAL, trial=trial, hold_failing=3)
    assert "no queues ready for the trial's delays to come" in [one["event"] for one in logs]
    return scene, trial


def test_a_gate_that_starts_applies_what_holds_now_and_nothing_else_before() -> None:
    scene, _ = scene_on(3)
    assert scene.in_kernel == PHASE
    limits = [change for change in scene.gate.writes if change.map_name == "limits"]
    assert len(limits) == 1, "never the file's limit for a moment"


def test_a_boundary_is_one_write_for_each_class_that_has_another_limit() -> None:
    scene, trial = scene_on(2)
    assert scene.in_kernel == OWN
    scene.story.clear()
    trial.now = day(3)
    assert scene.keeper.follow_trial() == ("dynamic", "fixed")
    assert scene.in_kernel == PHASE == scene.keeper.kept.limits()
    assert scene.story == ["write limits", "write limits"]
    assert sorted(scene.hold.banks.values()) == [1_000, 2_000, 4_000]
    scene.story.clear()
    assert scene.keeper.follow_trial() == ()
    assert scene.story == []


def test_delays_to_come_have_their_queues_ahead_and_keep_them() -> None:
    scene, trial = scene_on(1)
    ready = scene.hold.banks
    assert sorted(ready.values()) == [1_000, 2_000, 4_000]
    for number in (2, 3, 3.5, 4, 5):
        trial.now = day(number)
        scene.keeper.follow_trial()
        assert banks(scene.gate.tables).items() <= scene.hold.banks.items() <= ready.items()
    trial.now = day(31)
    scene.keeper.follow_trial()
    assert scene.hold.banks == banks(scene.gate.tables), "nothing is to come"


def test_a_delay_that_is_set_by_hand_takes_no_queue_that_the_trial_needs() -> None:
    scene, trial = scene_on(1)
    scene.keeper.set_limit("dynamic", LimitChange(delay_ms=7_000), PEER)
    assert sorted(scene.hold.banks.values()) == [1_000, 2_000, 4_000, 7_000]
    trial.now = day(3)
    scene.story.clear()
    scene.keeper.follow_trial()
    assert scene.story[:2] == ["write limits", "write limits"]
    assert banks(scene.gate.tables).items() <= scene.hold.banks.items()


def test_a_delay_of_a_line_alone_takes_no_queue_that_the_trial_needs() -> None:
    scene, trial = scene_on(1)
    own = KnownLine("dynamic", Limit(Mode.ENFORCE, 1, 9_000))
    scene.keeper.change_roster(RosterChange({3: own}, {}))
    assert sorted(scene.hold.banks.values()) == [1_000, 2_000, 4_000, 9_000]
    trial.now = day(3)
    scene.story.clear()
    scene.keeper.follow_trial()
    assert scene.story[:2] == ["write limits", "write limits"]
    assert banks(scene.gate.tables).items() <= scene.hold.banks.items()


def test_a_reload_has_the_queues_of_its_plan_ready() -> None:
    scene, _ = scene_on(1)
    scene.text = scene.text.replace('"4s"', '"6s"')
    scene.keeper.reload(PEER)
    assert sorted(scene.hold.banks.values()) == [1_000, 2_000, 6_000]


def test_where_there_is_no_room_the_next_delays_are_ready() -> None:
    scene, _ = scene_on(2)
    found = banks_ahead(range(2_000, 40_000, 1_000), scene.gate.tables, {3: 5_000})
    assert sorted(found.values()) == [number * 1_000 for number in range(1, MAX_BANKS + 1)]
    assert found[3] == 5_000
    assert banks(scene.gate.tables).items() <= found.items()


def test_a_new_delay_is_held_before_it_is_written_and_the_old_one_given_up_after() -> None:
    scene, trial = unready_scene_on(2)
    scene.story.clear()
    trial.now = day(3)
    scene.keeper.follow_trial()
    assert scene.story[:3] == ["hold [1000, 2000]", "write limits", "hold [2000]"]


def test_after_the_end_the_class_has_its_own_limit() -> None:
    scene, trial = scene_on(3)
    trial.now = day(31)
    scene.keeper.follow_trial()
    assert scene.in_kernel == OWN


def test_what_fails_is_done_when_it_is_tried_again() -> None:
    scene, trial = unready_scene_on(2)
    trial.now = day(3)
    scene.hold.failing = 3  # at the second class
    with pytest.raises(GateError):
        scene.keeper.follow_trial()
    assert scene.in_kernel == {**PHASE, "fixed": FIXED}
    assert scene.keeper.follow_trial() == ("fixed",)
    assert scene.in_kernel == PHASE == scene.keeper.kept.limits()


@pytest.mark.parametrize("class_name", ["dynamic", "fixed"])
def test_what_the_trial_holds_is_not_set_by_hand(class_name: str) -> None:
    scene, _ = scene_on(4)
    before = scene.in_kernel
    with pytest.raises(
        RefusalError, match=r"suspend it first, by `sekisho trial suspend --reason …`"
    ) as refused:
        scene.keeper.set_limit(class_name, LimitChange(cap=9), PEER)
    assert (refused.value.status, refused.value.kind) == (409, "trial")
    assert scene.in_kernel == before


def test_before_the_start_it_is_and_the_trial_takes_it() -> None:
    scene, trial = scene_on(1)
    scene.keeper.set_limit("dynamic", LimitChange(cap=9), PEER)
    assert scene.in_kernel["dynamic"] == replace(DYNAMIC, cap=9)
    trial.now = day(2)
    with capture_logs() as logs:
        scene.keeper.follow_trial()
    assert scene.in_kernel == OWN
    assert scene.keeper.kept.overrides == {}
    assert [(one["event"], one["class_name"]) for one in logs] == [
        ("the trial takes the class: the limit of `gate set` ends", "dynamic")
    ]


def test_a_suspended_trial_observes_and_leaves_its_classes_to_operators() -> None:
    scene, trial = scene_on(3)
    trial.suspension = SUSPENSION
    scene.keeper.follow_trial()
    assert scene.in_kernel == {name: observing(limit) for name, limit in OWN.items()}
    answer = scene.keeper.set_limit("dynamic", LimitChange(mode=Mode.ENFORCE), PEER)
    assert answer.limit == answer.file == LimitValue.of(DYNAMIC)
    assert scene.keeper.kept.overrides == {"dynamic": DYNAMIC}, "the file's limit is another than the trial's"
    scene.keeper.reload(PEER)
    assert scene.in_kernel["dynamic"] == DYNAMIC
    trial.suspension = None
    scene.keeper.follow_trial()
    assert scene.in_kernel == PHASE
    assert scene.keeper.kept.overrides == {}


def test_what_is_to_be_observed_is_so_before_any_queue_is_touched() -> None:
    scene, trial = unready_scene_on(3)
    scene.story.clear()
    trial.suspension = SUSPENSION
    scene.keeper.follow_trial()
    assert scene.story[:3] == ["write limits", "write limits", "hold [1000, 2000, 4000]"]
    again, trial = unready_scene_on(3)
    trial.suspension = SUSPENSION
    again.hold.failing = 1
    with pytest.raises(GateError):
        again.keeper.follow_trial()
    assert {limit.mode for limit in again.in_kernel.values()} == {Mode.OBSERVE}


def test_where_the_delay_stays_it_is_one_write() -> None:
    scene, trial = scene_on(2)
    scene.story.clear()
    trial.suspension = SUSPENSION
    assert scene.keeper.follow_trial() == ("dynamic",)
    assert scene.story == ["write limits"]


def test_a_reload_follows_another_plan_at_once() -> None:
    scene, trial = scene_on(3)
    scene.text = scene.text.replace("cap = 3", "cap = 2")
    scene.keeper.reload(PEER)
    assert scene.in_kernel["dynamic"] == Limit(Mode.ENFORCE, 2, 2_000)
    trial.now = day(5)
    scene.keeper.reload_roster()
    assert scene.in_kernel["dynamic"].cap == 2, "the roster changes no limit of a class"
    scene.keeper.follow_trial()
    assert scene.in_kernel == OWN


def test_a_delay_is_refused_that_would_take_the_room_of_one_to_come() -> None:
    more = "".join(
        f'[class.c{number}]\nmode = "enforce"\ncap = 1\ndelay = "{number}0ms"\n' for number in range(1, 14)
    )
    scene = Scene(text=TEXT + more + TRIAL, trial=Trial(1))  # 13 delays, and 1 s, 2 s, 4 s: all 16
    scene.keeper.set_limit("fixed", LimitChange(delay_ms=4_000), PEER)
    with pytest.raises(RefusalError, match="still to give there would be 17 different delays, more than 16"):
        scene.keeper.set_limit("fixed", LimitChange(delay_ms=5_000), PEER)


def test_after_the_trial_its_delays_need_no_room() -> None:
    scene, trial = scene_on(31)
    kept = scene.keeper.kept
    assert kept.standing is not None
    assert kept.standing.state is State.OVER
    assert trial.suspension is None
    scene.keeper.set_limit("fixed", LimitChange(delay_ms=5_000), PEER)


def test_a_gate_taken_over_says_whose_limit_replaces_what_was_found() -> None:
    first, _ = scene_on(3)
    with capture_logs() as logs:
        Scene(first.gate, text=TEXT + TRIAL, trial=Trial(4))
    assert {(one["event"], one["class_name"]) for one in logs[1:]} == {
        ("the trial's limit replaces the one found in the kernel", "dynamic"),
        ("the trial's limit replaces the one found in the kernel", "fixed"),
    }
