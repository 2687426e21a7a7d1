"""How far a reporter's word goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.desk.trust import (
    MOST_INCIDENTS,
    UNKNOWN_PARTY,
    Party,
    Reporter,
    Standing,
    Weight,
    counted_incidents,
    first_seen,
    folded,
    is_aligned,
    is_lent,
    party_of,
    party_of_report,
    sameness,
    standing,
    stranger_rate,
    trusted_as,
    weigh,
)

NOW = datetime(2027, 4, 1, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
PROVED, CLAIMED = Party("example.net", is_authenticated=True), Party("example.net", is_authenticated=False)
NEW = first_seen(PROVED, NOW, 10)


@pytest.mark.parametrize(
    ("domain", "party"),
    [
        ("abuse.example.net", "example.net"),
        ("EXAMPLE.net.", "example.net"),
        ("a.b.example.co.jp", "example.co.jp"),
        ("co.jp", "co.jp"),
        ("example.shinjuku.tokyo.jp", "example.shinjuku.tokyo.jp"),
        ("mallory.duckdns.org", "duckdns.org"),  # lent out for nothing: one party
        ("a.例え.jp", "xn--r8jz45g.jp"),
        ("xn--r8jz45g.jp", "xn--r8jz45g.jp"),
        ("x.example.invalid", "example.invalid"),
        ("[192.0.2.1]", UNKNOWN_PARTY),
        ("192.0.2.1", UNKNOWN_PARTY),
        ("[IPv6:2001:db8::1]", UNKNOWN_PARTY),
        ("localhost", UNKNOWN_PARTY),
        ("a..example.net", UNKNOWN_PARTY),
        ("a" * 300 + ".net", UNKNOWN_PARTY),
        ("é" * 200 + ".net", UNKNOWN_PARTY),
        ("", UNKNOWN_PARTY),
    ],
)
def test_all_addresses_under_a_registered_domain_are_one_party(domain: str, party: str) -> None:
    assert party_of(domain) == party


@given(st.text(max_size=80))
def test_any_domain_has_a_party_which_is_its_own(domain: str) -> None:
    party = party_of(domain)
    assert party == UNKNOWN_PARTY or party_of(party) == party


@pytest.mark.parametrize(
    ("claimed", "proved", "party"),
    [
        ("mail.example.net", None, CLAIMED),
        ("mail.example.net", "example.net", PROVED),
        ("bank.example", "mx.example.net", PROVED),  # who is proved to report goes before who is named
        (None, "example.net", PROVED),
        (None, None, Party(UNKNOWN_PARTY, is_authenticated=False)),
        ("192.0.2.1", "192.0.2.1", Party(UNKNOWN_PARTY, is_authenticated=False)),
    ],
)
def test_whose_a_report_is_is_proved_or_claimed(
    claimed: str | None, proved: str | None, party: Party
) -> None:
    assert party_of_report(claimed, proved) == party


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        ("example.net", "mail.Example.net.", True),
        ("a.example.co.jp", "b.example.co.jp", True),
        ("example.net", "example.org", False),
        ("a.co.jp", "co.jp", False),
        ("mallory.duckdns.org", "alice.duckdns.org", False),  # lent out: not one organisation's
        ("mallory.duckdns.org", "duckdns.org", False),
        ("example.net", "net", False),
        ("", "", False),
    ],
)
def test_domains_are_aligned_where_one_organisation_has_both(one: str, other: str, is_one: bool) -> None:
    assert is_aligned(one, other) is is_one
    assert is_aligned(other, one) is is_one


@pytest.mark.parametrize(
    ("confirmed", "dismissed", "stands"),
    [
        (0, 0, Standing.NEW),
        (1, 0, Standing.TRUSTED),
        (0, 1, Standing.NEW),
        (0, 2, Standing.DOUBTED),
        (1, 2, Standing.NEW),
        (1, 4, Standing.DOUBTED),
        (5, 2, Standing.TRUSTED),
    ],
)
def test_what_came_of_reports_tells_how_a_party_stands(
    confirmed: int, dismissed: int, stands: Standing
) -> None:
    reporter = replace(NEW, confirmed=confirmed, dismissed=dismissed)
    assert standing(reporter) is stands


@given(st.integers(0, 50), st.integers(0, 50))
def test_dismissal_never_helps_and_confirmation_never_hurts(confirmed: int, dismissed: int) -> None:
    order = [Standing.DOUBTED, Standing.NEW, Standing.TRUSTED]

    def rank(more: int, less: int) -> int:
        return order.index(standing(replace(NEW, confirmed=more, dismissed=less)))

    assert rank(confirmed, dismissed + 1) <= rank(confirmed, dismissed) <= rank(confirmed + 1, dismissed)


TRUSTED, STRUCTURED = 1, 2


@pytest.mark.parametrize(
    ("reporter", "how", "weight"),
    [
        (NEW, TRUSTED | STRUCTURED, Weight.SOUND),
        (NEW, TRUSTED, Weight.WEAK),
        (NEW, STRUCTURED, Weight.WEAK),
        (replace(NEW, confirmed=1), TRUSTED, Weight.SOUND),
        (
            replace(NEW, confirmed=9),
            STRUCTURED,
            Weight.WEAK,
        ),  # else all who have an account there were believed
        (replace(NEW, dismissed=2), STRUCTURED, Weight.DOUBTED),
        (replace(NEW, dismissed=2), TRUSTED | STRUCTURED, Weight.WEAK),  # and not silenced
        (replace(NEW, party=CLAIMED), TRUSTED | STRUCTURED, Weight.CLAIMED),
        (replace(NEW, party=CLAIMED, confirmed=9), STRUCTURED, Weight.CLAIMED),
        (replace(NEW, party=CLAIMED, dismissed=2), STRUCTURED, Weight.DOUBTED),
        (replace(NEW, left=0.5), TRUSTED | STRUCTURED, Weight.TOO_MANY),
    ],
)
def test_a_report_counts_for_what_it_and_its_reporter_are_worth(
    reporter: Reporter, how: int, weight: Weight
) -> None:
    is_trusted, is_structured = bool(how & TRUSTED), bool(how & STRUCTURED)
    assert weigh(reporter, NOW, 10, is_trusted=is_trusted, is_structured=is_structured)[1] is weight


@given(
    st.lists(st.integers(-600, 3_600), max_size=200),
    st.integers(1, 20),
)
def test_no_party_counts_more_often_than_the_rate_whatever_the_clock(gaps: list[int], rate: int) -> None:
    reporter, now, counted, latest = first_seen(PROVED, NOW, rate), NOW, 0, NOW
    for gap in gaps:
        now += timedelta(seconds=gap)
        latest = max(latest, now)
        reporter, weight = weigh(reporter, now, rate, is_trusted=True, is_structured=True)
        counted += weight is Weight.SOUND
    assert counted <= rate + rate * ((latest - NOW) / HOUR) + 1e-6


@pytest.mark.parametrize(
    ("author", "name"),
    [
        ("a@example.net", "example.net"),
        ("fbl@example.net", "fbl@example.net"),
        ("a@x.reports.example.net", "reports.example.net"),
        ("staff@hotmail.com", "staff@hotmail.com"),
        ("evil@hotmail.com", None),
        ("a@notexample.net", None),
        ("a@net", None),
        ("a@example.net.evil.example", None),
        ("example.net@evil.example", None),
        ("", None),
    ],
)
def test_whoever_is_named_is_trusted_with_all_beneath_and_nobody_else(author: str, name: str | None) -> None:
    named = {"example.net", "reports.example.net", "fbl@example.net", "staff@hotmail.com"}
    assert trusted_as(author, named) == name
    assert trusted_as(author, ()) is None


def test_of_strangers_a_tenth_counts_and_one_at_least() -> None:
    assert [stranger_rate(rate) for rate in (100, 19, 1)] == [10, 1, 1]


@pytest.mark.parametrize(
    ("domain", "lent"),
    [("com", True), ("co.jp", True), ("duckdns.org", True), ("example.co.jp", False), ("spamcop.net", False)],
)
def test_beneath_what_is_lent_anybody_can_have_a_name(domain: str, lent: bool) -> None:
    assert is_lent(domain) is lent


def test_the_same_counts_once_and_what_differs_twice() -> None:
    one = key(PROVED, "<m@x>", "r1")
    in_tokyo = NOW.astimezone(timezone(timedelta(hours=9))) + timedelta(minutes=29)
    assert key(PROVED, "<m@x>", "r2", at=in_tokyo) == one  # a report's id is made anew at will
    others = {
        key(CLAIMED, "<m@x>", "r1"),  # or what is forged would stand in for what is true
        key(Party("b.net", is_authenticated=True), "<m@x>", "r1"),
        key(PROVED, "<m@x>", "r1", line=18),
        key(PROVED, "<m@x>", "r1", at=NOW + HOUR),
        key(PROVED, "<n@x>", "r1"),
        key(PROVED, None, "r1"),
        key(PROVED, None, "<m@x>"),
        key(PROVED, None, None),
    }
    assert len(others | {one}) == 9
    assert key(PROVED, "", "") == key(PROVED, None, None)


def key(
    party: Party, message_id: str | None, report_id: str | None, *, line: int = 17, at: datetime = NOW
) -> bytes:
    return folded(sameness(party, message_id, report_id), line, at)


def test_a_report_claims_incidents_within_bounds() -> None:
    assert [counted_incidents(claimed) for claimed in (-5, 0, 1, 7, 10**12)] == [1, 1, 1, 7, MOST_INCIDENTS]
