"""A bell: wakes a thread that waits, of this process or of another."""

from __future__ import annotations

import os
import select


class Bell:
    """Rung by anybody, heard by one who waits; rung again before it was heard, it rings once."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)

    def fileno(self) -> int:
        """Return the file, for another process to `ring`."""
        return self._fd

    def ring(self) -> None:
        """Wake who waits, or whoever waits next."""
        ring(self._fd)

    def wait(self) -> None:
        """Return when it has been rung."""
        self._poll.poll()
        os.eventfd_read(self._fd)

    def close(self) -> None:
        """Let go of it; nobody may ring any more."""
        os.close(self._fd)


def ring(fd: int) -> None:
    """Ring the bell whose file this is."""
    os.eventfd_write(fd, 1)
