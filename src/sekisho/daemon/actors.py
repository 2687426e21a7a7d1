"""Who did something, as the audit log names them."""

from __future__ import annotations

import pwd
from pathlib import Path

from sekisho.api.asker import Peer

_ROOT = 0
_NO_LOGIN = 2**32 - 1  # (uid_t) -1: the process comes from no login of a person


def actor_name(peer: Peer) -> str:
    """Name the user of a process, and who had logged in where that was somebody else, as with sudo."""
    login_uid = login_uid_of(peer)
    if login_uid in (peer.uid, _NO_LOGIN):
        return _user(peer.uid)
    return f"{_user(peer.uid)} (logged in as {_user(login_uid)})"


def person_uid(peer: Peer) -> int | None:
    """Return the uid of the person who asks, whatever user that person is now, if that can be told.

    It is that of the login alone: one person may ask as any user, with a login and (by cron) without.
    None: nobody has logged in, or as root, under whose uid many may.
    """
    login_uid = login_uid_of(peer)
    return None if login_uid in (_ROOT, _NO_LOGIN) else login_uid


def login_uid_of(peer: Peer) -> int:
    """Return the uid that the kernel's audit keeps of a login through every change of user."""
    try:
        return int(Path(f"/proc/{peer.pid}/loginuid").read_text())
    except (OSError, ValueError):
        return _NO_LOGIN


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
