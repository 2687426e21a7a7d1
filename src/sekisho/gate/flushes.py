"""Learns that somebody deleted rules, tables or chains of this network namespace."""

from __future__ import annotations

import errno
import socket
import struct
from typing import Final

from sekisho.gate.nfqueue import (
    ATTRIBUTE,
    GENERIC,
    HEADER,
    JUMP_EQUAL,
    LOAD_HALF,
    NETLINK_NETFILTER,
    NLM_F_REQUEST,
    RETURN,
    attach_filter,
)

SOL_NETLINK: Final = 270
NETLINK_ADD_MEMBERSHIP: Final = 1
NFNLGRP_NFTABLES: Final = 7

SUBSYS_NFTABLES: Final = 10
DELETIONS: Final = tuple(SUBSYS_NFTABLES << 8 | kind for kind in (2, 5, 8))  # table, chain, rule
GET_GENERATION: Final = SUBSYS_NFTABLES << 8 | 16


class FlushWatch:
    """A socket that becomes readable when rules are deleted. Sets that others fill do not wake it."""

    def __init__(self) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER
        )
        self._socket.setblocking(False)
        attach_filter(
            self._socket,
            [
                (LOAD_HALF, 0, 0, 4),
                *[
                    (JUMP_EQUAL, len(DELETIONS) - i, 0, socket.htons(kind))
                    for i, kind in enumerate(DELETIONS)
                ],
                (RETURN, 0, 0, 0),
                (RETURN, 0, 0, HEADER.size),  # what was deleted is looked up: the header is enough
            ],
        )
        self._socket.bind((0, 0))
        self._socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES)

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._socket.fileno()

    def drain(self) -> bool:
        """Read away what came; tell whether it was anything."""
        came = False
        while True:
            try:
                self._socket.recv(HEADER.size)
            except BlockingIOError:
                return came
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # more came than the buffer holds
                    raise
            came = True

    def close(self) -> None:
        """Close it."""
        self._socket.close()


def generation() -> int:
    """Return the number of the ruleset's current version, which grows with every change of it."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER) as sock:
        body = GENERIC.pack(socket.AF_UNSPEC, 0, 0)
        sock.send(HEADER.pack(HEADER.size + len(body), GET_GENERATION, NLM_F_REQUEST, 1, 0) + body)
        answer = sock.recv(4096)
    number: int = struct.unpack_from(">I", answer, HEADER.size + GENERIC.size + ATTRIBUTE.size)[0]
    return number
