"""What others wrote is shown on a terminal: nothing that is not seen gets there."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.desk.words import clean


@pytest.mark.parametrize(
    "unseen",
    [
        *("\x1b", "\x9b", "\r\n", "\u2028", "\u202e", "\u2067"),
        *("\u200b", "\u200f", "\u061c", "\u2060", "\ufeff", "\u00ad", "\U000e0041", "\ue000", "\ud800"),
    ],
)
def test_what_is_not_seen_becomes_a_space(unseen: str) -> None:
    assert clean(f"bank{unseen}{unseen}.example") == "bank .example"


@given(st.text(st.characters(codec=None)))
def test_only_what_is_seen_stays(text: str) -> None:
    assert all(unicodedata.category(one)[0] not in "CZ" or one == " " for one in clean(text))


@given(st.text(st.characters(categories=["L", "N", "P", "S", "M"]), min_size=1, max_size=255))
def test_what_is_seen_stays_as_it_is(text: str) -> None:
    assert clean(text) == text
