"""The paths of the interface and the office's functions behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from fastapi import FastAPI

from sekisho.api.asker import Asker, Peer
from sekisho.api.desk import DeskOffice, desk_router, no_desk_router
from sekisho.api.lines import LinesOffice, lines_router, no_lines_router
from sekisho.api.metrics import Scrape, metrics_router
from sekisho.api.models import (
    CountersValue,
    DownAnswer,
    LimitAnswer,
    LimitRequest,
    ReloadAnswer,
    Status,
)
from sekisho.api.problems import install
from sekisho.api.trial import TrialOffice, no_trial_router, trial_router
from sekisho.plan import LimitChange

__all__ = ["Office", "Peer", "create_app"]


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


def create_app(
    office: Office,
    lines: LinesOffice | None = None,
    trial: TrialOffice | None = None,
    scrape: Callable[[], Scrape] | None = None,
    desk: DeskOffice | None = None,
) -> FastAPI:
    """Return the interface of an office; `lines` and `trial` are None where it has no store, `desk` no desk.

    `scrape`: what reads metrics, None where nobody measures.
    """
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

    app.include_router(no_lines_router() if lines is None else lines_router(lines))
    app.include_router(no_trial_router() if trial is None else trial_router(trial))
    app.include_router(no_desk_router() if desk is None else desk_router(desk))
    if scrape is not None:
        app.include_router(metrics_router(scrape))
    return app
