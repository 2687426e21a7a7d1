"""The paths about the trial, and the office's functions behind them."""

from __future__ import annotations

from typing import Protocol

from fastapi import APIRouter

from sekisho.api.asker import Asker, Peer
from sekisho.api.problems import RefusalError
from sekisho.api.trial_models import ActAnswer, ReasonRequest, RegisterAnswer, TrialLog, TrialStatus

NO_TRIAL = (
    409,
    "no-trial",
    "There is no trial",
    "the configuration in force has no [trial]: docs/trial.md tells how one is written",
)


class TrialOffice(Protocol):
    """What the daemon can do about the trial for whoever asks. Each raises RefusalError."""

    def status(self) -> TrialStatus:
        """Tell how the trial stands."""

    def register(self, peer: Peer) -> RegisterAnswer:
        """Freeze the plan in force under its digest."""

    def suspend(self, request: ReasonRequest, peer: Peer) -> ActAnswer:
        """Let all classes of the trial be observed, effective with the next SYN."""

    def resume(self, request: ReasonRequest, peer: Peer) -> ActAnswer:
        """Let the plan go on."""

    def log(self) -> TrialLog:
        """Tell what happened to the trial."""


def trial_router(office: TrialOffice) -> APIRouter:
    """Return the paths of an office that keeps a trial."""
    router = APIRouter(prefix="/v1/trial")

    # Plain functions: they run in worker threads, since kernel and store may take a moment.
    @router.get("/status")
    def status() -> TrialStatus:
        return office.status()

    @router.post("/register")
    def register(peer: Asker) -> RegisterAnswer:
        return office.register(peer)

    @router.post("/suspend")
    def suspend(request: ReasonRequest, peer: Asker) -> ActAnswer:
        return office.suspend(request, peer)

    @router.post("/resume")
    def resume(request: ReasonRequest, peer: Asker) -> ActAnswer:
        return office.resume(request, peer)

    @router.get("/log")
    def log() -> TrialLog:
        return office.log()

    return router


def no_trial_router() -> APIRouter:
    """Return the paths of an office without a store, which answer that there is no trial."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/v1/trial/{rest:path}", methods=["GET", "POST"])
    def there_is_none() -> None:
        raise RefusalError(*NO_TRIAL)

    return router
