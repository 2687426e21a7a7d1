from dataclasses import replace
from datetime import UTC, datetime

from sekisho.api.models import GivenBy, InterfaceStatus, LimitValue, TrialBrief
from sekisho.daemon.describe import InForce, counters_value, describe
from sekisho.gate.hold import BankState, HoldState
from sekisho.model import ClassCounters, Counters, Limit, Mode, Totals
from sekisho.trial.plan import Phase
from sekisho.trial.standing import State, standing
from tests.unit.planning import DAY, START, plan, span

THERE = (
    InterfaceStatus(
        name="bng0", role="subscriber", hook="tcx", program="0a", since=datetime(2026, 4, 1, tzinfo=UTC)
    ),
)
DYNAMIC = Limit(Mode.ENFORCE, 5, 1_000)
FIXED = Limit(Mode.OBSERVE, 20, 0)
LIMITS = {"dynamic": DYNAMIC, "fixed": FIXED}
COUNTERS = Counters(
    {
        ("dynamic", 0): ClassCounters(
            attempted=9, admitted=6, refused=3, held=6, adopted=2, closed_fin=1, closed_rst=1, closed_time=1
        ),
        ("dynamic", 1): ClassCounters(attempted=1, admitted=1),
        ("fixed", 0): ClassCounters(admitted=1, closed_fin=2),
    },
    Totals(exempt=4),
)


def bank(delay_ms: int, held: int) -> BankState:
    return BankState(delay_ms=delay_ms, held=held, released=10, full_drops=1, user_drops=2, rule_present=True)


HOLD = HoldState(
    banks={0: bank(1_000, 3), 1: bank(500, 4), 2: bank(1_000, 2)},
    late_p50_ms=1.0,
    late_p99_ms=2.0,
    rules_restored=0,
    queues_lost=0,
    alive=True,
    lateness=(29, 2),
    dropped=11,
)


def test_a_class_is_the_sum_of_its_arms() -> None:
    dynamic = describe("gate", THERE, LIMITS, COUNTERS).classes["dynamic"]
    assert (dynamic.attempted, dynamic.admitted, dynamic.refused, dynamic.held) == (10, 7, 3, 6)


def test_sessions_are_what_took_a_slot_and_has_not_given_it_back() -> None:
    status = describe("gate", THERE, LIMITS, COUNTERS)
    assert status.classes["dynamic"].sessions == 7 + 2 - 3
    assert status.classes["fixed"].sessions == 0  # read in the middle of a change
    assert status.sessions == 6


def test_the_state_says_who_delays() -> None:
    assert describe("gate", THERE, LIMITS, COUNTERS, hold=HOLD).state == "enforcing, delay by hold"
    away = describe("gate", THERE, LIMITS, COUNTERS)
    assert (away.state, away.delay_by) == (
        "enforcing, delay by retransmission (daemon away)",
        "retransmission",
    )
    assert describe("gate", THERE, {"fixed": FIXED}, COUNTERS, hold=HOLD).state == "observing"
    gone = describe("gate", (), LIMITS, COUNTERS, hold=HOLD)
    assert (gone.state, gone.attached, gone.enforcing, gone.delay_by) == ("not attached", False, False, None)


def test_an_interface_without_the_program_is_named() -> None:
    status = describe("gate", THERE, LIMITS, COUNTERS, configured=("bng0", "bng1", "up0"), hold=HOLD)
    assert status.state == "enforcing, delay by hold; not attached on bng1, up0"
    assert status.missing_interfaces == ("bng1", "up0")
    observing = describe("gate", THERE, {"fixed": FIXED}, COUNTERS, configured=("bng1",))
    assert observing.state == "observing; not attached on bng1"
    assert describe("gate", THERE, LIMITS, COUNTERS, configured=("bng0",)).missing_interfaces == ()


def test_delays_without_a_rule_are_not_held() -> None:
    hold = replace(HOLD, banks={0: replace(bank(1_000, 0), rule_present=False), 1: bank(500, 0)})
    status = describe("gate", THERE, LIMITS, COUNTERS, hold=hold)
    assert status.state == "enforcing, delay by retransmission (no queue rule for 1s)"
    assert status.delay_by == "retransmission"
    assert status.hold is not None
    assert status.hold.unheld_delays == ("1s",)
    lost = describe("gate", THERE, LIMITS, COUNTERS, hold=replace(HOLD, banks={}))
    assert lost.state == "enforcing, delay by retransmission (no queue rule for 1s)"


def test_a_rule_that_no_class_needs_is_not_missed() -> None:
    hold = replace(HOLD, banks={0: bank(1_000, 0), 1: replace(bank(500, 0), rule_present=False)})
    assert describe("gate", THERE, LIMITS, COUNTERS, hold=hold).state == "enforcing, delay by hold"
    limits = {"dynamic": Limit(Mode.ENFORCE, 5, 0), "fixed": Limit(Mode.OBSERVE, 5, 1_000)}
    without = replace(HOLD, banks={})
    assert describe("gate", THERE, limits, COUNTERS, hold=without).state == "enforcing, delay by hold"


def test_what_waits_is_told_by_delay_and_in_sum() -> None:
    status = describe("gate", THERE, LIMITS, COUNTERS, hold=HOLD)
    assert status.classes["dynamic"].held_now == 5
    assert status.classes["fixed"].held_now == 0
    assert status.hold is not None
    assert (status.hold.held, status.hold.released, status.hold.dropped) == (9, 31, 11), (
        "of banks that are gone, too"
    )
    assert describe("gate", THERE, LIMITS, COUNTERS).classes["dynamic"].held_now is None


def test_what_gives_a_class_its_limit_is_told() -> None:
    away = describe("gate", THERE, LIMITS, COUNTERS)
    assert (away.trial, {one.given_by for one in away.classes.values()}) == (None, {None})
    other = Limit(Mode.ENFORCE, 6, 1_000)
    in_file = {"dynamic": other, "fixed": FIXED}
    status = describe("gate", THERE, LIMITS, COUNTERS, in_force=InForce(in_file, None, ("dynamic",)))
    dynamic, fixed = status.classes["dynamic"], status.classes["fixed"]
    assert (dynamic.overridden, dynamic.given_by) == (True, GivenBy.OPERATOR)
    assert (fixed.overridden, fixed.given_by) == (False, GivenBy.FILE)
    assert dynamic.file == LimitValue.of(other)
    assert (status.trial, dynamic.block) == (None, None)


def test_a_limit_by_the_plan_is_told_with_its_block_and_is_no_override() -> None:
    trial = plan(span(0 * DAY, 2 * DAY), phases=(Phase(span(0 * DAY, DAY), (("dynamic", DYNAMIC),)),))
    in_file = {"dynamic": FIXED, "fixed": FIXED}
    now = standing(trial, None, START)
    status = describe("gate", THERE, LIMITS, COUNTERS, in_force=InForce(in_file, now, ()))
    dynamic, fixed = status.classes["dynamic"], status.classes["fixed"]
    assert (dynamic.given_by, dynamic.overridden, fixed.given_by) == (GivenBy.TRIAL, False, GivenBy.FILE)
    assert dynamic.block is not None
    assert (dynamic.block.phase, dynamic.block.end) == (1, START + DAY)
    assert status.trial == TrialBrief(name="spring", state=State.RUNNING)


def test_all_counters_are_told_by_arm() -> None:
    value = counters_value(COUNTERS)
    assert value.classes["dynamic"]["1"].attempted == 1
    assert value.totals.exempt == 4
