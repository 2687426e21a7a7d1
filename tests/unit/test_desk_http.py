"""Reporters' reports over HTTP: of whoever has a token, durable before they are acknowledged."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from threading import Event, Semaphore

import httpx
import pytest
from structlog.testing import capture_logs

from sekisho.config import Config
from sekisho.config.listen import Listen
from sekisho.daemon.desk_doors import Inbox
from sekisho.daemon.desk_http import HttpDoor, http_open
from sekisho.daemon.desk_http_patience import PATIENCE
from sekisho.daemon.desk_tokens import digest_of, read_tokens
from sekisho.desk.parse import LIMITS
from sekisho.gate import GateError
from sekisho.lines.radius_secrets import SecretError
from tests.unit.configuring import good
from tests.unit.test_config_desk import WHOLE

TOKEN, OTHER, THIRD, NOBODYS = (sign * 32 for sign in "abcd")
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


def config(port: int = 0) -> Config:
    """Return a configuration with a door at a port, 0: at any that is free, as no file can say."""
    intake = '[desk.intake]\nhttp = "127.0.0.1:8025"\ntokens_file = "reporters"\n'
    read = good(f'{WHOLE}{intake}recipients = ["abuse@example.net"]\n')
    assert read.desk is not None
    assert read.desk.intake is not None
    at = Listen(ip_address("127.0.0.1"), port)
    changed = read.desk.intake.model_copy(update={"http": at})
    return read.model_copy(update={"desk": read.desk.model_copy(update={"intake": changed})})


def write(directory: Path, *lines: str) -> Path:
    file = directory / "reporters"
    file.write_text("\n".join(lines) + "\n")
    file.chmod(0o600)
    return file


@contextmanager
def open_door(directory: Path, inbox: Taker) -> Iterator[httpx.Client]:
    now = config()
    with http_open(now, inbox, lambda: now, directory) as door:
        assert door is not None
        door.check()
        with httpx.Client(base_url=f"http://127.0.0.1:{door.port}", headers=bearer(TOKEN)) as client:
            yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_report_is_taken_as_of_whoever_has_the_token(tmp_path: Path) -> None:
    write(tmp_path, f"fbl.example.org {TOKEN}", f"example.com {OTHER}")
    inbox = Taker()
    with open_door(tmp_path, inbox) as client:
        assert client.post(PATH, content=REPORT).status_code == 202
        assert client.post(PATH, content=b"From: a", headers=bearer(OTHER)).status_code == 202
        assert inbox.taken == [(REPORT, "example.org"), (b"From: a", "example.com")]
        write(tmp_path, f"example.com {OTHER}")
        assert client.post(PATH, content=REPORT).status_code == 401, "a token is taken back at once"
    assert len(inbox.taken) == 2


def test_what_is_not_taken_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, f"example.org {TOKEN}")
    inbox = Taker()
    with open_door(tmp_path, inbox) as client:
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


def test_without_a_token_no_file_is_read_and_one_that_cannot_be_is_told_once(tmp_path: Path) -> None:
    with open_door(tmp_path, Taker()) as client, capture_logs() as logs:
        assert client.post(PATH, content=REPORT, headers={"Authorization": "Bearer"}).status_code == 401
        assert logs == []
        assert [client.post(PATH, content=REPORT).status_code for _ in range(3)] == [401] * 3
        write(tmp_path, f"example.org {TOKEN}")
        assert client.post(PATH, content=REPORT).status_code == 202
    lost, found = logs
    assert (lost["log_level"], found["log_level"]) == ("error", "info")
    assert "reporters cannot be read (No such file or directory): write the secret" in lost["why"]


@contextmanager
def impatient(inbox: Taker, **bounds: float) -> Iterator[HttpDoor]:
    """A door that waits as long, and lets as many in, as is said; of its own port."""
    patience = replace(PATIENCE, **bounds)  # type: ignore[arg-type]
    tokens = {
        digest_of(TOKEN): "example.org",
        digest_of(OTHER): "example.com",
        digest_of(THIRD): "example.net",
    }
    door = HttpDoor(Listen(ip_address("127.0.0.1"), 0), inbox, lambda: tokens, patience)
    door.start()
    try:
        yield door
    finally:
        door.stop()


def begun(door: HttpDoor, token: str = "", length: int = 100) -> socket.socket:
    """Connect and send the header of a report, or the half of one without a token."""
    peer = socket.create_connection(("127.0.0.1", door.port), timeout=30)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n"
    peer.sendall(f"{head}Authorization: Bearer {token}\r\n\r\n".encode() if token else head.encode())
    return peer


def is_closed(peer: socket.socket) -> bool:
    """Wait until a connection is closed, or says something."""
    try:
        return peer.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("token", ["", TOKEN])
def test_whoever_is_slow_is_closed(token: str, caplog: pytest.LogCaptureFixture) -> None:
    """With a header that never ends, and with a body."""
    inbox = Taker()
    with impatient(inbox, header_seconds=0.2, request_seconds=0.2) as door, begun(door, token) as peer:
        assert is_closed(peer)
    assert inbox.taken == []
    assert caplog.records == []


def test_whoever_is_refused_does_not_stay_by_what_he_still_sends() -> None:
    with impatient(Taker(), header_seconds=0.2) as door, begun(door, NOBODYS, 1 << 40) as peer:
        assert peer.recv(12) == b"HTTP/1.1 401"
        with suppress(ConnectionError):
            while peer.send(b"x"):
                pass
        door.check()


def test_whoever_sends_nothing_keeps_nobody_out() -> None:
    inbox = Taker()
    with impatient(inbox, connections=3) as door, ExitStack() as stack:
        silent = [stack.enter_context(begun(door)) for _ in range(5)]
        assert [is_closed(one) for one in silent[:2]] == [True, True], "the oldest first"
        whole = stack.enter_context(begun(door, TOKEN, len(REPORT)))
        assert is_closed(silent[2])
        more = [stack.enter_context(begun(door)) for _ in range(3)]
        assert all(is_closed(one) for one in (*silent[3:], more[0]))
        whole.sendall(REPORT)
        assert whole.recv(12) == b"HTTP/1.1 202"
    assert [one for one, _ in inbox.taken] == [REPORT]


class Busy(Taker):
    """Takes when it may go on, and says when it begins."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.may_go_on = Semaphore(0), Event()

    def take(self, batch: Sequence[bytes], vouched: str | None = None) -> bool:
        self.begun.release()
        assert self.may_go_on.wait(60)
        return super().take(batch, vouched)


def test_whoever_comes_when_all_places_are_taken_is_told_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sekisho.daemon.desk_http.MOST_SESSIONS", 2)  # of which one reporter has one
    inbox = Busy()
    with impatient(inbox) as door, httpx.Client(base_url=f"http://127.0.0.1:{door.port}") as client:

        def post(token: str) -> httpx.Response:
            return client.post(PATH, content=REPORT, headers=bearer(token))

        with ExitStack() as stack:
            stack.callback(inbox.may_go_on.set)
            under_way = []
            for token in (TOKEN, OTHER):
                under_way.append(stack.enter_context(begun(door, token, len(REPORT))))
                under_way[-1].sendall(REPORT)
                assert inbox.begun.acquire(timeout=60)
                busy = post(token)
                assert (busy.status_code, busy.json()["type"]) == (503, "urn:sekisho:problem:busy")
                assert busy.headers["content-type"] == "application/problem+json"
            assert post(THIRD).status_code == 503
            inbox.may_go_on.set()
            assert [one.recv(12) for one in under_way] == [b"HTTP/1.1 202"] * 2
        assert [post(token).status_code for token in (TOKEN, OTHER)] == [202, 202]


def test_a_port_that_another_has_is_told(tmp_path: Path) -> None:
    write(tmp_path, f"example.org {TOKEN}")
    with socket.create_server(("127.0.0.1", 0)) as other:
        now = config(other.getsockname()[1])
        told = r"Address already in use: name another place in \[desk.intake\]"
        with pytest.raises(GateError, match=told), http_open(now, Taker(), lambda: now, tmp_path):
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
