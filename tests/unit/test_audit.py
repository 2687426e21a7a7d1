"""The audit log's chain: whatever is changed is found."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sekisho.audit import Entry, Record, follow, forgetting, may_forget, verify

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def entry(number: int) -> Entry:
    moment = NOON + timedelta(seconds=number)
    return Entry(moment, 0, "root", "line holder", f"line {number}", "case", "7", "done")


def log(count: int = 5, after: Record | None = None) -> list[Record]:
    records: list[Record] = []
    for number in range(count):
        records.append(follow(records[-1] if records else after, entry(number)))
    return records


def test_a_log_as_it_was_written_is_sound() -> None:
    records = log()
    verdict = verify(records)
    assert (verdict.sound, verdict.records, verdict.first_broken) == (True, 5, None)
    assert verdict.head == records[-1].hash
    assert [record.number for record in records] == [1, 2, 3, 4, 5]


def test_an_empty_log_is_sound() -> None:
    assert verify([]).sound
    assert not verify([], head=bytes(32)).sound


def test_a_moment_is_the_same_in_any_zone() -> None:
    tokyo = replace(entry(1), at=entry(1).at.astimezone(timezone(timedelta(hours=9))))
    assert follow(None, tokyo).hash == follow(None, entry(1)).hash


TEXTS = ("user", "action", "subject", "purpose", "reference", "outcome")


@given(st.integers(0, 4), st.sampled_from(TEXTS), st.text())
def test_a_changed_text_is_found(index: int, name: str, text: str) -> None:
    records = log()
    values = {**asdict(records[index].entry), name: text}
    assume(values != asdict(records[index].entry))
    records[index] = replace(records[index], entry=Entry(**values))
    verdict = verify(records)
    assert not verdict.sound
    assert verdict.first_broken == index + 1


@pytest.mark.parametrize(
    ("name", "forged"),
    [
        ("at", replace(entry(2), at=NOON)),
        ("uid", replace(entry(2), uid=1)),
        ("shifted", replace(entry(2), purpose="", reference="case7")),
    ],
)
def test_whatever_else_is_changed_is_found(name: str, forged: Entry) -> None:
    records = log()
    records[2] = replace(records[2], entry=forged)
    assert verify(records).first_broken == 3, name


@pytest.mark.parametrize("index", range(4))
def test_a_record_that_is_taken_out_is_found(index: int) -> None:
    records = log()
    del records[index]
    assert not verify(records).sound


def test_records_that_are_exchanged_are_found() -> None:
    records = log()
    records[1], records[2] = records[2], records[1]
    assert verify(records).first_broken == 3


def test_the_end_that_is_cut_off_is_found_by_whoever_has_kept_the_head() -> None:
    records = log()
    assert verify(records[:3]).sound
    verdict = verify(records[:3], head=records[-1].hash)
    assert (verdict.sound, verdict.first_broken, verdict.head_found) == (False, None, False)
    assert verify(records, head=records[2].hash).sound


def test_a_log_made_anew_is_found_by_whoever_has_kept_the_head() -> None:
    records = log()
    anew: list[Record] = []
    for record in records:
        anew.append(follow(anew[-1] if anew else None, replace(record.entry, user="somebody")))
    assert verify(anew).sound
    assert not verify(anew, head=records[-1].hash).sound


def test_a_log_whose_beginning_was_forgotten_is_sound_as_long_as_it_says_so() -> None:
    records = log()
    rest = [*records, follow(records[-1], forgetting(records[2], NOON))][3:]
    verdict = verify(rest)
    assert (verdict.sound, verdict.forgotten, verdict.forgotten_at) == (True, 3, NOON)
    assert verify(records[3:]).first_broken == 4
    assert verify(rest[1:]).first_broken == 5


def test_only_the_last_word_of_what_was_forgotten_counts() -> None:
    records = log()
    for last in (0, 2):
        records.append(follow(records[-1], forgetting(records[last], NOON)))
    assert verify(records[3:]).sound
    assert verify(records[1:]).first_broken == 2
    assert verify(records).first_broken == 1


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [
        (timedelta(seconds=-1), False),
        (timedelta(), True),
        (timedelta(days=1), True),
        (timedelta(days=2), False),
    ],
)
def test_a_clock_that_may_be_wrong_forgets_nothing(ahead: timedelta, expected: bool) -> None:
    (record,) = log(1)
    assert may_forget(record, NOON + ahead) is expected


@pytest.mark.parametrize("reference", ["", "no hash", "00" * 32])
def test_a_false_word_of_what_was_forgotten_is_found(reference: str) -> None:
    records = log()
    word = replace(forgetting(records[2], NOON), reference=reference)
    rest = [*records[3:], follow(records[-1], word)]
    assert not verify(rest).sound
