"""Routes whose every try is recorded, also one that could not be read; of others the office sees to it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from sekisho.api.asker import Peer, peer_of
from sekisho.api.line_models import Action
from sekisho.api.problems import RefusalError, sentences

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_Record = Callable[[Action, object, str, Peer], object]
"""Records a try: of what, its body as far as that is known, why it could not be read, and whose."""


class UnreadError(RefusalError):
    """A refusal of what has not come as far as the office, which records its own."""


def with_values(error: RequestValidationError) -> str:
    """Tell what is wrong with a question, in full."""
    return "; ".join(sentences(error))


def without_values(error: RequestValidationError) -> str:
    """Tell what is wrong with a question in no word of whoever asked: a key may be one, too."""
    kinds = sorted({str(one["type"]) for one in error.errors()})
    return f"the request cannot be read: {', '.join(kinds)}"


def not_to_be_kept(response: Response) -> None:
    """Say of an answer that nobody may keep it on the way: it may name a line."""
    response.headers["Cache-Control"] = "no-store"


def recorded_route(record: _Record, told: Callable[[RequestValidationError], str]) -> type[APIRoute]:
    """Return routes that have a try recorded which could not be read, before that is told.

    Each route is named as its action.
    """

    class Recorded(APIRoute):
        def get_route_handler(self) -> _Handler:
            handle, action = super().get_route_handler(), Action(self.name)

            async def handle_recorded(request: Request) -> Response:
                try:
                    return await handle(request)
                except (RequestValidationError, HTTPException, UnreadError) as error:
                    asked, why = _unread(error, told)
                    await run_in_threadpool(record, action, asked, why, peer_of(request))
                    raise

            return handle_recorded

    return Recorded


def _unread(
    error: RequestValidationError | HTTPException | UnreadError, told: Callable[[RequestValidationError], str]
) -> tuple[object, str]:
    """Return what was asked, as far as that is known, and why it could not be read."""
    if isinstance(error, RequestValidationError):
        return error.body, told(error)
    return None, error.detail
