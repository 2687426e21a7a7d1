"""The paths about lines, and the office's functions behind them.

Whatever asks about one line is recorded before it is answered, a question that cannot be read as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from sekisho.api.asker import Asker, Peer
from sekisho.api.line_models import (
    Action,
    AuditLog,
    AuditVerification,
    EventsAnswer,
    HolderAnswer,
    HolderQuestion,
    ImportAnswer,
    KeaCall,
    LineAnswer,
    LineQuestion,
    LinesStatus,
    ReliefAnswer,
    ReliefEndRequest,
    ReliefRequest,
)
from sekisho.api.problems import RefusalError
from sekisho.api.reading import Head, Moment
from sekisho.api.recorded import UnreadError, not_to_be_kept, recorded_route, with_values
from sekisho.lines.static_list import ListKind

EVENTS_PATH = "/v1/leases/events"
LARGEST_LIST = 256 << 20  # bytes: some millions of lines
MOST_CALLS = 1_000  # of Kea's hook in one request
_KINDS = {"text/csv": ListKind.CSV, "application/toml": ListKind.TOML}

KeaCalls = Annotated[list[KeaCall], Field(max_length=MOST_CALLS)]
After = Annotated[int, Query(ge=0)]


class LinesOffice(Protocol):
    """What the daemon can do about lines for whoever asks. Each raises RefusalError."""

    def holder(self, question: HolderQuestion, peer: Peer) -> HolderAnswer:
        """Tell who held an address at a moment."""

    def line(self, question: LineQuestion, peer: Peer) -> LineAnswer:
        """Tell what is known of a line."""

    def relieve(self, request: ReliefRequest, peer: Peer) -> ReliefAnswer:
        """Release a line from its limit until an end."""

    def end_relief(self, request: ReliefEndRequest, peer: Peer) -> ReliefAnswer:
        """Put a line's limit in force again."""

    def import_list(self, content: bytes, kind: ListKind, *, dry_run: bool, peer: Peer) -> ImportAnswer:
        """Put a static list in place of the one imported before, or tell what that would change."""

    def take_events(self, calls: Sequence[KeaCall]) -> EventsAnswer:
        """Make durable what Kea's hook tells of leases."""

    def status(self) -> LinesStatus:
        """Tell how the knowledge of lines stands."""

    def audit_log(self, since: datetime | None, after: int, peer: Peer) -> AuditLog:
        """Read the audit log."""

    def verify_audit(self, head: bytes | None) -> AuditVerification:
        """Walk the chain of the audit log."""

    def record_refusal(self, action: Action, asked: object, why: str, peer: Peer) -> None:
        """Record a question that could not be read; `asked` is its body."""


def lines_router(office: LinesOffice) -> APIRouter:
    """Return the paths of an office that keeps lines."""
    router = APIRouter(dependencies=[Depends(not_to_be_kept)])

    # Plain functions: they run in worker threads, since the store may take a moment.
    @router.get("/v1/lines/status")
    def status() -> LinesStatus:
        return office.status()

    @router.get("/v1/audit/verification")
    def verify_audit(head: Head | None = None) -> AuditVerification:
        return office.verify_audit(None if head is None else bytes.fromhex(head))

    @router.post(EVENTS_PATH)
    def take_events(calls: KeaCalls) -> EventsAnswer:
        return office.take_events(calls)

    router.include_router(_recorded_router(office))
    return router


def _recorded_router(office: LinesOffice) -> APIRouter:
    """Return the paths of what is recorded; each is named as its record."""
    router = APIRouter(route_class=recorded_route(office.record_refusal, with_values))

    @router.post("/v1/lines/holder", name=Action.HOLDER)
    def holder(question: HolderQuestion, peer: Asker) -> HolderAnswer:
        return office.holder(question, peer)

    @router.post("/v1/lines/show", name=Action.SHOW)
    def show(question: LineQuestion, peer: Asker) -> LineAnswer:
        return office.line(question, peer)

    @router.post("/v1/lines/relief", name=Action.RELIEF)
    def relief(request: ReliefRequest, peer: Asker) -> ReliefAnswer:
        return office.relieve(request, peer)

    @router.post("/v1/lines/relief/end", name=Action.RELIEF_END)
    def relief_end(request: ReliefEndRequest, peer: Asker) -> ReliefAnswer:
        return office.end_relief(request, peer)

    @router.post("/v1/lines/import", name=Action.IMPORT)
    async def import_list(request: Request, peer: Asker, dry_run: bool = False) -> ImportAnswer:
        kind, content = _kind(request), await _content(request)
        return await run_in_threadpool(office.import_list, content, kind, dry_run=dry_run, peer=peer)

    @router.get("/v1/audit", name=Action.AUDIT_LOG)
    def audit_log(peer: Asker, since: Moment | None = None, after: After = 0) -> AuditLog:
        return office.audit_log(since, after, peer)

    return router


def no_lines_router() -> APIRouter:
    """Return the paths of an office without a store, which answer that it has none."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/v1/lines/{rest:path}", methods=["GET", "POST"])
    @router.api_route("/v1/leases/{rest:path}", methods=["POST"])
    @router.api_route("/v1/audit", methods=["GET"])
    @router.api_route("/v1/audit/{rest:path}", methods=["GET"])
    def nothing_is_kept() -> None:
        raise RefusalError(
            409,
            "no-store",
            "This daemon keeps no lines",
            "this daemon has no store of lines: add [store] to the configuration and start it anew",
        )

    return router


def _kind(request: Request) -> ListKind:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _KINDS:
        raise UnreadError(
            415,
            "list-kind",
            "This is no kind of list",
            f'"{media_type}" is no kind of list: send Content-Type {" or ".join(_KINDS)}',
        )
    return _KINDS[media_type]


async def _content(request: Request) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > LARGEST_LIST:
            raise UnreadError(
                413,
                "list-too-large",
                "The list is too large",
                f"more than {LARGEST_LIST >> 20} MiB: make a [[pool]] of what are whole prefixes",
            )
    return bytes(content)
