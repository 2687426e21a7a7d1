"""The paths of reports at the desk, and the office's functions behind them."""

from __future__ import annotations

from typing import Annotated, Protocol

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from sekisho.api.asker import Asker, Peer
from sekisho.api.desk_models import (
    AttributeRequest,
    CaseAnswer,
    CaseNumber,
    ForgetRequest,
    QueueAnswer,
    ReportAnswer,
    ReportersAnswer,
    ReporterValue,
    ReportLook,
    SeenAnswer,
    SeenRequest,
    TakenAnswer,
)
from sekisho.api.line_models import Action, Question
from sekisho.api.problems import RefusalError

MOST_BYTES = 10_000_001
"""Of one report: what is larger by a byte than parsers read is kept as far as that, and told."""

After = Annotated[int, Query(ge=0, lt=1 << 31)]
Words = Annotated[str | None, Query(max_length=100)]
Domain = Annotated[str | None, Query(max_length=253)]
Party = Annotated[str, Query(max_length=320)]
Key = Annotated[str | None, Header(max_length=255)]

_A_REPORT = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {}, "message/rfc822": {}, "application/octet-stream": {}},
    }
}


class ReportsOffice(Protocol):
    """What the daemon can do about reports for whoever asks. Each raises RefusalError."""

    def take(self, original: bytes, domain: str | None, peer: Peer) -> TakenAnswer:
        """Take a report; the same once more is the same.

        `domain`: the reporter's, where the peer vouches that it is from there.
        """

    def report(self, number: int) -> ReportAnswer:
        """Tell what became of a report."""

    def look(self, number: int, question: Question, peer: Peer) -> ReportLook:
        """Tell what a report says, and which lines it may mean."""

    def original(self, number: int, question: Question, peer: Peer) -> bytes:
        """Hand out the original of a report."""

    def attribute(self, number: int, request: AttributeRequest, peer: Peer) -> CaseAnswer:
        """Count a report for the line that a person names; return the case."""

    def queue(self, after: int, why: str | None) -> QueueAnswer:
        """Tell which reports people have to look at; `why`: words that the reason has to have."""

    def seen(self, request: SeenRequest, peer: Peer) -> SeenAnswer:
        """Take reports out of people's queue: all of those that are asked for, or none."""

    def reporters(self, after: str) -> ReportersAnswer:
        """Tell how the parties stand that are proved."""

    def forget(self, request: ForgetRequest, peer: Peer) -> ReporterValue:
        """Forget what was found of a party's reports; return how it stands then."""


def add_reports(router: APIRouter, office: ReportsOffice) -> None:
    """Add the paths that are not recorded."""

    # Plain functions: they run in worker threads, since the store may take a moment.
    @router.get("/reports/{number}")
    def report(number: CaseNumber) -> ReportAnswer:
        return office.report(number)

    @router.get("/queue")
    def queue(after: After = 0, why: Words = None) -> QueueAnswer:
        return office.queue(after, why)

    @router.get("/reporters")
    def reporters(after: Party = "") -> ReportersAnswer:
        return office.reporters(after)


def add_recorded_reports(router: APIRouter, office: ReportsOffice) -> None:
    """Add the paths of what is recorded; each is named as its record."""

    @router.post("/reports", name=Action.DESK_INGEST, openapi_extra=_A_REPORT)
    async def take(
        request: Request, peer: Asker, reporter: Domain = None, idempotency_key: Key = None
    ) -> TakenAnswer:
        # The report is its own key, by its digest: with the header or without, it is one report.
        del idempotency_key
        return await run_in_threadpool(office.take, await report_body(request), reporter, peer)

    @router.post("/reports/{number}/look", name=Action.DESK_REPORT)
    def look(number: CaseNumber, question: Question, peer: Asker) -> ReportLook:
        return office.look(number, question, peer)

    @router.post("/reports/{number}/original", name=Action.DESK_ORIGINAL, response_class=Response)
    def original(number: CaseNumber, question: Question, peer: Asker) -> Response:
        content = office.original(number, question, peer)
        return Response(content, media_type="application/octet-stream", headers={"Cache-Control": "no-store"})

    @router.post("/reports/{number}/attribute", name=Action.DESK_ATTRIBUTE)
    def attribute(number: CaseNumber, request: AttributeRequest, peer: Asker) -> CaseAnswer:
        return office.attribute(number, request, peer)

    @router.post("/queue/seen", name=Action.DESK_SEEN)
    def seen(request: SeenRequest, peer: Asker) -> SeenAnswer:
        return office.seen(request, peer)

    @router.post("/reporters/forget", name=Action.DESK_FORGET)
    def forget(request: ForgetRequest, peer: Asker) -> ReporterValue:
        return office.forget(request, peer)


async def report_body(request: Request) -> bytes:
    """Read the report that a request has, and no more than it may have."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                detail = f"a report has {MOST_BYTES - 1} bytes at most: send its headers alone"
                raise RefusalError(413, "too-large", "The report is too large", detail)
    except ClientDisconnect:
        raise RefusalError(400, "cut-off", "The report is not whole", "send it again") from None
    if not body:
        raise RefusalError(422, "invalid", "There is no report", "send the report as the body")
    return bytes(body)
