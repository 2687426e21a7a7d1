"""Who did something, as the audit log names them."""

from __future__ import annotations

import pwd
from pathlib import Path

from sekisho.api.asker import Peer

_NO_LOGIN = 2**32 - 1  # (uid_t) -1: the process comes from no login of a person


def actor_name(peer: Peer) -> str:
    """Name the user of a process, and who had logged in where that was somebody else, as with sudo."""
    login_uid = _login_uid(peer.pid)
    if login_uid in (peer.uid, _NO_LOGIN):
        return _user(peer.uid)
    return f"{_user(peer.uid)} (logged in as {_user(login_uid)})"


def _login_uid(pid: int) -> int:
    """Return the uid that the kernel's audit keeps of a login through every change of user."""
    try:
        return int(Path(f"/proc/{pid}/loginuid").read_text())
    except (OSError, ValueError):
        return _NO_LOGIN


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
