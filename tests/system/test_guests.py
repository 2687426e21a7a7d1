"""Another user than root on the daemon's socket: the user of a DHCP server may tell of leases, no more."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from structlog.testing import capture_logs

from sekisho.api import client
from sekisho.api.client import socket_path
from sekisho.daemon import server
from tests.unit.fake_daemon import FakeOffice, running

GUEST = pwd.getpwnam("nobody")
STRANGER = pwd.getpwnam("daemon")
COULD_NOT_CONNECT = 7  # exit status of curl
NO_ANSWER = (COULD_NOT_CONNECT, 52, 55, 56)  # by how far curl has come when the daemon hangs up


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory of sockets that other users may enter, as /run/sekisho."""
    with TemporaryDirectory(prefix="sekisho-guests-") as directory:
        Path(directory).chmod(0o755)
        monkeypatch.setattr(client, "SOCKETS", Path(directory))
        yield Path(directory)


def ask(who: pwd.struct_passwd, method: str, target: str, *more: str) -> int:
    """Ask as another user, word for word; return the status of the answer, or curl's where there is none."""
    asked = subprocess.run(
        [
            *("curl", "--silent", "--unix-socket", str(socket_path("gate")), "--path-as-is"),
            *("--request", method, "--json", "[]", "--output", "/dev/null", "--write-out", "%{http_code}"),
            *more,
            f"http://localhost{target}",
        ],
        user=who.pw_uid,
        group=who.pw_gid,
        extra_groups=[],
        cwd="/",
        capture_output=True,
    )
    return asked.returncode or int(asked.stdout)


@pytest.mark.usefixtures("sockets")
def test_a_guest_may_tell_of_leases_and_ask_nothing() -> None:
    with running(FakeOffice(), guest=GUEST):
        assert ask(GUEST, "POST", "/v1/leases/events") == 409  # there is no store
        for method, target in (
            ("GET", "/v1/gate"),
            ("POST", "/v1/gate/down"),
            ("POST", "/v1/lines/holder"),
            ("GET", "/v1/leases/events"),
            ("POST", "/v1/leases/events/../../gate/down"),
            ("GET", "/openapi.json"),
        ):
            assert ask(GUEST, method, target) == 403
        assert ask(pwd.getpwuid(0), "GET", "/v1/gate") == 200


@pytest.mark.usefixtures("sockets")
def test_nobody_else_may_connect() -> None:
    with running(FakeOffice(), guest=GUEST):
        assert ask(STRANGER, "POST", "/v1/leases/events") == COULD_NOT_CONNECT
    with running(FakeOffice()):
        assert ask(GUEST, "POST", "/v1/leases/events") == COULD_NOT_CONNECT


def test_whoever_gets_past_the_file_s_rights_is_refused_by_name(sockets: Path) -> None:
    with capture_logs() as logged, running(FakeOffice()):
        (sockets / "gate.sock").chmod(0o666)
        assert ask(STRANGER, "GET", "/v1/gate") in NO_ANSWER
    assert [(entry["event"], entry["by_uid"]) for entry in logged] == [
        ("connection refused", STRANGER.pw_uid)
    ]


@pytest.mark.usefixtures("sockets")
def test_a_guest_is_kept_to_few_and_short_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_GUEST_BYTES", 1)
    with running(FakeOffice(), guest=GUEST):
        assert ask(GUEST, "POST", "/v1/leases/events") == 413
        assert ask(GUEST, "POST", "/v1/leases/events", "--header", "Transfer-Encoding: chunked") == 413
        assert ask(pwd.getpwuid(0), "POST", "/v1/leases/events") == 409
    monkeypatch.setattr(server, "_GUEST_CONNECTIONS", 0)
    with running(FakeOffice(), guest=GUEST):
        assert ask(GUEST, "POST", "/v1/leases/events") in NO_ANSWER
        assert ask(pwd.getpwuid(0), "GET", "/v1/gate") == 200


@pytest.mark.usefixtures("sockets")
def test_a_guest_who_says_nothing_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_GUEST_SECONDS", 0.1)
    silent = "alarm 30; $s = IO::Socket::UNIX->new($ARGV[0]) or exit 1; sysread($s, $answer, 1)"
    with running(FakeOffice(), guest=GUEST):
        subprocess.run(
            ["perl", "-MIO::Socket::UNIX", "-e", silent, str(socket_path("gate"))],
            user=GUEST.pw_uid,
            group=GUEST.pw_gid,
            extra_groups=[],
            cwd="/",
            check=True,
        )


@pytest.mark.usefixtures("sockets")
def test_a_socket_that_may_not_be_given_away_is_told_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    group = grp.getgrgid(GUEST.pw_gid).gr_name
    with capture_logs() as logged, running(FakeOffice(), guest=GUEST):
        assert ask(GUEST, "POST", "/v1/leases/events") == COULD_NOT_CONNECT
    assert (logged[0]["group"], f"SupplementaryGroups={group}" in logged[0]["way_out"]) == (group, True)
