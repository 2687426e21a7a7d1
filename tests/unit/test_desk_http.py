"""Reporters' reports over HTTP: of whoever has a token, durable before they are acknowledged."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from sekisho.config import Config
from sekisho.daemon.desk_doors import Inbox
from sekisho.daemon.desk_http import http_open
from sekisho.daemon.desk_tokens import read_tokens
from sekisho.desk.parse import LIMITS
from sekisho.gate import GateError
from sekisho.lines.radius_secrets import SecretError
from tests.unit.configuring import good
from tests.unit.test_config_desk import WHOLE

TOKEN, OTHER = "a" * 32, "b" * 32
REPORT = b'{"xarf_version": "4.2.0"}'
PATH = "/v1/desk/reports"


class Taker(Inbox):
    """Keeps what it takes, while it is willing."""

    def __init__(self) -> None:
        self.is_willing = True
        self.taken: list[tuple[bytes, str | None]] = []

    def take(self, batch: Sequence[bytes], vouched: str | None = None) -> bool:
        self.taken += [(one, vouched) for one in batch if self.is_willing]
        return self.is_willing


def config(port: int) -> Config:
    intake = f'[desk.intake]\nhttp = "127.0.0.1:{port}"\ntokens_file = "reporters"\n'
    return good(f'{WHOLE}{intake}recipients = ["abuse@example.net"]\n')


def write(directory: Path, *lines: str) -> Path:
    file = directory / "reporters"
    file.write_text("\n".join(lines) + "\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def open_door(directory: Path, inbox: Taker, port: int) -> Iterator[httpx.Client]:
    now = config(port)
    with (
        http_open(now, inbox, lambda: now, directory) as door,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=bearer(TOKEN)) as client,
    ):
        assert door is not None
        door.check()
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_report_is_taken_as_of_whoever_has_the_token(tmp_path: Path, free_port: int) -> None:
    write(tmp_path, f"fbl.example.org {TOKEN}", f"example.com {OTHER}")
    inbox = Taker()
    with open_door(tmp_path, inbox, free_port) as client:
        assert client.post(PATH, content=REPORT).status_code == 202
        assert client.post(PATH, content=b"From: a", headers=bearer(OTHER)).status_code == 202
        assert inbox.taken == [(REPORT, "example.org"), (b"From: a", "example.com")]
        write(tmp_path, f"example.com {OTHER}")
        assert client.post(PATH, content=REPORT).status_code == 401, "a token is taken back at once"
    assert len(inbox.taken) == 2


def test_what_is_not_taken_says_why(tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, f"example.org {TOKEN}")
    inbox = Taker()
    with open_door(tmp_path, inbox, free_port) as client:
        for sent in ("", f"Basic {TOKEN}", "Bearer", "Bearer " + "é" * 40):
            headers = {b"Authorization": sent.encode()}
            stranger = client.post(PATH, content=REPORT, headers=headers)
            assert (stranger.status_code, stranger.headers["www-authenticate"]) == (401, "Bearer")
        assert client.post(PATH).status_code == 422
        large = client.post(PATH, content=bytes(LIMITS.message_bytes + 2))
        assert (large.status_code, large.headers["content-type"]) == (413, "application/problem+json")
        inbox.is_willing = False
        assert client.post(PATH, content=REPORT).json()["type"] == "urn:sekisho:problem:not-taken"
        for path in ("/v1/desk/cases", "/openapi.json", "/docs", "/v1/gate"):
            assert client.get(path).status_code == 404
        assert client.get(PATH).status_code == 405
        monkeypatch.setattr("sekisho.receiving.MOST_A_SECOND", 0)
        assert client.post(PATH, content=REPORT).status_code == 429
    assert inbox.taken == []


def test_a_port_that_another_has_is_told(tmp_path: Path, free_port: int) -> None:
    write(tmp_path, f"example.org {TOKEN}")
    with (
        open_door(tmp_path, Taker(), free_port),
        pytest.raises(GateError, match=r"Address already in use: name another place in \[desk.intake\]"),
        open_door(tmp_path, Taker(), free_port),
    ):
        pass


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("example.org short", "no domain with a token of 32 characters"),
        (f"not_a_domain@ {TOKEN}", "no domain with a token"),
        (f"192.0.2.1 {TOKEN}", "no domain with a token"),
        (f"example.com {TOKEN}", "has the token of another reporter"),
    ],
)
def test_a_token_that_is_none_is_told_without_itself(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(SecretError, match=why) as raised:
        read_tokens(write(tmp_path, f"example.org {TOKEN}", line))
    assert "line 2" in raised.value.args[0]
    assert TOKEN not in repr(raised.value)
