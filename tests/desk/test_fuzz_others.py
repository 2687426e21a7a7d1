"""Damaged reports of the other forms: no crash, no hang; `make fuzz` goes on for longer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sekisho.desk import parse as parsing
from sekisho.desk.limits import Limits
from sekisho.desk.parse import parse
from sekisho.desk.report import Parsed, Report
from tests.desk.fuzz import FoundError, check, fuzz, mutant

_SECONDS, _SEED = 7.5, 1


@pytest.mark.parametrize("form", ["xarf", "spamcop", "forward", "mailbox"])
def test_a_damaged_report_is_read_or_refused(form: str) -> None:
    assert fuzz(form, _SECONDS, _SEED).cases > 0


def test_a_parser_that_fails_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(data: bytes, limits: Limits = parsing.LIMITS) -> Parsed:
        assert b"\xff" not in data
        return parse(data, limits)

    monkeypatch.setattr("tests.desk.fuzz.parse", careless)
    with pytest.raises(FoundError, match="case 1/arf/"):
        fuzz("arf", 60, 1)


def test_what_cannot_be_stored_is_found() -> None:
    report = parse(b"From: a@b.example\n\nReceived: from x ([192.0.2.1]) by y; x\n")
    assert isinstance(report, Report)
    check(report)
    with pytest.raises(FoundError, match="text"):
        check(replace(report, report_id="\x00"))


def test_a_mutant_is_made_again_from_its_name() -> None:
    assert mutant([b"a\nb", b"c"], "1/x/2") == mutant([b"a\nb", b"c"], "1/x/2")
