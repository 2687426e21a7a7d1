"""Asks a running daemon over its Unix socket."""

from __future__ import annotations

import fcntl
import json
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import httpx

SOCKETS = Path("/run/sekisho")
_JSON = "application/json"  # in ASCII: also what a terminal sends that is no text, for the daemon to refuse
_PATIENCE_SECONDS = 300.0  # a list of a million lines takes a while


class AwayError(Exception):
    """No daemon answers for this gate."""


class AnswerError(Exception):
    """The daemon did not do what was asked; the text says why and the way out.

    `kind` is the end of the problem's type, `problems` each on its own where there are several.
    """

    def __init__(self, detail: str, kind: str = "", problems: Iterable[str] = ()) -> None:
        super().__init__(detail)
        self.kind, self.problems = kind, tuple(problems)


def socket_path(name: str) -> Path:
    """Return where the daemon of a gate listens."""
    return SOCKETS / f"{name}.sock"


def lock_path(name: str) -> Path:
    """Return the file that the daemon of a gate locks while it runs."""
    return SOCKETS / f"{name}.lock"


def ask(name: str, method: str, path: str, body: Any = None) -> Any:
    """Send one request and return the JSON of the answer.

    Raises AwayError without a daemon, AnswerError when it refuses or fails.
    """
    return _request(name, method, path, **({} if body is None else _as_json(body)))


def send(name: str, path: str, content: bytes, media_type: str) -> Any:
    """Post a file and return the JSON of the answer. Raises as `ask`."""
    return _request(name, "POST", path, content=content, headers={"Content-Type": media_type})


def fetch(name: str, path: str, body: Any, into: BinaryIO) -> None:
    """Post a question and write what is answered into a file. Raises as `ask`, and what the file raises."""
    with _asking(name) as client, client.stream("POST", path, **_as_json(body)) as answer:
        if answer.is_error:
            answer.read()
            raise _told(answer)
        into.writelines(answer.iter_bytes())


def _request(name: str, method: str, path: str, **what: Any) -> Any:
    with _asking(name) as client:
        answer = client.request(method, path, **what)
    if answer.is_error:
        raise _told(answer)
    return answer.json()


def _as_json(body: Any) -> dict[str, Any]:
    return {"content": json.dumps(body), "headers": {"Content-Type": _JSON}}


@contextmanager
def _asking(name: str) -> Iterator[httpx.Client]:
    _knock(name)
    transport = httpx.HTTPTransport(uds=str(socket_path(name)))
    try:
        with httpx.Client(
            transport=transport, base_url="http://sekisho", timeout=_PATIENCE_SECONDS
        ) as client:
            yield client
    except httpx.TransportError as error:
        raise AnswerError(f"the daemon of gate {name!r} broke off ({error!r}): see its log") from error


def wait_for_end(name: str) -> None:
    """Wait until the daemon of a gate has ended and left nothing in the directory of sockets."""
    try:
        with lock_path(name).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
    except FileNotFoundError:
        return


def _knock(name: str) -> None:
    """Connect and hang up, for a plain reason where nobody answers."""
    path = socket_path(name)
    try:
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.connect(str(path))
    except PermissionError as error:
        raise AnswerError(f"{path} may be used by root only: run this as root") from error
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise AwayError(
            f"no daemon runs for gate {name!r} (nobody listens on {path}): "
            "start it with `sekisho gate up --config FILE`"
        ) from error


def _told(answer: httpx.Response) -> AnswerError:
    try:
        problem = answer.json()
        kind = str(problem["type"]).rpartition(":")[2]
        return AnswerError(str(problem["detail"]), kind, problem.get("problems", ()))
    except (ValueError, KeyError, TypeError):
        return AnswerError(f"the daemon answered {answer.status_code} without a reason: see its log")
