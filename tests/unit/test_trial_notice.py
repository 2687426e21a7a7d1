"""The announcement of a trial says what the configuration says, and nothing else."""

from __future__ import annotations

import re
from hashlib import sha256
from operator import attrgetter
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sekisho.cli import app
from sekisho.config import errors, parse
from sekisho.config.trial_plan import notice_of, plan_at_gate
from sekisho.pages.notice import NoticeWords, notice_text
from sekisho.pages.voice import Language
from sekisho.trial.notice import Notice
from sekisho.trial.plan import Arm, Block, schedule
from tests.unit.configuring import GATE, POOL

TRIAL = """\
[class.dynamic]
mode = "observe"
cap = 6
delay = "7s"
[class.fixed]
mode = "observe"
cap = 21
delay = "0s"
[store]
leases = "190d"
[trial]
name = "spring"
from = 2027-04-01
to = 2027-07-31
zone = "Asia/Tokyo"
classes = ["dynamic"]
[[trial.phase]]
from = 2027-04-02
to = 2027-04-14
class.dynamic = { mode = "enforce", cap = 9, delay = "13s" }
[trial.switchback]
from = 2027-04-15
to = 2027-06-29
block = "8h"
seed = 424242
on = { cap = 3, delay = "2s" }
[[trial.maintenance]]
from = 2027-05-11T01:17:00+09:00
to = 2027-05-11T05:19:00+09:00
"""
WORDS = """\
[trial.notice.en]
provider = "Example Communications"
contact = "Support desk"
classes = { dynamic = "lines with changing addresses" }
[trial.notice.ja]
provider = "例示通信株式会社"
contact = "お客様センター"
classes = { dynamic = "アドレスが変わる回線" }
"""
EXEMPT = GATE + 'exempt = ["203.0.113.0/24"]\n'
WHOLE = EXEMPT + POOL + TRIAL + WORDS
BOTH = pytest.mark.parametrize("language", list(Language))


def noticed(text: str) -> Notice:
    checked = parse(text.encode())
    assert checked.config is not None, checked.problems
    found = notice_of(checked.config)
    assert found is not None
    return found


def told(text: str, language: Language) -> str:
    checked = parse(text.encode())
    assert checked.config is not None, checked.problems
    assert checked.config.trial is not None
    table = checked.config.trial.notice[language]
    return notice_text(noticed(text), NoticeWords(table.provider, table.contact, table.classes), language)


def command(file: Path, text: str, *arguments: str) -> Result:
    file.write_text(text)
    return CliRunner().invoke(
        app, ["trial", "notice", "--config", str(file), *arguments], prog_name="sekisho"
    )


CHANGES = [  # what is written, what is written instead, and what then stands in English and in Japanese
    ("cap = 3", "cap = 4", ("at most 4 sessions", "同時セッション数 4 本")),
    ("cap = 9", "cap = 19", ("19 sessions", "19 本")),
    ('delay = "2s"', 'delay = "2500ms"', ("2.5 seconds", "2.5秒")),
    ('delay = "13s"', 'delay = "14s"', ("14 seconds", "14秒")),
    ('block = "8h"', 'block = "12h"', ("12 hours", "12時間")),
    ("seed = 424242", "seed = 515151", ("515151", "515151")),
    ("from = 2027-04-01", "from = 2027-03-30", ("30 March 2027", "2027年3月30日")),
    ("to = 2027-07-31", "to = 2027-08-02", ("2 August 2027", "2027年8月2日")),
    ("to = 2027-06-29", "to = 2027-06-28", ("28 June 2027", "2027年6月28日")),
    ("T01:17:00", "T02:23:00", ("02:23", "2:23")),
    ("203.0.113.0/24", "198.51.100.0/25", ("198.51.100.0/25", "198.51.100.0/25")),
    ('leases = "190d"', 'leases = "200d"', ("200 days", "200日")),
    ('name = "spring"', 'name = "autumn"', ("autumn", "autumn")),
    ("Asia/Tokyo", "Asia/Seoul", ("Asia/Seoul", "Asia/Seoul")),
    ("Support desk", "Help desk", ("Help desk", "")),
    ("お客様センター", "ご相談窓口", ("", "ご相談窓口")),
    ("例示通信株式会社", "別の会社", ("", "別の会社")),
    ("lines with changing addresses", "homes", ("homes", "")),
    ("アドレスが変わる回線", "家庭", ("", "家庭")),
]


@pytest.mark.parametrize(("old", "new", "shown"), CHANGES, ids=[new for _, new, _ in CHANGES])
@BOTH
def test_what_is_changed_in_the_file_changes_in_the_notice(
    old: str, new: str, shown: tuple[str, str], language: Language
) -> None:
    assert old in WHOLE
    expected = shown[list(Language).index(language)]
    before, after = told(WHOLE, language), told(WHOLE.replace(old, new), language)
    if expected:
        assert expected not in before
        assert expected in after
    else:
        assert before == after


@BOTH
def test_no_number_stands_there_that_is_not_of_the_plan(language: Language) -> None:
    text = told(WHOLE, language)
    for known in ("203.0.113.0/24", "2027", "424242", "190"):
        assert known in text
        text = text.replace(known, "")
    months_and_days = {4, 7, 5, 6, 1, 2, 14, 15, 29, 31, 11} | {0, 24}
    clock = {17, 19, 5, 1}
    limits = {3, 9, 2, 13, 8}
    of_the_protocols = {25, 587, 465, 256}  # of the last the lot's SHA
    found = {int(number) for number in re.findall(r"\d+", text)}
    assert found <= months_and_days | clock | limits | of_the_protocols
    assert limits | of_the_protocols <= found


@BOTH
def test_the_lowest_and_the_highest_are_those_of_the_plan(language: Language) -> None:
    (one,) = noticed(WHOLE).taking_part
    assert one.during is not None
    assert (one.during.caps, one.during.delays_ms) == ((3, 9), (2_000, 13_000))
    assert one.own is None
    range_told = {"en": "3 to 9 sessions", "ja": "3～9 本"}[language]
    assert range_told in told(WHOLE, language)


def test_an_own_limit_counts_where_the_plan_leaves_a_gap() -> None:
    own = WHOLE.replace('[class.dynamic]\nmode = "observe"', '[class.dynamic]\nmode = "enforce"')
    (one,) = noticed(own).taking_part
    assert one.during is not None
    assert one.during.delays_ms == (2_000, 13_000)
    assert one.during.caps == (3, 9)  # 6, its own on the days between, lies within
    (one,) = noticed(own.replace("cap = 6", "cap = 50")).taking_part
    assert one.during is not None
    assert one.during.caps == (3, 50)


@BOTH
def test_a_class_that_is_limited_beside_the_trial_is_not_called_free(language: Language) -> None:
    free, limited = {
        "en": ("fixed: not limited", "fixed: does not take part"),
        "ja": ("fixed：規制なし", "fixed：実証実験の対象外"),
    }[language]
    assert free in told(WHOLE, language)
    other = WHOLE.replace('[class.fixed]\nmode = "observe"', '[class.fixed]\nmode = "enforce"')
    assert free not in told(other, language)
    assert limited in told(other, language)
    assert "21" in told(other, language)


@BOTH
def test_own_mail_servers_are_named_only_where_they_are_exempt(language: Language) -> None:
    words = {"en": "our own mail servers", "ja": "弊社のメールサーバー（"}[language]
    assert words in told(WHOLE, language)
    assert words not in told(WHOLE.replace(EXEMPT, GATE), language)


@BOTH
def test_nothing_is_drawn_by_lot_where_no_lot_is_planned(language: Language) -> None:
    words = {"en": "by lot", "ja": "抽選"}[language]
    begin, end = WHOLE.index("[trial.switchback]"), WHOLE.index("[[trial.maintenance]]")
    without = WHOLE[:begin] + WHOLE[end:]
    assert words in told(WHOLE, language)
    assert words not in told(without, language)
    assert "424242" not in told(without, language)


@BOTH
def test_each_class_and_each_window_has_a_line_of_its_own(language: Language) -> None:
    second = WHOLE.replace('classes = ["dynamic"]', 'classes = ["dynamic", "fixed"]')
    assert (
        sum(
            line.startswith(("- アドレスが変わる回線", "- lines with changing"))
            for line in told(second, language).splitlines()
        )
        == 2
    )
    assert {"en": "Every class of line takes part", "ja": "すべての種別"}[language] in told(second, language)


@BOTH
def test_the_words_of_the_file_are_no_html(language: Language, tmp_path: Path) -> None:
    text = WHOLE.replace("Support desk", "<script>x</script>").replace("お客様センター", "<script>x</script>")
    page = tmp_path / "notice.html"
    result = command(tmp_path / "x.toml", text, "--lang", language, "--html", str(page))
    assert result.exit_code == 0
    assert "<script>" not in page.read_text()
    assert "&lt;script&gt;x" in page.read_text()
    assert not re.search(r"(src|href)=|https?://", page.read_text())


def test_a_language_that_is_not_in_the_file_is_told(tmp_path: Path) -> None:
    text = WHOLE[: WHOLE.index("[trial.notice.ja]")]
    result = command(tmp_path / "x.toml", text, "--lang", "ja")
    assert result.exit_code == 1
    assert "add [trial.notice.ja] with `provider` and `contact`" in result.stderr


def test_a_page_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    result = command(tmp_path / "x.toml", WHOLE, "--lang", "en", "--html", str(tmp_path / "no" / "x.html"))
    assert result.exit_code == 1
    assert "cannot be written: No such file or directory" in result.stderr


@pytest.mark.parametrize(
    ("old", "new", "key", "what"),
    [
        ("[trial.notice.ja]", "[trial.notice.jp]", "trial.notice.jp", "known here are: en, ja"),
        ('contact = "Support desk"\n', "", "trial.notice.en.contact", "this key is needed"),
        ('"Support desk"', '" "', "trial.notice.en.contact", "tells nothing"),
        ('{ dynamic = "lines', '{ dynamo = "lines', "trial.notice.en.classes.dynamo", "there is no class"),
        ('contact = "Support desk"', "contact = 3", "trial.notice.en.contact", "is not a text in quotes"),
        ('classes = { dynamic = "アド', 'x = { dynamic = "アド', "trial.notice.ja.x", "this key is unknown"),
    ],
)
def test_what_is_wrong_with_the_words_is_told(old: str, new: str, key: str, what: str) -> None:
    assert old in WHOLE
    problems = errors(parse(WHOLE.replace(old, new).encode()).problems)
    assert [problem.key for problem in problems] == [key]
    assert what in f"{problems[0].what}: {problems[0].way_out}"


def test_notice_that_is_no_table_is_told() -> None:
    text = (GATE + POOL + TRIAL).replace('name = "spring"', 'name = "spring"\nnotice = 3')
    (problem,) = errors(parse(text.encode()).problems)
    assert (problem.key, problem.what) == ("trial.notice", "3 is no table")


@pytest.mark.parametrize(
    ("units", "english", "japanese"),
    [
        ('units = "classes"', "for each of these kinds of line on its own", "契約者回線の種別ごとに別々に"),
        (
            'units = "gates"\ngates = ["gate", "osaka"]',
            "on at one and off at another",
            "設備によって規制の有無が異なります",
        ),
    ],
)
def test_whose_lots_are_drawn_apart_is_told_and_changes_nothing_else(
    units: str, english: str, japanese: str
) -> None:
    apart = WHOLE.replace("seed = 424242", f"seed = 424242\n{units}")
    for language, sentence in ((Language.EN, english), (Language.JA, japanese)):
        assert sentence not in told(WHOLE, language)
        lines = told(apart, language).splitlines()
        added = [line for line in lines if line not in told(WHOLE, language).splitlines()]
        assert [sentence in line for line in added] == [True, *[False] * (len(added) - 1)]
        assert all("424242:NAME:" in line or "424242:名称:" in line for line in added[1:])


@BOTH
def test_without_a_delay_nobody_is_said_to_wait(language: Language) -> None:
    waiting = ("a fixed time before it is made", "how quickly", "一定の時間遅らせ", "接続開始の速さ")
    at_once = WHOLE.replace('delay = "13s"', 'delay = "0s"').replace('delay = "2s"', 'delay = "0s"')
    assert sum(one in told(WHOLE, language) for one in waiting) == 2
    assert not any(one in told(at_once, language) for one in waiting)


@BOTH
def test_our_own_servers_are_outside_only_if_they_are_exempt(language: Language) -> None:
    outside = ("outside our network", "社外のメールサーバー")[list(Language).index(language)]
    ours = ("ours and others'", "弊社のものを含みます")[list(Language).index(language)]
    assert (outside in told(WHOLE, language), ours in told(WHOLE, language)) == (True, False)
    everywhere = told(GATE + POOL + TRIAL + WORDS, language)
    assert (outside in everywhere, ours in everywhere) == (False, True)


def test_the_lot_can_be_drawn_again_by_what_is_told() -> None:
    found = re.search(r"`(\d+):NUMBER`", told(WHOLE, Language.EN))
    assert found is not None
    checked = parse(WHOLE.encode())
    assert checked.config is not None
    whole = plan_at_gate(checked.config)
    assert whole is not None
    earlier: dict[int, Block] = {}
    for block in sorted(schedule(whole), key=attrgetter("begin")):
        if block.pair is not None:
            earlier.setdefault(block.pair, block)
    assert len(earlier) > 100
    for pair, block in earlier.items():
        is_odd = sha256(f"{found[1]}:{pair}".encode()).digest()[0] % 2 == 1
        assert (block.arm is Arm.ON) is is_odd
