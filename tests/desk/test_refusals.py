"""What is refused is told by its field and what is wanted there: the reason stands in the clear for years."""

from __future__ import annotations

import random
import re

import pytest

from sekisho.desk.parse import parse
from sekisho.desk.report import Refusal, Why
from tests.desk import letters
from tests.desk.test_mail_reports import FACTS, read, refused

FORMS = {
    **letters.STRUCTURED,
    "xarf-3": letters.xarf_3,
    "hotmail": letters.hotmail,
    "forward": letters.forward,
}
SECRET = b"Victim.Name@Hospital.example"
_WORD = re.compile(rb"[^\s\"<>\[\](){},:;]+")


def bare(form: str) -> bytes:
    """Write a report of a form; XARF as JSON, since its words are seen in no base64."""
    return next(
        data for seed in range(9) if b"base64\n" not in (data := FORMS[form](FACTS, random.Random(seed)))
    )


@pytest.mark.parametrize("form", FORMS)
def test_the_reason_repeats_no_word_of_what_was_written(form: str) -> None:
    data = bare(form)
    changed = [data[: word.start()] + SECRET + data[word.end() :] for word in _WORD.finditer(data)]
    reasons = {one.reason.lower() for one in map(parse, changed) if isinstance(one, Refusal)}
    assert reasons
    assert not [reason for reason in reasons if "victim" in reason or "hospital" in reason]


def answering(field: str) -> bytes:
    return f"{field}\n".encode() + bare("forward")


@pytest.mark.parametrize(
    "named",
    [
        "<desk-gate-17-1764554400-3-stop-request@isp.example>",
        "<desk-north-2-17-1764554400-3-suspension@isp.example>",
        "<desk-gate-relief-17-1764554400000000@isp.example>",
        "<desk-gate-report-20481-1764554400000000@isp.example>",
        "<1@pc>\n\t<desk-gate-17-1764554400-3-restoration@isp.example> <2@pc>",
    ],
)
def test_what_a_customer_answers_goes_to_people(named: str) -> None:
    read(bare("forward"))
    for name in ("In-Reply-To", "references"):
        assert refused(answering(f"{name}: {named}")).why is Why.ANSWER


@pytest.mark.parametrize(
    "field",
    [
        "In-Reply-To: <desk-17@helpdesk.example>",
        "References: <desk-gate-17-1764554400-3-stop-request>",
        "References: desk-gate-17-1764554400-3-stop-request@isp.example",
        "References: <@isp.example> <>",
        "Subject: <desk-gate-17-1764554400-3-stop-request@isp.example>",
        "X: y\n\nIn-Reply-To: <desk-gate-17-1764554400-3-stop-request@isp.example>",
    ],
)
def test_what_answers_somebody_else_is_read(field: str) -> None:
    parsed = parse(answering(field))
    assert not isinstance(parsed, Refusal) or parsed.why is not Why.ANSWER
