"""Notices as mail: in both languages, from templates of the package or of the operator."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sekisho.desk.case_values import Evidence
from sekisho.desk.notices import Mail, Told, Why, made_up
from sekisho.desk.policy import Policy
from sekisho.pages.desk_notice import Own, TemplateFault, Words, Written, file_name, ordered, write
from sekisho.pages.voice import Language

NOW = datetime(2026, 4, 1, 3, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")
WORDS = {
    Language.JA: Words("サンプル通信", "お客様窓口 0120-000-000\n平日 9:00～17:00"),
    Language.EN: Words("Example Communications", "Support, +81 3 0000 0000"),
}
ALL = {one.mail: one for one in made_up(NOW, Policy().own_limit)}
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|[0-9a-f]*::[0-9a-f]|\S+@\S+")


def in_one(told: Told, language: Language, own: str | None = None) -> Written:
    name = file_name(told.mail, language)
    templates = {} if own is None else {name: Own(f"/etc/sekisho/notices/{name}", own)}
    return write(told, {language: WORDS[language]}, TOKYO, templates)


@pytest.mark.parametrize("mail", Mail)
@pytest.mark.parametrize("language", Language)
def test_each_notice_is_there_in_each_language(mail: Mail, language: Language) -> None:
    told = ALL[mail]
    written = in_one(told, language)
    words = WORDS[language]
    assert words.provider in written.text
    assert all(line in written.text for line in words.contact.splitlines())
    if told.number is not None:
        assert str(told.number) in written.subject
    if told.line:
        assert told.line in written.text
    assert "\n\n\n" not in written.text
    assert not _ADDRESS.search(written.text)


@pytest.mark.parametrize("language", Language)
def test_a_suspension_says_why_what_was_seen_until_when_and_how_it_is_lifted(language: Language) -> None:
    text = in_one(ALL[Mail.SUSPENSION], language).text
    wanted = {
        Language.JA: (
            "停止の理由",
            "37 件",
            "2026年5月1日（金） 12:00 まで",
            "原因を取り除いて",
            "お客様窓口",
        ),
        Language.EN: ("Why\n", "messages: 37", "Friday, 1 May 2026, 12:00", "remove the cause", "Support"),
    }
    assert [word for word in wanted[language] if word not in text] == []


@pytest.mark.parametrize("is_whole_line", [True, False])
def test_what_is_suspended_is_said(is_whole_line: bool) -> None:
    told = replace(ALL[Mail.SUSPENSION], is_whole_line=is_whole_line, went_on=False)
    written = in_one(told, Language.JA)
    assert ("インターネット接続" in written.subject) == is_whole_line
    assert ("サブミッションポート" in written.text) != is_whole_line
    assert "早急な措置" in written.text


@pytest.mark.parametrize(
    ("language", "went_on", "prompt"),
    [
        (Language.JA, "その後も申告が続いているため", "早急な措置が必要"),
        (Language.EN, "reports have gone on since", "prompt action"),
    ],
)
def test_a_suspension_says_that_reports_went_on_only_where_they_did(
    language: Language, went_on: str, prompt: str
) -> None:
    for is_so in (True, False):
        text = " ".join(in_one(replace(ALL[Mail.SUSPENSION], went_on=is_so), language).text.split())
        assert (went_on in text, prompt in text) == (is_so, not is_so)


@pytest.mark.parametrize("language", Language)
def test_a_limit_is_told_of_in_the_same_words_as_in_a_stop_request(language: Language) -> None:
    asked, limited = (in_one(ALL[mail], language).text for mail in (Mail.STOP_REQUEST, Mail.LIMIT))
    head = {Language.JA: "■ 現在の措置\n", Language.EN: "What holds for your line now\n"}[language]
    (paragraph,) = {text.partition(head)[2].partition("\n\n")[0] for text in (asked, limited)}
    assert {Language.JA: "5秒遅らせて", Language.EN: "5 seconds later"}[language] in paragraph


def test_a_stop_request_tells_of_a_limit_only_where_there_is_one() -> None:
    told = ALL[Mail.STOP_REQUEST]
    for language, word in ((Language.JA, "現在の措置"), (Language.EN, "What holds")):
        assert word in in_one(told, language).text
        assert word not in in_one(replace(told, limit=None, limit_until=None), language).text


@pytest.mark.parametrize("why", Why)
@pytest.mark.parametrize("language", Language)
def test_whoever_was_wronged_gets_an_apology_and_no_warning(why: Why, language: Language) -> None:
    text = in_one(replace(ALL[Mail.RESTORATION], why=why), language).text
    apology, warning = {Language.JA: ("お詫び", "再び迷惑"), Language.EN: ("apologise", "again")}[language]
    assert (apology in text) == (why is Why.MISTAKEN)
    assert (warning in text) == (why is not Why.MISTAKEN)


@pytest.mark.parametrize("language", Language)
def test_a_withdrawal_says_what_was_a_mistake_and_what_stands(language: Language) -> None:
    told = ALL[Mail.WITHDRAWAL]
    limit, stands = {
        Language.JA: ("メール送信の制限も解除", "取り消しておりません"),
        Language.EN: ("The limit on sending mail from your line is lifted", "stands"),
    }[language]
    for was_limited, is_asked in ((False, False), (True, False), (True, True)):
        text = in_one(replace(told, was_limited=was_limited, is_asked=is_asked), language).text
        assert (limit in text) == (was_limited and not is_asked)
        assert (stands in text) == is_asked


def test_what_is_not_known_is_left_out() -> None:
    told = replace(ALL[Mail.SUSPENSION], seen=Evidence(), until=None)
    for language in Language:
        in_one(told, language)
        in_one(replace(ALL[Mail.RESTORATION], was_suspended=False, was_limited=False), language)
        in_one(replace(ALL[Mail.STOP_REQUEST], deadline=None), language)


def test_both_languages_stand_in_one_mail() -> None:
    written = write(ALL[Mail.SUSPENSION], WORDS, TOKYO, {})
    assert " / " in written.subject
    assert written.text.index("停止の理由") < written.text.index("How it is lifted")


def test_a_lines_language_goes_first_and_alone() -> None:
    both = (Language.JA, Language.EN)
    assert ordered(both, None) == both
    assert ordered(both, Language.EN) == (Language.EN,)
    assert ordered((Language.JA,), Language.EN) == (Language.JA,)


def test_an_operators_template_goes_before_ours() -> None:
    own = "Subject: 停止 {{ told.number }}\n\n{{ provider }} {{ voice.moment(told.now) }}\n"
    written = in_one(ALL[Mail.SUSPENSION], Language.JA, own)
    assert written == Written("停止 1042", "サンプル通信 2026年4月1日（水） 12:00\n")


@pytest.mark.parametrize(
    ("own", "line", "what"),
    [
        ("Subject: a\n\n{% if %}\n", 3, "Expected an expression"),
        ("Subject: a\n\nb\n{{ told.nothing }}\n", 4, "nothing"),
        ("Subject: a\n\nb\n\n{{ nobody }}\n", 5, "nobody"),
        ("Subject: a\n\n{{ 1 // 0 }}\n", 3, "zero"),
        ("Subject: a\n\n{{ voice.moment(told.line) }}\n", 3, "second"),
        ("Subject: a\n\n{{ told.__class__.__mro__ }}\n", 3, "unsafe"),
        ("Subject: a\n\n{% include 'other' %}\n", 3, "other"),
        ("Betreff: a\n\nb\n", 1, "begins with"),
        ("Subject: \n\nb\n", 1, "begins with"),
        ("Subject: a\n\n \n", 1, "no text"),
    ],
)
def test_a_fault_names_file_and_line(own: str, line: int, what: str) -> None:
    name = "/etc/sekisho/notices/suspension.ja.j2"
    with pytest.raises(TemplateFault, match=rf"^{name}:{line}: .*{what}"):
        in_one(ALL[Mail.SUSPENSION], Language.JA, own)


def test_a_subject_stays_one_line_whatever_a_line_is_called() -> None:
    told = replace(ALL[Mail.SUSPENSION], line="a\nBcc: x@example.net")
    assert in_one(told, Language.JA, "Subject: {{ told.line }}\n\nb\n").subject == "a"


def test_made_up_notices_are_of_now() -> None:
    assert all(one.now == NOW for one in ALL.values())
    assert ALL[Mail.STOP_REQUEST].deadline == NOW + timedelta(days=1)
