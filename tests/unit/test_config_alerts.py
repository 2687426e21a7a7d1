"""[alerts]: who is told, and what is wrong with what is written there."""

from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.config import parse
from sekisho.config.alerts import MailServer
from sekisho.daemon.reading import read_whole
from tests.unit.configuring import good
from tests.unit.keeping import TEXT
from tests.unit.post_office import SECRET

WEBHOOK = '[alerts.webhook]\nurl = "https://hooks.example.net/a?b=c"\nsecret_file = "secret"\n'
MAIL = '[alerts.mail]\nserver = "mail.example.net"\nfrom = "sekisho@example.net"\nto = ["noc@example.net"]\n'


def test_what_is_written_is_read_and_nothing_is_needed() -> None:
    assert good(TEXT).alerts is None
    alerts = good(TEXT + WEBHOOK + MAIL).alerts
    assert alerts is not None
    assert alerts.webhook is not None
    assert alerts.mail is not None
    assert (alerts.webhook.url, alerts.webhook.secret_file) == ("https://hooks.example.net/a?b=c", "secret")
    assert (alerts.mail.server, alerts.mail.to) == (MailServer("mail.example.net", 25), ("noc@example.net",))
    one = good(TEXT + MAIL.replace("mail.example.net", "[2001:db8::25]:587")).alerts
    assert one is not None
    assert one.mail is not None
    assert one.mail.server == MailServer("2001:db8::25", 587)


WRONG = [
    ("[alerts]\nemail = 3\n", "alerts.email", 'did you mean "mail"?'),
    ("alerts = 3\n", "alerts", "[alerts.webhook] or [alerts.mail]"),
    ("[alerts.webhook]\nsecret_file = 'a'\n", "alerts.webhook.url", "add a line such as: url"),
    ("[alerts.mail]\n", "alerts.mail.to", "add a line such as: to"),
    (MAIL.replace('["noc@example.net"]', "[]"), "alerts.mail.to", "nobody is told"),
    (MAIL.replace('["noc', '["noc@example.net", "noc'), "alerts.mail.to[1]", "named twice"),
    (MAIL.replace('"noc@example.net"', '"NOC <noc@example.net>"'), "alerts.mail.to[0]", "no mail address"),
    (MAIL.replace('"sekisho@', '"sekisho\\n@'), "alerts.mail.from", "no mail address"),
    (MAIL.replace('"mail.example.net"', '"mail.example.net:0"'), "alerts.mail.server", "no mail server"),
    (WEBHOOK.replace("https:", "gopher:"), "alerts.webhook.url", "no url of a webhook"),
    (WEBHOOK.replace("https://hooks", "https://[hooks"), "alerts.webhook.url", "no url"),
    (WEBHOOK.replace("https://", "https://a:secret@"), "alerts.webhook.url", "a password stands in it"),
]


@pytest.mark.parametrize(("text", "key", "words"), WRONG)
def test_what_is_wrong_is_told_with_the_way_out(text: str, key: str, words: str) -> None:
    whole = text + TEXT if text.startswith("alerts") else TEXT + text
    checked = parse(whole.encode())
    assert checked.config is None
    found = [one for one in checked.problems if one.key == key]
    assert any(words in f"{one.what}: {one.way_out}" for one in found), checked.problems


def test_a_webhook_in_the_clear_is_warned_of_unless_it_is_here() -> None:
    there = parse((TEXT + WEBHOOK.replace("https:", "http:")).encode())
    assert there.config is not None
    assert [one.key for one in there.problems] == ["alerts.webhook.url"]
    here = parse((TEXT + WEBHOOK.replace("https://hooks.example.net", "http://127.0.0.1:8080")).encode())
    assert here.problems == ()


@pytest.mark.parametrize(
    ("secret", "words"),
    [(SECRET, None), ("x", "whsec_"), (None, "cannot be read"), ("whsec_AAAA", "openssl")],
)
def test_the_secret_is_read_with_the_configuration(
    tmp_path: Path, secret: str | None, words: str | None
) -> None:
    file = tmp_path / "sekisho.toml"
    file.write_text(TEXT + WEBHOOK)
    if secret is not None:
        (tmp_path / "secret").write_text(secret)
        (tmp_path / "secret").chmod(0o600)
    problems = [one for one in read_whole(file).problems if one.key.startswith("alerts")]
    assert bool(problems) == (words is not None)
    assert words is None or words in f"{problems[0].what}: {problems[0].way_out}"
