"""The paths about the trial, and the office's functions behind them."""

from __future__ import annotations

from typing import Any, Protocol

from fastapi import APIRouter, Response

from sekisho.api.asker import Asker, Peer
from sekisho.api.line_models import Action
from sekisho.api.problems import RefusalError
from sekisho.api.recorded import recorded_route, without_values
from sekisho.api.trial_models import (
    ActAnswer,
    BlocklistAnswer,
    BlocklistRequest,
    ComplaintAnswer,
    ComplaintRequest,
    ReasonRequest,
    RegisterAnswer,
    TrialLog,
    TrialStatus,
)
from sekisho.pages.voice import Language

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

    def complain(self, request: ComplaintRequest, peer: Peer) -> ComplaintAnswer:
        """Count complaints of customers."""

    def enter_blocklist(self, request: BlocklistRequest, peer: Peer) -> BlocklistAnswer:
        """Count addresses that came onto a blocklist."""

    def log(self) -> TrialLog:
        """Tell what happened to the trial."""

    async def report(self, page: Language | None, peer: Peer) -> bytes:
        """Report the trial, as a page in a language or as JSON; what it shows of counts is recorded first."""

    def record_refusal(self, action: Action, why: str, peer: Peer) -> None:
        """Record a request that could not be read, if that can be; nothing of its body."""


def trial_router(office: TrialOffice) -> APIRouter:
    """Return the paths of an office that keeps a trial."""
    router = APIRouter(prefix="/v1/trial")

    # Plain functions: they run in worker threads, since kernel and store may take a moment.
    @router.get("/status")
    def status() -> TrialStatus:
        return office.status()

    @router.get("/log")
    def log() -> TrialLog:
        return office.log()

    # No worker thread waits for a report, which another process makes.
    @router.get("/report", response_class=Response, responses=_document("application/json"))
    async def report(peer: Asker) -> Response:
        return Response(await office.report(None, peer), media_type="application/json")

    @router.get("/report.html", response_class=Response, responses=_document("text/html"))
    async def report_page(peer: Asker, lang: Language = Language.EN) -> Response:
        return Response(await office.report(lang, peer), media_type="text/html")

    router.include_router(_recorded_router(office))
    return router


def _document(media_type: str) -> dict[int | str, dict[str, Any]]:
    schema = {"type": "object" if media_type == "application/json" else "string"}
    content = {media_type: {"schema": schema}}
    return {200: {"description": "The report of the trial (docs/report.md)", "content": content}}


def _recorded_router(office: TrialOffice) -> APIRouter:
    """Return the paths of what is recorded; each is named as its record."""

    def record(action: Action, _: object, why: str, peer: Peer) -> None:
        office.record_refusal(action, why, peer)

    router = APIRouter(route_class=recorded_route(record, without_values))

    @router.post("/register", name=Action.TRIAL_REGISTER)
    def register(peer: Asker) -> RegisterAnswer:
        return office.register(peer)

    @router.post("/suspend", name=Action.TRIAL_SUSPEND)
    def suspend(request: ReasonRequest, peer: Asker) -> ActAnswer:
        return office.suspend(request, peer)

    @router.post("/resume", name=Action.TRIAL_RESUME)
    def resume(request: ReasonRequest, peer: Asker) -> ActAnswer:
        return office.resume(request, peer)

    @router.post("/complaint", name=Action.TRIAL_COMPLAINT)
    def complain(request: ComplaintRequest, peer: Asker) -> ComplaintAnswer:
        return office.complain(request, peer)

    @router.post("/blocklist", name=Action.TRIAL_BLOCKLIST)
    def enter_blocklist(request: BlocklistRequest, peer: Asker) -> BlocklistAnswer:
        return office.enter_blocklist(request, peer)

    return router


def no_trial_router() -> APIRouter:
    """Return the paths of an office without a store, which answer that there is no trial."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/v1/trial/{rest:path}", methods=["GET", "POST"])
    def there_is_none() -> None:
        raise RefusalError(*NO_TRIAL)

    return router
