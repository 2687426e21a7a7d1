"""Who asks."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from fastapi import Depends, Request

PEER = "sekisho.peer"
"""The key of the process that asks in the scope of a request."""


class Peer(NamedTuple):
    """The process that asks, by the socket's credentials."""

    uid: int
    pid: int


def peer_of(request: Request) -> Peer:
    """Return who asks; the server has put it into the scope, where no header can change it."""
    peer: Peer = request.scope[PEER]
    return peer


Asker = Annotated[Peer, Depends(peer_of)]
