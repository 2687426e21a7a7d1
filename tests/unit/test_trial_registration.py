"""A trial's protocol, registered so that it cannot be another afterwards."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sekisho.model import Excess, Limit, Mode
from sekisho.trial.plan import Arm, Limits, Phase, Plan, Span, Switchback, schedule
from sekisho.trial.protocol import Difference, Guardrails, HarmOutcome, Outcome, TrialProtocol
from sekisho.trial.registration import Refusal, Version, canonical, register
from tests.unit.planning import DAY, HOUR, LIMITS, ON, START, plan, span, switchback

WHOLE = span(0 * DAY, 14 * DAY)
PROTOCOL = TrialProtocol(plan(WHOLE, switchback(WHOLE)))
OTHER = TrialProtocol(plan(WHOLE, switchback(WHOLE, seed=8)))
BEFORE = START - DAY


def registered(*existing: Version, protocol: TrialProtocol = PROTOCOL, now: datetime = BEFORE) -> Version:
    answer = register(existing, protocol, now)
    assert isinstance(answer, Version), answer
    return answer


def refused(*existing: Version, protocol: TrialProtocol = PROTOCOL, now: datetime = BEFORE) -> str:
    answer = register(existing, protocol, now)
    assert isinstance(answer, Refusal), answer
    assert answer.way_out
    return answer.what


limits = st.builds(
    Limit, st.sampled_from(Mode), st.integers(1, 9), st.integers(0, 20_000), st.sampled_from(Excess)
)


def of_classes(names: tuple[str, ...]) -> st.SearchStrategy[Limits]:
    return st.tuples(*(limits for _ in names)).map(lambda values: tuple(zip(names, values, strict=True)))


@st.composite
def protocols(draw: st.DrawFn) -> TrialProtocol:
    names = draw(st.sampled_from([("dynamic",), ("dynamic", "mobile")]))
    begin = datetime(2027, 1, 1, tzinfo=UTC) + draw(st.integers(0, 99)) * HOUR
    middle, end = begin + draw(st.integers(1, 9)) * HOUR, begin + draw(st.integers(10, 90)) * HOUR
    drawn = Switchback(
        Span(middle, end),
        draw(st.sampled_from([HOUR, 6 * HOUR])),
        draw(st.integers(0, 3_599_999)) * timedelta(milliseconds=1),
        draw(st.integers(0, 2**63 - 1)),
        draw(of_classes(names)),
    )
    return TrialProtocol(
        Plan(
            draw(st.sampled_from(["spring", "春の実証実験"])),
            Span(begin, end),
            draw(st.sampled_from(["Asia/Tokyo", "UTC"])),
            draw(of_classes(names)),
            draw(st.sampled_from([(), (Phase(Span(begin, middle), draw(of_classes(names))),)])),
            draw(st.sampled_from([None, drawn])),
            draw(st.sampled_from([(), (Span(begin, middle),)])),
        ),
        tuple(draw(st.lists(st.sampled_from(Outcome), min_size=1, unique=True))),
        Guardrails(
            draw(st.none() | st.floats(0.001, 1e6)),
            draw(st.integers(0, 9)),
            draw(st.integers(0, 9)),
            draw(st.integers(1, 9)),
            draw(st.integers(1, 9)),
            draw(st.none() | st.builds(Difference, st.sampled_from(HarmOutcome), st.floats(0.5, 50))),
        ),
    )


def copied(value: Any) -> Any:
    """The same value, made anew."""
    if isinstance(value, tuple):
        return tuple(copied(one) for one in value)
    if hasattr(value, "__dataclass_fields__"):
        return type(value)(*(copied(getattr(value, name)) for name in value.__dataclass_fields__))
    return value


@settings(max_examples=50)
@given(protocols())
def test_equal_protocols_have_equal_texts(protocol: TrialProtocol) -> None:
    assert canonical(copied(protocol)) == canonical(protocol)


@settings(max_examples=100)
@given(protocols(), protocols())
def test_different_protocols_have_different_texts(one: TrialProtocol, other: TrialProtocol) -> None:
    assume(one != other)
    assert canonical(one) != canonical(other)


def changes() -> dict[str, TrialProtocol]:
    drawn = switchback(WHOLE)
    phase = Phase(span(0 * DAY, HOUR), LIMITS)
    tick = timedelta(milliseconds=1)
    plans = {
        "name": replace(PROTOCOL.plan, name="Spring"),
        "zone": replace(PROTOCOL.plan, zone="Asia/Seoul"),
        "begin": replace(PROTOCOL.plan, span=Span(WHOLE.begin - tick, WHOLE.end)),
        "end": replace(PROTOCOL.plan, span=Span(WHOLE.begin, WHOLE.end + tick)),
        "class": replace(PROTOCOL.plan, own=LIMITS[:1], switchback=replace(drawn, on=drawn.on[:1])),
        "own": replace(PROTOCOL.plan, own=(LIMITS[0], ("mobile", ON))),
        "phase": replace(PROTOCOL.plan, phases=(phase,)),
        "maintenance": replace(PROTOCOL.plan, maintenance=(phase.span,)),
        "no switchback": replace(PROTOCOL.plan, switchback=None),
        "block": replace(PROTOCOL.plan, switchback=replace(drawn, block=12 * HOUR)),
        "washout": replace(PROTOCOL.plan, switchback=replace(drawn, washout=HOUR + tick)),
        "seed": replace(PROTOCOL.plan, switchback=replace(drawn, seed=8)),
        "on": replace(PROTOCOL.plan, switchback=replace(drawn, on=LIMITS)),
    }
    return {key: replace(PROTOCOL, plan=changed) for key, changed in plans.items()} | {
        "primary": replace(PROTOCOL, outcomes=tuple(reversed(Outcome))),
        "outcomes": replace(PROTOCOL, outcomes=(Outcome.ATTEMPTS,)),
        "complaints": replace(PROTOCOL, guardrails=Guardrails(complaints_per_day=2.0)),
        "errors": replace(PROTOCOL, guardrails=Guardrails(gate_errors=1)),
        "bypass": replace(PROTOCOL, guardrails=Guardrails(bypass_ms=1)),
        "delay": replace(PROTOCOL, guardrails=Guardrails(delay_p99_ms=1)),
        "leases": replace(PROTOCOL, guardrails=Guardrails(leases_ms=1)),
        "difference": replace(
            PROTOCOL, guardrails=Guardrails(difference=Difference(HarmOutcome.REFUSED, 5.0))
        ),
    }


@pytest.mark.parametrize("key", changes())
def test_any_change_is_another_version(key: str) -> None:
    first = registered()
    second = registered(first, protocol=changes()[key])
    assert (second.number, second.supersedes) == (2, first.digest)
    assert second.digest != first.digest


def test_the_order_of_classes_is_no_change() -> None:
    turned = replace(PROTOCOL.plan, own=tuple(reversed(LIMITS)))
    assert canonical(replace(PROTOCOL, plan=turned)) == canonical(PROTOCOL)


def test_the_text_is_json_with_its_keys_in_order_and_all_that_is_settled() -> None:
    version = registered()
    value = json.loads(version.text)
    assert json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")) == version.text
    assert sorted(value) == ["blocks", "guardrails", "outcomes", "plan", "schema"]
    assert value["schema"] == 1
    assert value["plan"]["begin"] == "2027-01-03T15:00:00Z"
    assert value["outcomes"][0] == "attempts"
    assert len(value["blocks"]) == len(schedule(PROTOCOL.plan))
    assert {block["arm"] for block in value["blocks"]} == {str(Arm.ON), str(Arm.OFF)}


def test_the_digest_is_that_of_the_text() -> None:
    protocol = replace(PROTOCOL, plan=replace(PROTOCOL.plan, name="春の実証実験"))
    version = registered(protocol=protocol)
    assert version.digest == sha256(version.text.encode()).hexdigest()
    assert "春の実証実験" in version.text


def test_the_digest_of_a_protocol_stays_what_it_was() -> None:
    """Whoever has published one has to find it again: another text needs another SCHEMA."""
    assert registered().digest == "13ff77ef861f1753ccf460102ae0dfc41bbbb4cb928ec82a3bf8588498a3782b"


def test_the_first_before_the_start_is_not_late() -> None:
    for now in (BEFORE, START):
        assert registered(now=now) == Version(
            1, now, registered().digest, canonical(PROTOCOL), supersedes=None, late=False
        )


def test_the_first_after_the_start_is_late() -> None:
    assert registered(now=START + timedelta(microseconds=1)).late
    assert registered(now=WHOLE.end - timedelta(microseconds=1)).late


def test_a_later_change_is_valid_from_its_moment_and_not_late() -> None:
    second = registered(registered(), protocol=OTHER, now=START + DAY)
    assert (second.number, second.registered_at, second.late) == (2, START + DAY, False)


def test_who_returns_to_an_earlier_plan_registers_it_again() -> None:
    first = registered()
    second = registered(first, protocol=OTHER)
    third = registered(first, second)
    assert (third.number, third.digest, third.supersedes) == (3, first.digest, second.digest)


def test_what_is_over_is_refused() -> None:
    assert "the trial is over since 2027-01-17T15:00:00Z" in refused(now=WHOLE.end)
    assert "the trial is over since" in refused(registered(), protocol=OTHER, now=WHOLE.end)


def test_a_trial_that_is_over_is_not_made_longer() -> None:
    longer = replace(PROTOCOL, plan=replace(PROTOCOL.plan, span=span(0 * DAY, 28 * DAY)))
    assert "as version 1 has it" in refused(registered(), protocol=longer, now=WHOLE.end)
    assert registered(registered(), protocol=longer, now=WHOLE.end - HOUR).number == 2


def test_a_trial_is_not_made_to_have_ended_already() -> None:
    shorter = replace(PROTOCOL, plan=replace(PROTOCOL.plan, span=span(0 * DAY, DAY), switchback=None))
    assert "the trial is over since 2027-01-04T15:00:00Z" in refused(
        registered(), protocol=shorter, now=START + 2 * DAY
    )


def test_what_is_registered_already_is_refused() -> None:
    for now in (BEFORE, START + DAY, WHOLE.end + DAY):
        assert "registered already, as version 1 at 2027-01-02T15:00:00Z" in refused(registered(), now=now)


def test_a_clock_that_went_back_is_told() -> None:
    assert "before version 1 was registered (2027-01-02T15:00:00Z)" in refused(
        registered(), protocol=OTHER, now=BEFORE - DAY
    )
