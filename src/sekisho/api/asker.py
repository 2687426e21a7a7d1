"""Who asks."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from fastapi import Depends, Request


class Peer(NamedTuple):
    """The process that asks, by the socket's credentials."""

    uid: int
    pid: int


def peer_of(request: Request) -> Peer:
    """Return who asks; the server has put the credentials where TCP has host and port."""
    host, pid = request.client or ("-1", 0)
    return Peer(int(host), pid)


Asker = Annotated[Peer, Depends(peer_of)]
