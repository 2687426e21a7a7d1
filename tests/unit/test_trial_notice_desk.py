"""The announcement says what the desk does by the configuration, and nothing of it where there is none."""

from __future__ import annotations

import re

import pytest

from sekisho.desk.case_table import TABLE
from sekisho.desk.case_values import State
from sekisho.pages.voice import Language
from tests.unit.test_config_desk import MAIL
from tests.unit.test_trial_notice import BOTH, WHOLE, told

DESK = """\
[desk]
key_file = "secrets/desk"
from = "abuse@example.net"
authserv_ids = ["mx.example.net"]
grave = ["line-suspension"]
trusted = ["reports.example.org"]
reports = "101d"
cases = "211d"
[desk.class.dynamic]
stop_request = { reporters = 61, incidents = 62, within = "33d" }
limit        = { reporters = 71, incidents = 72, within = "34d" }
proposal     = { reporters = 81, incidents = 82, within = "35d" }
grace        = "36d"
stopped      = "37d"
cap          = 12
delay        = "18s"
limited      = "38d"
suspension   = "port-25-suspension"
suspended    = "39d"
[desk.class.fixed]
cap          = 12
delay        = "18s"
"""
NAS = """\
[[desk.nas]]
name         = "bng1"
address      = "192.0.2.1"
secret_file  = "coa"
pools        = ["100.64.0.0/16"]
"""
WITH_DESK = WHOLE + MAIL + DESK + NAS

OF_THE_DESK = [  # what is written, what instead, and what a line then has that was not there, en and ja
    ("reporters = 61", "reporters = 51", ("at least 51 reporters", "51 者以上")),
    ("incidents = 62", "incidents = 69", ("at least 69 mails", "69 通以上")),
    ('within = "33d"', 'within = "43d"', ("43 days", "43日以内")),
    ("reporters = 71", "reporters = 52", ("at least 52 reporters", "52 者以上")),
    ("incidents = 72", "incidents = 79", ("at least 79 mails", "79 通以上")),
    ('within = "34d"', 'within = "44d"', ("44 days", "44日以内")),
    ("reporters = 81", "reporters = 53", ("at least 53 reporters", "53 者以上")),
    ("incidents = 82", "incidents = 89", ("at least 89 mails", "89 通以上")),
    ('within = "35d"', 'within = "45d"', ("45 days", "45日以内")),
    ('grace        = "36d"', 'grace = "46d"', ("46 days or more after the stop request", "46日後以降")),
    ('stopped      = "37d"', 'stopped = "47d"', ("47 days have passed", "47日続いたとき")),
    ('limited      = "38d"', 'limited = "48d"', ("for 48 days", "48日間")),
    ('suspended    = "39d"', 'suspended = "49d"', ("for 49 days", "49日間")),
    (
        '"port-25-suspension"',
        '"line-suspension"',
        ("suspension of the whole line, for", "回線全体の利用停止、"),
    ),
    (
        'grave = ["line-suspension"]',
        "grave = []",
        ("or of the whole line a person decides", "と契約者回線全体の利用停止は担当者が"),
    ),
    ('trusted = ["reports.example.org"]', "", ("stop request is decided by a person", "担当者が判断します")),
    ('reports = "101d"', 'reports = "102d"', ("deleted after 102 days", "102日で削除")),
    ('cases = "211d"', 'cases = "212d"', ("deleted 212 days after it is over", "終了から 212日で削除")),
    (
        "cap          = 12\n",
        "cap = 14\n",
        ("line alone, at most 14 sessions", "限り、同時セッション数 14 本"),
    ),
    ('delay        = "18s"\n', 'delay = "17s"\n', ("17 seconds of waiting", "遅延 17秒")),
    ("[desk.class.fixed]", '[desk.class.fixed]\nexcess = "reset"', ("is refused at once", "直ちに拒否")),
    (
        "{ reporters = 71, incidents = 72,",
        "{ incidents = 72,",
        ("at least 1 reporter, of at least 72 mails", "1 者以上からの合計 72 通以上"),
    ),
    (
        "{ reporters = 71, incidents = 72,",
        "{ reporters = 71,",
        ("at least 71 reporters, within 34 days", "34日以内に 71 者以上からの申告"),
    ),
    (
        "[desk.class.fixed]",
        '[desk.class.fixed]\nlimit = "never"',
        ("fixed: not limited, unless spam from one line", "下記の措置をとることがあります"),
    ),
    (
        "[desk.class.fixed]",
        '[desk.class.fixed]\nstop_request = "never"',
        ("a person decides, or with the next step", "担当者が判断、または次の段階"),
    ),
]


@pytest.mark.parametrize(("old", "new", "shown"), OF_THE_DESK, ids=[new for _, new, _ in OF_THE_DESK])
@BOTH
def test_what_is_changed_of_the_desk_changes_in_the_notice(
    old: str, new: str, shown: tuple[str, str], language: Language
) -> None:
    assert old in WITH_DESK
    before = told(WITH_DESK, language).splitlines()
    after = told(WITH_DESK.replace(old, new), language).splitlines()
    expected = shown[list(Language).index(language)]
    assert any(expected in line for line in after if line not in before)


@BOTH
def test_a_step_that_is_never_taken_is_not_drawn(language: Language) -> None:
    drawn = {"en": ("that line alone: at", "is proposed"), "ja": ("だけの規制：", "提案")}[language]
    never = DESK[: DESK.index("[desk.class.dynamic]")] + "".join(
        f'[desk.class.{name}]\nlimit = "never"\nproposal = "never"\n' for name in ("dynamic", "fixed")
    )
    for step in drawn:
        assert step in told(WITH_DESK, language)
        assert step not in told(WHOLE + MAIL + never, language)


@BOTH
def test_whole_lines_are_announced_to_be_suspended_where_a_nas_could_do_it(language: Language) -> None:
    whole = {"en": "of the whole line", "ja": "契約者回線全体"}[language]
    assert whole in told(WITH_DESK, language)
    assert whole not in told(WHOLE + MAIL + DESK, language)


NOTICES = """\
[desk.notices]
zone = "Asia/Tokyo"
[desk.notices.en]
provider = "Example Communications"
contact  = "support@example.net"
"""


@BOTH
def test_who_tells_the_customer_is_as_it_is_done(language: Language) -> None:
    staff, mail = {
        "en": ("a suspension: by our staff", "a suspension: by mail, or by our staff"),
        "ja": ("予告）：担当者による", "予告）：メールまたは担当者による"),
    }[language]
    assert staff in told(WITH_DESK, language)
    assert mail not in told(WITH_DESK, language)
    assert mail in told(WITH_DESK + NOTICES, language)


@BOTH
def test_the_ways_out_before_a_suspension_are_drawn(language: Language) -> None:
    """As `desk restore` and `desk dismiss` are ways out of each of these states."""
    for state in (State.STOP_REQUESTED, State.LIMITED, State.PROPOSED):
        assert {State.RESTORED, State.DISMISSED} <= {rule.to for rule in TABLE if rule.state is state}
    out = {"en": "---> over, here", "ja": "→ 終了："}[language]
    proposed = {"en": "is proposed", "ja": "利用停止の提案"}[language]
    text = told(WITH_DESK, language)
    assert text.index(out) < text.index(proposed)


@BOTH
def test_ways_that_are_alike_are_drawn_once_and_others_by_the_names_of_their_classes(
    language: Language,
) -> None:
    alike = told(WHOLE + MAIL + DESK[: DESK.index("[desk.class.dynamic]")], language)
    apart = told(WITH_DESK, language)
    assert (alike.count("```text"), apart.count("```text")) == (1, 2)
    name = {"en": "**lines with changing addresses**", "ja": "**アドレスが変わる回線**"}[language]
    assert name not in alike
    assert name in apart
    assert "**fixed**" in apart


@BOTH
def test_without_a_desk_nothing_is_said_of_reports(language: Language) -> None:
    words = {
        "en": ("reported", "stop request", "evidence", "is never read while"),
        "ja": ("申告", "利用停止", "証拠", "送信中のメール"),
    }[language]
    for word in words:
        assert word not in told(WHOLE, language)
        assert word in told(WITH_DESK, language)


@BOTH
def test_no_number_is_told_of_the_desk_that_is_not_of_the_file(language: Language) -> None:
    new = set(told(WITH_DESK, language).splitlines()) - set(told(WHOLE, language).splitlines())
    of_the_file = {int(number) for number in re.findall(r"\d+", DESK.partition("[[desk.nas]]")[0])}
    of_leases = {190}
    usual = {2, 3, 7, 14, 1, 30}  # of a class that says nothing itself
    of_the_protocols = {25}
    found = {int(number) for line in new for number in re.findall(r"\d+", line)}
    assert found <= of_the_file | of_leases | usual | of_the_protocols
    assert of_the_file <= found
