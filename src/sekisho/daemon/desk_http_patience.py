"""HTTP for whoever reports, with bounds that uvicorn has not: time for a header, and for all of a request.

    connected, or answered ─► is waited for ─► has sent a header ─► answered
                                │ header_seconds       │ request_seconds
                                └───────► closed ◄─────┘

Beyond so many connections the one is closed that has been waited for longest: whoever sends his header at
once gets in, however many say nothing.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import ClassVar, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

# uvicorn warns of each request that is none, which any stranger can send without end; its errors are ours.
_LOG: Final = logging.getLogger("uvicorn.error.reporters")
_LOG.setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a peer may take for a header, and for a request with its answer; how many may be connected."""

    header_seconds: float = 10.0
    request_seconds: float = 120.0
    connections: int = 200


PATIENCE: Final = Patience()


class _PatientProtocol(H11Protocol):
    patience: ClassVar[Patience]
    waiting: ClassVar[dict[H11Protocol, None]]  # for peers; the one that is waited for longest first
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.logger = _LOG
        self._wait()
        if len(self.connections) > self.patience.connections:
            oldest = next(iter(self.waiting))
            del self.waiting[oldest]
            oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.waiting.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self.waiting.pop(self, None)
            self._close_in(self.patience.request_seconds)

    def on_response_complete(self) -> None:
        self._wait()
        super().on_response_complete()  # which goes on with the next request, if it is there

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait()  # for its reading what it is answered

    def _wait(self) -> None:
        self.waiting.pop(self, None)
        self.waiting[self] = None
        self._close_in(self.patience.header_seconds)

    def _close_in(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self.transport.abort)


def patient(bounds: Patience) -> type[H11Protocol]:
    """Return HTTP that waits for nobody longer than that."""

    class Protocol(_PatientProtocol):
        patience = bounds
        waiting: ClassVar[dict[H11Protocol, None]] = {}

    return Protocol
