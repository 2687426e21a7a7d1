"""The paths of the desk, and the office's functions behind them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse

from sekisho.api.asker import Asker, Peer
from sekisho.api.desk_models import (
    ActionsAnswer,
    CaseAnswer,
    CaseNumber,
    CasesAnswer,
    DecisionRequest,
    ExportRequest,
    LineCasesQuestion,
    ReasonRequest,
)
from sekisho.api.desk_reports import After, ReportsOffice, add_recorded_reports, add_reports
from sekisho.api.line_models import Action
from sekisho.api.problems import RefusalError
from sekisho.api.recorded import not_to_be_kept, recorded_route, without_values
from sekisho.desk.case_values import State

NO_DESK = (
    409,
    "no-desk",
    "There is no desk",
    "the daemon was started with a configuration that has no [desk]: docs/desk.md tells how one is written",
)


class DeskOffice(Protocol):
    """What the daemon can do at the desk for whoever asks. Each raises RefusalError."""

    @property
    def reports(self) -> ReportsOffice:
        """Return what can be done about reports."""

    def cases(self, after: int, state: State | None, *, claimed: bool) -> CasesAnswer:
        """Tell the open cases, or those of a state; `claimed`: also those of which nothing is proved."""

    def cases_of_line(self, question: LineCasesQuestion, peer: Peer) -> CasesAnswer:
        """Tell all cases of a line."""

    def case(self, number: int, peer: Peer) -> CaseAnswer:
        """Tell all of a case."""

    def decide(self, action: Action, number: int, request: DecisionRequest, peer: Peer) -> CaseAnswer:
        """Do what a person decides about a case."""

    def retry(self, number: int, request: ReasonRequest, peer: Peer) -> CaseAnswer:
        """Have asked again what was asked for a case and is not confirmed."""

    def export(self, number: int, request: ExportRequest, peer: Peer) -> Iterator[bytes]:
        """Hand out the bundle of a case that is in evidence hold."""

    def actions(self) -> ActionsAnswer:
        """Tell what is asked but not confirmed."""

    def record_refusal(self, action: Action, why: str, peer: Peer) -> None:
        """Record a request that could not be read, if that can be; nothing of its body."""


def desk_router(office: DeskOffice) -> APIRouter:
    """Return the paths of an office that has a desk."""
    router = APIRouter(prefix="/v1/desk", dependencies=[Depends(not_to_be_kept)])

    # Plain functions: they run in worker threads, since the store may take a moment.
    @router.get("/cases")
    def cases(after: After = 0, state: State | None = None, claimed: bool = False) -> CasesAnswer:
        return office.cases(after, state, claimed=claimed)

    @router.get("/actions")
    def actions() -> ActionsAnswer:
        return office.actions()

    add_reports(router, office.reports)
    router.include_router(_recorded_router(office))
    return router


def _recorded_router(office: DeskOffice) -> APIRouter:
    """Return the paths of what is recorded; each is named as its record."""

    def record(action: Action, _: object, why: str, peer: Peer) -> None:
        office.record_refusal(action, why, peer)

    router = APIRouter(route_class=recorded_route(record, without_values))

    @router.get("/cases/{number}", name=Action.DESK_CASE)
    def case(number: CaseNumber, peer: Asker) -> CaseAnswer:
        return office.case(number, peer)

    add_recorded_reports(router, office.reports)

    @router.post("/cases/of-line", name=Action.DESK_CASES)
    def cases_of_line(question: LineCasesQuestion, peer: Asker) -> CasesAnswer:
        return office.cases_of_line(question, peer)

    @router.post("/cases/{number}/retry", name=Action.DESK_RETRY)
    def retry(number: CaseNumber, request: ReasonRequest, peer: Asker) -> CaseAnswer:
        return office.retry(number, request, peer)

    @router.post(
        "/cases/{number}/export", name=Action.DESK_EXPORT, responses=_A_BUNDLE, response_class=_Bundle
    )
    def export(number: CaseNumber, request: ExportRequest, peer: Asker) -> _Bundle:
        return _Bundle(office.export(number, request, peer), headers={"Cache-Control": "no-store"})

    for action in DECISIONS:
        _add_decision(router, office, action)
    return router


DECISIONS = {
    Action.DESK_APPROVE: "approve",
    Action.DESK_SUSPEND: "suspend",
    Action.DESK_CONFIRM: "confirm",
    Action.DESK_HOLD: "hold",
    Action.DESK_RELEASE: "release",
    Action.DESK_RESTORE: "restore",
    Action.DESK_DISMISS: "dismiss",
    Action.DESK_TOLD: "told",
}
"""What people may decide about a case, and the last part of its path."""

_A_BUNDLE: dict[int | str, dict[str, Any]] = {200: {"description": "A bundle (docs/desk-evidence.md)"}}


class _Bundle(StreamingResponse):
    media_type = "application/x-tar"


def _add_decision(router: APIRouter, office: DeskOffice, action: Action) -> None:
    @router.post(f"/cases/{{number}}/{DECISIONS[action]}", name=action)
    def decide(number: CaseNumber, request: DecisionRequest, peer: Asker) -> CaseAnswer:
        return office.decide(action, number, request, peer)


def no_desk_router() -> APIRouter:
    """Return the paths of an office without a desk, which answer that there is none."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/v1/desk/{rest:path}", methods=["GET", "POST"])
    def there_is_none() -> None:
        raise RefusalError(*NO_DESK)

    return router
