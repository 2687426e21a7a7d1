"""Errors as RFC 9457 tells them: what is wrong, who is at fault, and the way out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException

from sekisho.api.reading import NEEDED
from sekisho.config.explain import is_explained, sentence
from sekisho.gate import GateError

MEDIA_TYPE = "application/problem+json"
_TYPES = "urn:sekisho:problem:"
_PLACES = ("body", "query", "path")  # where in a request a value stands


class Fault(StrEnum):
    """Who has to act: whoever asked, or whoever keeps the machine."""

    OPERATOR = "operator"
    US = "us"


class RefusalError(Exception):
    """A request that is not carried out."""

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        problems: Iterable[str] = (),
        *,
        fault: Fault = Fault.OPERATOR,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.problems = tuple(problems)
        self.fault = fault


def install(app: FastAPI) -> None:
    """Let every error of an app be a problem document."""
    app.add_exception_handler(RefusalError, _refused)
    app.add_exception_handler(GateError, _gate_failed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def refusal(status: int, kind: str, title: str, detail: str) -> JSONResponse:
    """Return the problem document of a request that is not carried out."""
    return _answer(status, kind, Fault.OPERATOR, title=title, detail=detail)


def _answer(status: int, kind: str, fault: Fault, **members: Any) -> JSONResponse:
    content = {"type": _TYPES + kind, "status": status, "fault": fault, **members}
    headers = {"Cache-Control": "no-store"}  # it may name a line
    return JSONResponse(content, status, headers, MEDIA_TYPE)


def _refused(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RefusalError):
        raise error
    members = {"problems": list(error.problems)} if error.problems else {}
    return _answer(error.status, error.kind, error.fault, title=error.title, detail=error.detail, **members)


def _gate_failed(_: Request, error: Exception) -> JSONResponse:
    return _answer(503, "gate", Fault.US, title="The gate could not do it", detail=str(error))


def _invalid(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    problems = list(sentences(error))
    return _answer(
        422,
        "invalid",
        Fault.OPERATOR,
        title="The request has a value that cannot be",
        detail="; ".join(problems),
        problems=problems,
    )


def sentences(error: RequestValidationError) -> Iterator[str]:
    """Tell what is wrong with each value of a request, and the way out."""
    for details in error.errors():
        where = ".".join(str(part) for part in details["loc"] if part not in _PLACES)
        told = ": ".join((where, *_told(details)) if where else _told(details))
        yield told.encode(errors="replace").decode()  # half a surrogate pair can be in no answer


def _told(details: ErrorDetails) -> tuple[str, ...]:
    key = str(details["loc"][-1])
    if details["type"] == "missing" and key in NEEDED:
        return "this is needed", NEEDED[key]
    return sentence(details) if is_explained(details["type"]) else (details["msg"],)


def _http(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    detail = "the paths are written down in docs/api.md"
    return _answer(error.status_code, "http", Fault.OPERATOR, title=str(error.detail), detail=detail)
