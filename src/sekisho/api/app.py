"""The paths of the interface and the office's functions behind them."""

from __future__ import annotations

from typing import Annotated, NamedTuple, Protocol

from fastapi import Depends, FastAPI, Request

from sekisho.api.models import (
    CountersValue,
    DownAnswer,
    LimitAnswer,
    LimitRequest,
    ReloadAnswer,
    Status,
)
from sekisho.api.problems import install
from sekisho.plan import LimitChange


class Peer(NamedTuple):
    """The process that asks, by the socket's credentials."""

    uid: int
    pid: int


class Office(Protocol):
    """What the daemon can do for whoever asks. Each raises RefusalError or GateError."""

    def status(self) -> Status:
        """Tell the state of the gate."""

    def counters(self) -> CountersValue:
        """Tell all counters."""

    def set_limit(self, class_name: str, change: LimitChange, peer: Peer) -> LimitAnswer:
        """Give a class another limit, effective with the next SYN."""

    def reload(self, peer: Peer) -> ReloadAnswer:
        """Read the file again."""

    def down(self, peer: Peer) -> DownAnswer:
        """Detach the gate and end."""


def _peer(request: Request) -> Peer:
    """Return who asks; the server has put the credentials where TCP has host and port."""
    host, pid = request.client or ("-1", 0)
    return Peer(int(host), pid)


Asker = Annotated[Peer, Depends(_peer)]


def create_app(office: Office) -> FastAPI:
    """Return the interface of an office."""
    app = FastAPI(title="sekisho", docs_url=None, redoc_url=None)
    install(app)

    # Plain functions: they run in worker threads, since the kernel may take a moment.
    @app.get("/v1/gate")
    def status() -> Status:
        return office.status()

    @app.get("/v1/gate/counters")
    def counters() -> CountersValue:
        return office.counters()

    @app.post("/v1/gate/classes/{class_name}/limit")
    def limit(class_name: str, request: LimitRequest, peer: Asker) -> LimitAnswer:
        return office.set_limit(class_name, request.change(), peer)

    @app.post("/v1/gate/reload")
    def reload(peer: Asker) -> ReloadAnswer:
        return office.reload(peer)

    @app.post("/v1/gate/down")
    def down(peer: Asker) -> DownAnswer:
        return office.down(peer)

    return app
