"""How the audit log names who asked."""

from __future__ import annotations

import os
import pwd

import pytest

from sekisho.api.asker import Peer
from sekisho.daemon import actors
from sekisho.daemon.actors import actor_name, login_uid_of, person_uid
from tests.unit.logins import NO_LOGIN, logged_in

ROOT = pwd.getpwuid(0).pw_name
NOBODY = pwd.getpwnam("nobody").pw_uid
NO_USER = 4_000_000_123


@pytest.mark.parametrize(
    ("login_uid", "name"),
    [
        (0, ROOT),
        (NO_LOGIN, ROOT),
        (NOBODY, f"{ROOT} (logged in as nobody)"),
        (NO_USER, f"{ROOT} (logged in as uid {NO_USER})"),
    ],
)
def test_who_had_logged_in_is_named_behind_the_user(
    monkeypatch: pytest.MonkeyPatch, login_uid: int, name: str
) -> None:
    monkeypatch.setattr(actors, "login_uid_of", lambda _: login_uid)
    assert actor_name(Peer(0, 1)) == name


@pytest.mark.parametrize(("login_uid", "person"), [(0, None), (NO_LOGIN, None), (NOBODY, NOBODY)])
@pytest.mark.parametrize("uid", [0, NOBODY, NO_USER])
def test_a_person_is_who_has_logged_in_whatever_user_that_is_now(
    monkeypatch: pytest.MonkeyPatch, uid: int, login_uid: int, person: int | None
) -> None:
    monkeypatch.setattr(actors, "login_uid_of", lambda _: login_uid)
    assert person_uid(Peer(uid, 1)) == person


def test_a_login_is_what_the_kernel_says_of_the_process() -> None:
    with logged_in(NOBODY, "sys.stdin.read()") as process:
        assert process.stdout is not None
        assert process.stdin is not None
        told = process.stdout.readline().strip()
        assert login_uid_of(Peer(0, process.pid)) == (int(told) if told else NO_LOGIN)
        process.stdin.close()


def test_a_process_of_this_machine_is_named_by_its_user() -> None:
    assert actor_name(Peer(os.geteuid(), os.getpid())).startswith(pwd.getpwuid(os.geteuid()).pw_name)


def test_a_process_that_is_gone_is_named_by_the_user_that_it_had() -> None:
    assert actor_name(Peer(0, 2**22 + 1)) == ROOT  # beyond the largest number that a process can have
    assert actor_name(Peer(NO_USER, 2**22 + 1)) == f"uid {NO_USER}"
