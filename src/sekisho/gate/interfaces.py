"""Learns that interfaces of this network namespace went down, came up or are gone."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from sekisho.gate.nfqueue import ATTRIBUTE, HEADER

RTMGRP_LINK: Final = 1
RTM_NEWLINK: Final = 16
RTM_DELLINK: Final = 17
IFLA_IFNAME: Final = 3
IFF_UP: Final = 0x1
IFF_RUNNING: Final = 0x40  # with a carrier
LINK: Final = struct.Struct("=BBHiII")  # family, padding, type, index, flags, change


class LinkState(StrEnum):
    """How an interface is."""

    UP = "up"
    DOWN = "down"
    GONE = "gone"


class LinkChange(NamedTuple):
    """An interface that is not as it was."""

    name: str
    state: LinkState


class LinkWatch:
    """A socket that becomes readable when these interfaces may have changed; they count as up until told.

    It belongs to the network namespace of the thread that made it.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._states = dict.fromkeys(names, LinkState.UP)
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
        )
        self._socket.setblocking(False)
        self._socket.bind((0, RTMGRP_LINK))

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._socket.fileno()

    def changes(self) -> Iterator[LinkChange]:
        """Read what came, and return what it has changed."""
        for message in self._messages():
            for change in parse_links(message):
                if self._states.get(change.name, change.state) != change.state:
                    self._states[change.name] = change.state
                    yield change

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def _messages(self) -> Iterator[bytes]:
        while True:
            try:
                yield self._socket.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # more came than the buffer holds: the next event tells
                    raise


def parse_links(data: bytes) -> Iterator[LinkChange]:
    """Read rtnetlink's messages about links."""
    start = 0
    while start + HEADER.size <= len(data):
        length, kind, *_ = HEADER.unpack_from(data, start)
        if kind in (RTM_NEWLINK, RTM_DELLINK):
            yield _change(kind, data[start + HEADER.size : start + length])
        start += max(HEADER.size, _aligned(length))


def _change(kind: int, body: bytes) -> LinkChange:
    flags = LINK.unpack_from(body)[4]
    is_up = flags & IFF_UP and flags & IFF_RUNNING
    state = LinkState.UP if is_up else LinkState.DOWN
    return LinkChange(_name(body[LINK.size :]), LinkState.GONE if kind == RTM_DELLINK else state)


def _name(attributes: bytes) -> str:
    start = 0
    while start + ATTRIBUTE.size <= len(attributes):
        length, kind = ATTRIBUTE.unpack_from(attributes, start)
        if kind == IFLA_IFNAME:
            return attributes[start + ATTRIBUTE.size : start + length].rstrip(b"\0").decode()
        start += max(ATTRIBUTE.size, _aligned(length))
    return ""


def _aligned(length: int) -> int:
    return (length + 3) & ~3
