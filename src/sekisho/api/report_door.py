"""The door for reports over HTTP: nothing else is behind it, and nobody gets in without a token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from sekisho.api.desk_reports import report_body
from sekisho.api.problems import Fault, RefusalError, install, refusal

PATH: Final = "/v1/desk/reports"
_SCHEME: Final = "bearer "
_LATER: Final = "nothing of it is kept: try again later"


def report_door(
    reporter_of: Callable[[str], str | None],
    take: Callable[[bytes, str], bool],
    is_too_fast: Callable[[str], bool],
    most: int,
) -> FastAPI:
    """Return an app that takes reports, up to `most` at a time and half of them from one reporter.

    `reporter_of`: tells by a token whose it is; `take`: makes a report of a reporter durable, tells whether
    it is, and raises nothing; `is_too_fast`: counts a report of a reporter, in the loop's thread.
    """
    app = FastAPI(openapi_url=None)
    install(app)
    taking: Counter[str] = Counter()

    @app.post(PATH)
    async def report(request: Request) -> Response:
        token = _token(request)
        reporter = await run_in_threadpool(reporter_of, token) if token else None
        if reporter is None:
            return _stranger()
        if is_too_fast(reporter):
            raise RefusalError(429, "too-fast", "Too many reports at a time", _LATER)
        if taking.total() >= most or taking[reporter] >= most // 2:
            raise RefusalError(503, "busy", "Too many reports are being taken", _LATER, fault=Fault.US)
        taking[reporter] += 1
        try:
            original = await report_body(request)
            if not await run_in_threadpool(take, original, reporter):
                raise RefusalError(503, "not-taken", "The report is not taken now", _LATER, fault=Fault.US)
        finally:
            taking[reporter] -= 1
        return Response(status_code=202)

    return app


def _stranger() -> Response:
    detail = "send `Authorization: Bearer TOKEN` with the token that you were given"
    answer = refusal(401, "no-token", "Nobody knows this token", detail)
    answer.headers["WWW-Authenticate"] = "Bearer"  # RFC 9110 §11.6.1
    return answer


def _token(request: Request) -> str:
    """Return the token that a request has (RFC 6750 §2.1), "" where it has none."""
    value = request.headers.get("authorization", "")
    return value[len(_SCHEME) :].strip() if value.lower().startswith(_SCHEME) else ""
