"""Bytes from one end of a session to the other, compared by their checksums."""

from __future__ import annotations

import hashlib
import socket
import threading
from random import Random

PATIENCE_SECONDS = 100.0
_PIECE = Random(25).randbytes(1 << 18)
_PACE_SECONDS = 0.02  # between the pieces of a transfer without an end, which leaves the cores to others


class Transfer:
    """Sends from one socket to the other, in its own threads: `size` bytes, or slowly until told to end."""

    def __init__(self, sender: socket.socket, receiver: socket.socket, size: int | None = None) -> None:
        self._sender, self._receiver, self._size = sender, receiver, size
        self._sums = hashlib.sha256(), hashlib.sha256()
        self._enough = threading.Event()
        self._threads = [threading.Thread(target=one) for one in (self._send, self._receive)]
        self.sent = self.received = 0
        for end in (sender, receiver):
            end.settimeout(PATIENCE_SECONDS)
        for thread in self._threads:
            thread.start()

    def is_intact(self) -> bool:
        """Wait for the end and tell whether every byte has arrived as it was."""
        if self._size is None:
            self._enough.set()
        for thread in self._threads:
            thread.join()
        one, other = self._sums
        return self.sent == self.received and one.digest() == other.digest()

    def _send(self) -> None:
        while self.sent != self._size and not self._enough.is_set():
            left = len(_PIECE) if self._size is None else self._size - self.sent
            piece = _PIECE[self.sent % 251 :][:left]
            self._sender.sendall(piece)
            self._sums[0].update(piece)
            self.sent += len(piece)
            if self._size is None:
                self._enough.wait(_PACE_SECONDS)
        self._sender.shutdown(socket.SHUT_WR)

    def _receive(self) -> None:
        while piece := self._receiver.recv(1 << 20):
            self._sums[1].update(piece)
            self.received += len(piece)
