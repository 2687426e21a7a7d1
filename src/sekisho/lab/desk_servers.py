"""The mail servers of the desk's laboratory, each a Postfix: the recipients', and the provider's own."""

from __future__ import annotations

import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path

from sekisho.lab import postfix
from sekisho.lab.desk_mail import Server, delivering, maildir
from sekisho.lab.laboratory import START_SECONDS, Lab
from sekisho.lab.programs import SINK_USER


@dataclass(frozen=True)
class Delivered:
    """A message in a mailbox; `at`: its arrival, in seconds since the epoch."""

    at: float
    content: bytes


@dataclass(frozen=True)
class MailServer:
    """A running Postfix; all of it lies below `directory`."""

    directory: Path

    @property
    def log(self) -> str:
        """Return what it has logged."""
        return postfix.log(self.directory / "etc")

    def delivered(self, mailbox: str) -> list[Delivered]:
        """Return what is in a mailbox, the oldest first."""
        return [one for _, one in self._found(mailbox)]

    def take(self, mailbox: str) -> list[Delivered]:
        """Take all that is there out of a mailbox."""
        found = self._found(mailbox)
        for path, _ in found:
            path.unlink()
        return [one for _, one in found]

    def _found(self, mailbox: str) -> list[tuple[Path, Delivered]]:
        new = self.directory / "mail" / maildir(mailbox) / "new"
        paths = list(new.iterdir()) if new.exists() else []
        found = [(path, Delivered(path.stat().st_mtime, path.read_bytes())) for path in paths]
        return sorted(found, key=lambda one: one[1].at)


def serve(lab: Lab, server: Server) -> MailServer:
    """Start a mail server in the laboratory's Internet. Raises LabError."""
    directory = lab.directory / server.name
    user, mail = pwd.getpwnam(SINK_USER), directory / "mail"
    boxes = delivering(server, mail, user.pw_uid, user.pw_gid)
    etc = postfix.lay_out(directory, server.host, (*server.settings, *boxes), server.services)
    mail.mkdir()
    shutil.chown(mail, SINK_USER)
    lab.serve(server.name, lab.net.internet, postfix.start_argv(etc))
    lab.until(lambda: postfix.is_up(etc), START_SECONDS, f"{server.host}, a Postfix, did not start")
    return MailServer(directory)
