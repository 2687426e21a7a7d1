"""The trial in the configuration."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.config import Config, parse
from sekisho.config.trial_plan import plan_of, protocol_of
from sekisho.model import Excess, Limit, Mode
from sekisho.trial.plan import Phase, Plan, Span, Switchback, count_pairs, schedule
from sekisho.trial.protocol import USUAL, Guardrails, Outcome, TrialProtocol
from tests.unit.configuring import BASE, FIXED, GATE, POOL, SHIPPED, pool

HOUR = timedelta(hours=1)
OWN = Limit(Mode.ENFORCE, 5, 1_000)
CLASSES = BASE + FIXED
TRIAL = """\
[trial]
name = "spring"
from = 2027-04-01
to = 2027-06-30
zone = "Asia/Tokyo"
classes = ["dynamic"]
"""
PHASE = """\
[[trial.phase]]
from = 2027-04-01
to = 2027-04-07
class.dynamic = { cap = 3, delay = "2s" }
"""
SWITCHBACK = """\
[trial.switchback]
from = 2027-04-08
to = 2027-06-30
block = "6h"
seed = 7
"""
MAINTENANCE = """\
[[trial.maintenance]]
from = 2027-05-01T01:00:00+09:00
to = 2027-05-01T05:00:00+09:00
"""
MANY_GATES = f"gates = {['gate', *map(str, range(9))]}\n".replace("'", '"')
WHOLE = TRIAL + PHASE + SWITCHBACK + MAINTENANCE


def said(text: str) -> list[tuple[str, str]]:
    """What is told of the trial, by key."""
    return [
        (problem.key, f"{problem.what}: {problem.way_out}")
        for problem in parse((CLASSES + text).encode()).problems
    ]


def config(text: str) -> Config:
    checked = parse((CLASSES + text).encode())
    assert checked.config is not None, checked.problems
    return checked.config


def worrying(text: str) -> Plan:
    plan = plan_of(config(text))
    assert plan is not None
    return plan


def planned(text: str) -> Plan:
    assert said(text) == []
    return worrying(text)


def tokyo(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2027, month, day, hour, tzinfo=UTC) - 9 * HOUR


def test_without_it_there_is_no_plan() -> None:
    assert said("") == []
    assert plan_of(config("")) is None


def test_the_tables_become_a_plan() -> None:
    assert planned(WHOLE) == Plan(
        name="spring",
        span=Span(tokyo(4, 1), tokyo(7, 1)),
        zone="Asia/Tokyo",
        own=(("dynamic", OWN),),
        phases=(Phase(Span(tokyo(4, 1), tokyo(4, 8)), (("dynamic", Limit(Mode.ENFORCE, 3, 2_000)),)),),
        switchback=Switchback(Span(tokyo(4, 8), tokyo(7, 1)), 6 * HOUR, HOUR, 7, (("dynamic", OWN),)),
        maintenance=(Span(tokyo(5, 1, 1), tokyo(5, 1, 5)),),
    )


def test_a_date_is_a_whole_day_of_the_zone() -> None:
    text = TRIAL.replace("2027-06-30", "2027-04-01").replace("Asia/Tokyo", "America/New_York")
    begin = datetime(2027, 4, 1, 4, tzinfo=UTC)
    assert planned(text).span == Span(begin, begin + 24 * HOUR)
    change = text.replace("2027-04-01", "2027-03-14")  # an hour is skipped
    begin = datetime(2027, 3, 14, 5, tzinfo=UTC)
    assert planned(change).span == Span(begin, begin + 23 * HOUR)


def test_a_moment_is_meant_exactly() -> None:
    text = TRIAL.replace("2027-04-01", "2027-04-01T09:30:00+09:00").replace(
        "2027-06-30", "2027-04-02T00:00:00Z"
    )
    assert planned(text).span == Span(
        datetime(2027, 4, 1, 0, 30, tzinfo=UTC), datetime(2027, 4, 2, tzinfo=UTC)
    )


def test_what_a_phase_leaves_out_is_the_class_s_own() -> None:
    text = GATE + FIXED.replace('"0s"', '"0s"\nexcess = "reset"') + POOL.replace("dynamic", "fixed")
    text += TRIAL.replace("dynamic", "fixed") + PHASE.replace(
        'dynamic = { cap = 3, delay = "2s" }', "fixed.cap = 3"
    )
    read = parse(text.encode()).config
    assert read is not None
    plan = plan_of(read)
    assert plan is not None
    assert plan.phases[0].limits == (("fixed", Limit(Mode.OBSERVE, 3, 0, Excess.RESET)),)


def test_what_is_on_limits_also_where_the_class_is_observed() -> None:
    plan = planned(TRIAL.replace('["dynamic"]', '["dynamic", "fixed"]') + SWITCHBACK + "on = { cap = 2 }\n")
    assert plan.switchback is not None
    assert dict(plan.switchback.on) == {
        "dynamic": Limit(Mode.ENFORCE, 2, 1_000),
        "fixed": Limit(Mode.ENFORCE, 2, 0),
    }


def test_equal_files_have_equal_trials_however_a_moment_is_written() -> None:
    other = WHOLE.replace("2027-05-01T01:00:00+09:00", "2027-04-30T16:00:00Z")
    assert config(other) == config(WHOLE)
    assert config(WHOLE.replace("seed = 7", "seed = 8")) != config(WHOLE)


def test_without_them_there_are_guardrails_and_every_outcome() -> None:
    protocol = protocol_of(config(WHOLE))
    assert protocol == TrialProtocol(planned(WHOLE), USUAL, Guardrails())


def test_guardrails_are_read() -> None:
    text = TRIAL + 'outcomes = ["bytes", "attempts"]\n[trial.guardrails]\ncomplaints_per_day = 0.5\n'
    text += 'gate_errors = 3\nbypass = "0s"\ndelay_p99 = "200ms"\nleases = "1h"\n'
    protocol = protocol_of(config(text))
    assert protocol is not None
    assert protocol.outcomes == (Outcome.BYTES, Outcome.ATTEMPTS)
    assert protocol.guardrails == Guardrails(0.5, 3, 0, 200, 3_600_000)


WRONG = [
    (TRIAL.replace("zone", "zones"), "trial.zones", 'did you mean "zone"?'),
    (TRIAL.replace("zone", "zones"), "trial.zone", 'add a line such as: zone = "Asia/Tokyo"'),
    (TRIAL.replace("Asia/Tokyo", "Asia/Edo"), "trial.zone", '"Asia/Edo" is no time zone known here'),
    (TRIAL.replace('"spring"', '" "'), "trial.name", "names no trial"),
    (TRIAL.replace("= 2027-04-01", '= "2027-04-01"'), "trial.from", "write it without quotes"),
    (TRIAL.replace("2027-04-01", "09:00:00"), "trial.from", "09:00:00 is no date"),
    (TRIAL.replace("2027-04-01", "0027-04-01"), "trial.from", "0027-04-01 is not of these times"),
    (
        TRIAL.replace("2027-04-01", "2027-04-01T09:00:00"),
        "trial.from",
        "2027-04-01T09:00:00 does not say in which zone: write its offset, as in 2027-04-01T09:00:00+",
    ),
    (TRIAL.replace("from = 2027-04-01\n", ""), "trial.from", "add a line such as: from = 2027-04-01"),
    (
        TRIAL.replace("2027-06-30", "2027-03-31"),
        "trial.to",
        "it ends (2027-03-31) before it begins (2027-04-01)",
    ),
    (TRIAL.replace("2027-06-30", "2127-06-30"), "trial.to", "would last 36,615 days: 1,830 are the most"),
    (TRIAL.replace('["dynamic"]', "[]"), "trial.classes", "no class takes part"),
    (TRIAL.replace('["dynamic"]', '["dynamics"]'), "trial.classes[0]", 'there is no class "dynamics"'),
    (TRIAL.replace('["dynamic"]', '["dynamic", "dynamic"]'), "trial.classes[1]", '"dynamic" is there twice'),
    (TRIAL + "phase = 5\n", "trial.phase", "write its header as [[trial.phase]]"),
    (TRIAL + PHASE.replace("cap", "caps"), "trial.phase[0].class.dynamic.caps", 'did you mean "cap"?'),
    (TRIAL + PHASE.replace("3", "0"), "trial.phase[0].class.dynamic.cap", "a cap of 0 would close port 25"),
    (TRIAL + PHASE.replace('"2s"', '"21s"'), "trial.phase[0].class.dynamic.delay", "give 20s or less"),
    (TRIAL + PHASE.replace("= 3", "= 300000"), "trial.phase[0].class.dynamic.cap", "262,144 slots"),
    (TRIAL + PHASE.replace("class.dynamic", "dynamic"), "trial.phase[0].dynamic", "this key is unknown"),
    (
        TRIAL + PHASE.replace("class.dynamic", "dynamic"),
        "trial.phase[0].class",
        "add a line such as: class.dynamic = { cap = 3 }",
    ),
    (
        TRIAL + PHASE.replace("class.dynamic", "class.fixed"),
        "trial.phase[0].class.fixed",
        "none of the trial's",
    ),
    (TRIAL + PHASE.replace("2027-04-01", "2027-03-31"), "trial.phase[0].from", "it reaches beyond the trial"),
    (TRIAL + PHASE.replace("2027-04-07", "2027-07-01"), "trial.phase[0].to", "it reaches beyond the trial"),
    (TRIAL + PHASE.replace("2027-04-07", "2027-03-31"), "trial.phase[0].to", "before it begins (2027-04-01)"),
    (
        TRIAL
        + PHASE
        + PHASE.replace("2027-04-01", "2027-04-07").replace("to = 2027-04-07", "to = 2027-04-09"),
        "trial.phase[1]",
        'it overlaps with trial.phase[0] for class "dynamic"',
    ),
    (
        TRIAL + PHASE + SWITCHBACK.replace("2027-04-08", "2027-04-07"),
        "trial.switchback",
        'it overlaps with trial.phase[0] for class "dynamic"',
    ),
    (TRIAL + "outcomes = []\n", "trial.outcomes", "would be judged by nothing"),
    (TRIAL + 'outcomes = ["bytes", "bytes"]\n', "trial.outcomes[1]", '"bytes" is there twice'),
    (
        TRIAL + 'outcomes = ["spam"]\n',
        "trial.outcomes[0]",
        '"spam" is not one of the choices: write "attempts"',
    ),
    (
        TRIAL + "[trial.guardrails]\ncomplaints_per_day = 0\n",
        "trial.guardrails.complaints_per_day",
        "above 0",
    ),
    *(
        (
            TRIAL + f"[trial.guardrails]\ncomplaints_per_day = {rate}\n",
            "trial.guardrails.complaints_per_day",
            said,
        )
        for rate, said in (("nan", "nan is"), ("inf", "inf is"), ("1" + "0" * 400, "up to 1,000,000"))
    ),
    (
        TRIAL + "[trial.guardrails]\ncomplaints_per_day = true\n",
        "trial.guardrails.complaints_per_day",
        "true is",
    ),
    (TRIAL + "[trial.guardrails]\ngate_errors = -1\n", "trial.guardrails.gate_errors", "give at least 0"),
    (TRIAL + '[trial.guardrails]\nbypass = "2d"\n', "trial.guardrails.bypass", "give at most 1d"),
    (TRIAL + '[trial.guardrails]\ndelay_p99 = "0s"\n', "trial.guardrails.delay_p99", "write one of 1ms, 2ms"),
    (TRIAL + '[trial.guardrails]\ndelay_p99 = "2s"\n', "trial.guardrails.delay_p99", "500ms, 1s"),
    (TRIAL + '[trial.guardrails]\ndifference = "refused"\n', "trial.guardrails.difference", "harmless = 5"),
    (TRIAL + "[trial.guardrails]\nharmless = 5\n", "trial.guardrails.harmless", "refused, unfinished"),
    (
        TRIAL + '[trial.guardrails]\ndifference = "refused"\nharmless = 100\n',
        "trial.guardrails.harmless",
        "above 0 and below 100",
    ),
    (TRIAL + '[trial.guardrails]\nleases = "1ms"\n', "trial.guardrails.leases", "give at least 1s"),
    (TRIAL + '[trial.guardrails]\nlease = "1m"\n', "trial.guardrails.lease", 'did you mean "leases"?'),
    (TRIAL + "guardrails = 5\n", "trial.guardrails", "5 is not a table"),
    (TRIAL + "switchback = 5\n", "trial.switchback", "5 is not a table"),
    (TRIAL + SWITCHBACK.replace("6h", "5h"), "trial.switchback.block", "5h does not divide a day"),
    (TRIAL + SWITCHBACK.replace("6h", "0s"), "trial.switchback.block", "give at least 1s"),
    (TRIAL + SWITCHBACK.replace("6h", "48h"), "trial.switchback.block", "give at most 1d"),
    (
        TRIAL + SWITCHBACK.replace("6h", "1m"),
        "trial.switchback.block",
        "would be 120,960 blocks of all classes and gates",
    ),
    (
        TRIAL + SWITCHBACK.replace("6h", "1h"),
        "trial.switchback.washout",
        "a wash-out of 1h leaves nothing of",
    ),
    (TRIAL + SWITCHBACK.replace("= 7", "= -7"), "trial.switchback.seed", "give at least 0"),
    (TRIAL + SWITCHBACK.replace("= 7", '= "x"'), "trial.switchback.seed", '"x" is not a whole number'),
    (TRIAL + SWITCHBACK.replace("seed = 7\n", ""), "trial.switchback.seed", "add a line such as: seed = "),
    (TRIAL + SWITCHBACK + "on.cap = 0\n", "trial.switchback.on.cap", "a cap of 0 would close port 25"),
    (TRIAL + SWITCHBACK + "on.delays = 0\n", "trial.switchback.on.delays", 'did you mean "delay"?'),
    (TRIAL + SWITCHBACK + 'on.delay = "21s"\n', "trial.switchback.on.delay", "give 20s or less"),
    (
        TRIAL + SWITCHBACK + 'on.mode = "observe"\n',
        "trial.switchback.on.mode",
        'would only be observed, as what is off: write mode = "enforce", or leave it out',
    ),
    (TRIAL + SWITCHBACK + 'units = "pools"\n', "trial.switchback.units", '"pools" is not one of the choices'),
    (TRIAL + SWITCHBACK + 'units = "gates"\n', "trial.switchback", "no gate is named that draws for itself"),
    (
        TRIAL + SWITCHBACK + 'gates = ["gate"]\n',
        "trial.switchback.gates",
        "draw no lots of their own: write units",
    ),
    (
        TRIAL + SWITCHBACK + 'units = "gates"\ngates = ["gate", "gate"]\n',
        "trial.switchback.gates[1]",
        '"gate" is there twice',
    ),
    (
        TRIAL + SWITCHBACK + 'units = "gates"\ngates = ["osaka"]\n',
        "trial.switchback.gates",
        'the gate of this file, "gate", is none of them',
    ),
    (
        TRIAL + 'outcomes = ["attempts", "cpu"]\n' + SWITCHBACK + 'units = "classes"\n',
        "trial.outcomes[1]",
        '"cpu" is of a whole gate, whose classes are on and off apart',
    ),
    (
        TRIAL + SWITCHBACK.replace("6h", "30m") + 'washout = "0s"\nunits = "gates"\n' + MANY_GATES,
        "trial.switchback.block",
        "would be 40,320 blocks of all classes and gates",
    ),
    (
        TRIAL + SWITCHBACK.replace("06-30", "04-08"),
        "trial.switchback",
        "there is no pair of blocks of one hour of the day, on workdays or weekend days",
    ),
    (
        TRIAL + MAINTENANCE.replace("2027-05", "2027-08"),
        "trial.maintenance[0].to",
        "reaches beyond the trial",
    ),
]


@pytest.mark.parametrize(("text", "key", "words"), WRONG)
def test_what_is_wrong_is_told_with_the_way_out(text: str, key: str, words: str) -> None:
    checked = parse((CLASSES + text).encode())
    assert checked.config is None
    found = [sentence for where, sentence in said(text) if where == key]
    assert any(words in sentence for sentence in found), said(text)


def test_everything_wrong_is_told_at_once() -> None:
    text = TRIAL.replace("06-30", "03-30") + PHASE.replace("3,", "0,") + SWITCHBACK.replace("6h", "5h")
    text += MAINTENANCE.replace("+09:00", "")
    assert {key for key, _ in said(text)} >= {
        "trial.to",
        "trial.phase[0].class.dynamic.cap",
        "trial.switchback.block",
        "trial.maintenance[0].from",
        "trial.maintenance[0].to",
    }


def test_an_error_stands_at_its_line() -> None:
    (problem,) = (
        problem
        for problem in parse((CLASSES + TRIAL + PHASE.replace("3,", "0,")).encode()).problems
        if problem.key == "trial.phase[0].class.dynamic.cap"
    )
    assert problem.line == (CLASSES + TRIAL + PHASE).count("\n")


def test_a_week_that_maintenance_takes_away_is_told() -> None:
    text = TRIAL + SWITCHBACK.replace("06-30", "04-09")  # a Thursday and a Friday
    ((key, sentence),) = said(text)
    assert key == "trial.switchback"
    assert sentence.startswith("no p-value below 0.125 can come of 4 pairs of blocks: let the switchback")
    ((_, sentence),) = said(text + MAINTENANCE.replace("05-01", "04-09"))
    assert sentence.startswith("no p-value below 0.25 can come of 3 pairs of blocks (1 lost to maintenance)")


def test_gates_as_units_that_share_no_store_are_a_worry() -> None:
    text = TRIAL + SWITCHBACK + 'units = "gates"\ngates = ["gate", "osaka"]\n'
    for store in ("", '[store]\nurl = "sqlite:////var/lib/sekisho/gate.db"\n'):
        ((key, sentence),) = said(store + text)
        assert (key, config(store + text).trial is not None) == ("trial.switchback.gates", True)
        assert "each gate has a store of its own" in sentence
    assert said('[store]\nurl = "postgresql://db.example/sekisho"\n' + text) == []


def test_blocklist_entries_of_gates_that_are_units_are_a_worry() -> None:
    units = SWITCHBACK + 'units = "gates"\ngates = ["gate"]\n'
    text = (
        '[store]\nurl = "postgresql://db.example/sekisho"\n'
        + TRIAL
        + 'outcomes = ["bytes", "blocklist"]\n'
        + units
    )
    ((key, sentence),) = said(text)
    assert (key, config(text).trial is not None) == ("trial.outcomes[1]", True)
    assert sentence.startswith("a blocklist tells of no gate")


def test_a_choice_of_units_that_cannot_be_read_is_told_once() -> None:
    assert len(said(TRIAL + SWITCHBACK + 'units = "gate"\ngates = ["gate"]\n')) == 1


def test_few_pairs_of_several_units_are_enough() -> None:
    text = TRIAL + SWITCHBACK.replace("06-30", "04-09")
    assert said(text)[0][1].startswith("no p-value below 0.125 can come of 4 pairs")
    two = text.replace('["dynamic"]', '["dynamic", "fixed"]') + 'units = "classes"\n'
    assert count_pairs(planned(two)) == 8


def test_two_phases_at_once_are_for_different_classes() -> None:
    text = (
        TRIAL.replace('["dynamic"]', '["dynamic", "fixed"]')
        + PHASE
        + PHASE.replace("class.d", "class.fixed = {} #")
    )
    assert len(planned(text).phases) == 2


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (TRIAL + PHASE.replace('"2s"', '"6s"'), "trial.phase[0].class.dynamic.delay"),
        (TRIAL + SWITCHBACK + 'on.delay = "6s"\n', "trial.switchback.on.delay"),
    ],
)
def test_a_long_delay_is_a_worry_as_that_of_a_class(text: str, key: str) -> None:
    assert config(text).trial is not None
    assert [(where, words[:8]) for where, words in said(text)] == [(key, "after 6s")]


def test_the_delays_of_a_trial_need_banks_too() -> None:
    days = [
        PHASE.replace("04-01", f"04-{day:02}").replace("04-07", f"04-{day:02}").replace("2s", f"{day}ms")
        for day in range(1, 16)
    ]
    assert said(TRIAL + "".join(days)) == []
    ((key, words),) = said(TRIAL + "".join(days) + SWITCHBACK.replace("04-08", "04-20") + 'on.delay = "2s"\n')
    assert key == "class"
    assert "17 different delays are more than the gate's 16" in words


def test_the_delay_of_a_class_costs_no_second_bank() -> None:
    assert said(TRIAL + PHASE.replace('"2s"', '"1s"')) == []


def test_blocks_may_be_of_seconds() -> None:
    begin, end = "2027-04-01T00:00:00+09:00", "2027-04-01T00:10:00+09:00"
    text = TRIAL.replace("2027-04-01", begin).replace("2027-06-30", end)
    text += SWITCHBACK.replace("2027-04-08", begin).replace("2027-06-30", end)
    assert count_pairs(worrying(text.replace('"6h"', '"5s"\nwashout = "1s"'))) == 60


@pytest.mark.parametrize(
    ("zone", "block", "washout", "words"),
    [
        ("Asia/Tokyo", "30m", "0s", "after its wash-out a block has none"),
        ("Asia/Tokyo", "2h", "90m", "after its wash-out a block has none"),
        (
            "Asia/Tokyo",
            "90m",
            "30m",
            "after its wash-out a block has none",
        ),  # 2:00 to 3:00 of one, none of the other
        ("Asia/Tokyo", "1h", "0s", "a block has one, so carry-over is not looked for"),
        ("Asia/Tokyo", "3h", "61m", "a block has one, so carry-over is not looked for"),
        (
            "Asia/Kolkata",
            "3h",
            "1h",
            "a block has one, so carry-over is not looked for",
        ),  # 30 minutes off
        ("Asia/Kolkata", "2h", "1h", "after its wash-out a block has none"),
        ("Asia/Tokyo", "3h", "1h", None),
        ("Asia/Tokyo", "2h", "0s", None),
    ],
)
def test_blocks_with_few_whole_hours_are_a_worry(
    zone: str, block: str, washout: str, words: str | None
) -> None:
    text = TRIAL + SWITCHBACK.replace('"6h"', f'"{block}"\nwashout = "{washout}"')
    text = text.replace("Asia/Tokyo", zone)
    assert config(text).trial is not None
    if words is None:
        assert said(text) == []
    else:
        ((key, sentence),) = said(text)
        assert key == "trial.switchback.block"
        assert words in sentence


@pytest.mark.parametrize(
    ("lines", "more", "is_told"),
    [
        (0, "", False),
        (1, "", True),
        (9, "", True),
        (10, "", False),
        (1, pool("100.65.0.0/16", "fixed"), False),
    ],
)
def test_a_class_of_few_listed_lines_is_a_worry(lines: int, more: str, is_told: bool) -> None:
    listed = [
        f'[[line]]\nname = "l{n}"\nclass = "fixed"\naddresses = ["192.0.2.{n}"]\n' for n in range(lines)
    ]
    text = "".join((*listed, more, TRIAL.replace('["dynamic"]', '["dynamic", "fixed"]'), SWITCHBACK))
    text += "on = { cap = 3 }\n"
    assert config(text).trial is not None
    found = said(text)
    assert [key for key, _ in found] == (["trial.classes[1]"] if is_told else [])
    assert all(
        f'{lines} of the lines that the file lists make up "fixed"' in sentence for _, sentence in found
    )


def test_values_of_a_phase_for_a_class_that_is_only_observed_are_a_worry() -> None:
    text = TRIAL.replace('["dynamic"]', '["fixed"]') + PHASE.replace("class.dynamic", "class.fixed")
    ((key, sentence),) = said(text)
    assert (key, config(text).trial is not None) == ("trial.phase[0].class.fixed", True)
    assert sentence.endswith('limit nobody: add mode = "enforce"')
    assert said(text.replace("cap = 3", 'mode = "enforce", cap = 3')) == []
    assert said(text.replace('cap = 3, delay = "2s"', 'mode = "observe"')) == []


def test_the_shipped_example_is_one_that_is_read() -> None:
    (stated,) = re.findall(
        r"^#\[trial\](?:.*\n)(?:#.*\n|\n(?=#\[+trial))*", SHIPPED.read_text(), re.MULTILINE
    )
    plan = planned(re.sub(r"^#(?=[a-z[])", "", stated, flags=re.MULTILINE))
    assert plan.phases
    assert plan.maintenance
    assert count_pairs(plan) > 100


WORDS = st.sampled_from(
    ["trial", "phase", "switchback", "maintenance", "guardrails", "class", "on", "from", "to", "dynamic"]
)
VALUES = st.recursive(
    st.sampled_from(["1", '"6h"', "2027-04-01", "2027-04-01T00:00:00Z", "true", "09:00:00", '"Asia/Tokyo"']),
    lambda inner: (
        st.dictionaries(WORDS, inner, max_size=3).map(
            lambda table: "{" + ", ".join(f"{key} = {value}" for key, value in table.items()) + "}"
        )
        | st.lists(inner, max_size=2).map(lambda values: "[" + ", ".join(values) + "]")
    ),
    max_leaves=6,
)


@given(st.dictionaries(WORDS, VALUES, max_size=5))
def test_any_trial_is_read_or_told(table: dict[str, str]) -> None:
    checked = parse(
        (CLASSES + "[trial]\n" + "".join(f"{key} = {value}\n" for key, value in table.items())).encode()
    )
    assert checked.config is None
    assert all(problem.way_out for problem in checked.problems)


def test_a_schedule_of_the_most_blocks_is_made() -> None:
    text = TRIAL.replace("06-30", "04-11").replace("04-01", "04-02") + SWITCHBACK.replace("04-08", "04-02")
    plan = worrying(text.replace("06-30", "04-11").replace('"6h"', '"1m"\nwashout = "10s"'))
    assert len(schedule(plan)) == 10 * 24 * 60
