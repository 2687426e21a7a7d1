from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.durations import format_ms, parse_ms


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("0s", 0),
        ("500ms", 500),
        ("1s", 1_000),
        ("1.5s", 1_500),
        ("0.001s", 1),
        ("15m", 900_000),
        ("2h", 7_200_000),
    ],
)
def test_a_duration_is_read(text: str, milliseconds: int) -> None:
    assert parse_ms(text) == milliseconds


@pytest.mark.parametrize(
    "text", ["", "5", "s", "-1s", "1 s", "1w", "1s ", "1.s", ".5s", "1e3s", "１s", "1s500ms"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_ms(text)


def test_nothing_is_finer_than_a_millisecond() -> None:
    with pytest.raises(ValueError, match="finer than a millisecond"):
        parse_ms("0.5ms")


@given(st.integers(0, 10**10))
def test_what_is_written_reads_the_same(milliseconds: int) -> None:
    assert parse_ms(format_ms(milliseconds)) == milliseconds


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert parse_ms(text) >= 0
