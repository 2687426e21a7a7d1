"""Letters: how they are signed, and when they are tried again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.outbox import (
    FIRST_WAIT,
    LONGEST_WAIT,
    Kind,
    Letter,
    mail,
    read_webhook_secret,
    signed,
    wait_after,
    webhook,
)
from tests.unit.post_office import SECRET

NOW = datetime(2026, 4, 1, tzinfo=UTC)


def test_a_webhook_is_signed_as_the_example_of_the_standard() -> None:
    """The example is that of the libraries of www.standardwebhooks.com."""
    letter = Letter("msg_p5jXN8AQM9LWM0D4loKWxJek", Kind.WEBHOOK, '{"test": 2432232314}', NOW)
    at = datetime.fromtimestamp(1614265330, UTC)
    assert signed(letter, read_webhook_secret(SECRET.encode()), at) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"secret", "begins with"),
        (b"whsec_*", "no base64"),
        (b"whsec_c2hvcnQ=", "5 bytes"),
        (b"whsec_" + b"A" * 100, "75 bytes"),
    ],
)
def test_another_secret_is_refused(text: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        read_webhook_secret(text)
    assert "c2hvcnQ" not in str(refused.value)


@given(st.integers(1, 10_000))
def test_each_wait_is_longer_up_to_the_longest(attempts: int) -> None:
    assert FIRST_WAIT <= wait_after(attempts) <= wait_after(attempts + 1) <= LONGEST_WAIT
    if wait_after(attempts + 1) < LONGEST_WAIT:
        assert wait_after(attempts + 1) == 2 * wait_after(attempts)


def test_a_server_that_is_away_for_a_day_is_tried_to_its_end() -> None:
    waited, tries = timedelta(), 0
    while waited < timedelta(days=1):
        tries += 1
        waited += wait_after(tries)
    assert 90 < tries < 120


@given(st.text(), st.text())
def test_what_is_written_is_read(subject: str, text: str) -> None:
    letter = mail("one", "noc@example.net", subject, text, NOW)
    assert json.loads(letter.payload) == {"to": "noc@example.net", "subject": subject, "text": text}
    assert json.loads(webhook("one", {"said": text}, NOW).payload) == {"said": text}
