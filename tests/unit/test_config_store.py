"""[store] in the configuration."""

from __future__ import annotations

import pytest

from tests.unit.configuring import BASE, good, problems

DAY_MS = 86_400_000


def test_without_store_and_sources_no_lines_are_kept() -> None:
    assert not good(BASE).keeps_lines


def test_a_store_is_there_when_asked_for_or_needed_by_a_source() -> None:
    assert good(BASE + "[store]\n").keeps_lines
    assert good(BASE + '[lines]\nfile = "lines.csv"\n').keeps_lines


def test_a_trial_needs_a_store_and_no_source() -> None:
    trial = (
        '[trial]\nname = "spring"\nfrom = 2027-04-01\nto = 2027-04-30\nzone = "UTC"\nclasses = ["dynamic"]\n'
    )
    assert good(BASE + trial).keeps_lines


def test_all_has_defaults() -> None:
    store = good(BASE + "[store]\n").store
    assert store is not None
    assert (store.url, store.leases_ms, store.audit_ms, store.skew_ms) == (
        None,
        183 * DAY_MS,
        1_095 * DAY_MS,
        5_000,
    )


@pytest.mark.parametrize(
    "url",
    ["sqlite:////var/lib/sekisho/x.db", "postgresql://a@b/c", "postgresql+psycopg:///c?passfile=/etc/pgpass"],
)
def test_urls_of_both_kinds_are_read(url: str) -> None:
    store = good(BASE + f'[store]\nurl = "{url}"\n').store
    assert store is not None
    assert store.url == url


@pytest.mark.parametrize(
    ("text", "key", "what"),
    [
        ('url = "postgresql://a:secret@b/c"', "store.url", "a password stands in it"),
        ('url = "sqlite:///here.db"', "store.url", "is no url of a store"),
        ('url = "mysql://b/c"', "store.url", "is no url of a store"),
        ('leases = "12h"', "store.leases", "12h"),
        ('skew = "2h"', "store.skew", "2h"),
        ("keep = 1", "store.keep", "unknown"),
    ],
)
def test_what_cannot_be_is_refused(text: str, key: str, what: str) -> None:
    told = problems(f"{BASE}[store]\n{text}\n")
    assert any(one.key == key and what in one.what for one in told), told
    assert "secret" not in str(told)
