"""Damaged reports that come as mail: no crash, no hang; `make fuzz` goes on for longer."""

from __future__ import annotations

import pytest

from tests.desk.fuzz import fuzz

_SECONDS, _SEED = 7.5, 1


@pytest.mark.parametrize("form", ["arf", "anonymised", "x-arf", "hotmail"])
def test_a_damaged_report_is_read_or_refused(form: str) -> None:
    assert fuzz(form, _SECONDS, _SEED).cases > 0
