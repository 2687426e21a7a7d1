"""What the audit log has of requests about the trial that come to nothing, and none of their words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from sekisho.api import client
from tests.unit.fake_daemon import FakeOffice, running
from tests.unit.keeping import TEXT
from tests.unit.kept_lines import raw
from tests.unit.trial_site import Site, site_on

WORDS = "Mr Yamada of 192.0.2.7"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    with site_on(tmp_path, 3) as made, capture_logs():
        made.start()
        with running(FakeOffice(), trial=made.office):
            yield made


def recorded(site: Site) -> list[tuple[str, ...]]:
    with site.store.reading() as transaction:
        entries = [one.entry for one in transaction.records()]
    return [(one.action, one.subject, one.purpose, one.reference, one.outcome) for one in entries]


@pytest.mark.parametrize("act", ["suspend", "resume"])
@pytest.mark.parametrize(
    ("body", "kinds"),
    [
        ({}, "missing"),
        ({"reason": WORDS * 20}, "string_too_long"),
        ({"reason": f"{WORDS}\n"}, None),  # is read without the end of its line
        ({"reason": WORDS, WORDS: WORDS}, "extra_forbidden"),
        ({"reason": [WORDS], WORDS: 1}, "extra_forbidden, string_type"),
    ],
)
def test_a_body_that_cannot_be_read_is_recorded_as_refused(
    site: Site, act: str, body: object, kinds: str | None
) -> None:
    answer = raw("POST", f"/v1/trial/{act}", json=body)
    found = recorded(site)[-1]
    if kinds is None:
        assert (answer.status_code, found[3]) == (200 if act == "suspend" else 409, WORDS)
        return
    assert answer.status_code == 422
    assert found == (f"trial {act}", "spring", "", "", f"refused: the request cannot be read: {kinds}")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=200))
@example(b"\xff")
@example(json.dumps({"reason": f"{WORDS}\0"}).encode())
def test_nothing_that_is_sent_gets_by_unrecorded_or_into_the_log(site: Site, content: bytes) -> None:
    before = len(recorded(site))
    answer = raw("POST", "/v1/trial/resume", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    found = recorded(site)
    assert len(found) == before + 1
    action, subject, *_, outcome = found[-1]
    assert (action, subject, outcome.split(":")[0]) == ("trial resume", "spring", "refused")
    assert WORDS not in " ".join(found[-1])


def test_with_the_store_away_it_is_told_all_the_same(site: Site) -> None:
    site.store.is_away = True
    assert raw("POST", "/v1/trial/suspend", json={}).status_code == 422


def test_what_is_wanted_of_a_trial_that_is_not_there_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    with site_on(tmp_path, 3) as site, capture_logs():
        site.start(TEXT)
        with running(FakeOffice(), trial=site.office):
            for act, body in (
                ("suspend", {"reason": WORDS}),
                ("resume", {"reason": WORDS}),
                ("register", None),
            ):
                assert raw("POST", f"/v1/trial/{act}", json=body).status_code == 409
        assert [one[0] for one in recorded(site)] == ["trial suspend", "trial resume", "trial register"]
        assert all(
            one[4].startswith("refused: the configuration in force has no [trial]") for one in recorded(site)
        )
