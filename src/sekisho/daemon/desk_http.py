"""Listens for reports over HTTP, on this machine alone: TLS is the part of the web server before it.

Whoever has a token of the file that the configuration names is the reporter beside whom it stands there, as
if a person had vouched for it. The file is read at each request, so that a token is taken back at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Final

import uvicorn

from sekisho.api.report_door import report_door
from sekisho.config import Config
from sekisho.config.listen import Listen
from sekisho.daemon.attempts import Attempts
from sekisho.daemon.desk_doors import Inbox
from sekisho.daemon.desk_http_patience import PATIENCE, Patience, patient
from sekisho.daemon.desk_tokens import digest_of, read_tokens
from sekisho.daemon.threads import require_thread
from sekisho.gate import GateError
from sekisho.receiving import MOST_SESSIONS, DoorError, Pace, listen_tcp

_GRACE_SECONDS: Final = 5  # for what is being taken when the door closes


class HttpDoor:
    """Takes reports over HTTP, in a thread with a loop of its own."""

    def __init__(
        self,
        listen: Listen,
        inbox: Inbox,
        tokens: Callable[[], Mapping[bytes, str]],
        patience: Patience = PATIENCE,
    ) -> None:
        self._tokens, self._pace = tokens, Pace()
        self._attempts, self._lock = Attempts(), threading.Lock()
        app = report_door(
            self._reporter_of,
            lambda original, reporter: inbox.take([original], reporter),
            lambda reporter: self._pace.is_too_fast(reporter, monotonic()),
            MOST_SESSIONS,
        )
        self._socket = listen_tcp(str(listen.address), listen.port)
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=patient(patience),
                ws="none",
                proxy_headers=False,
                server_header=False,
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="desk HTTP")

    @property
    def port(self) -> int:
        """Return the port that is listened at."""
        number: int = self._socket.getsockname()[1]
        return number

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End when what is being taken is taken, or after a few seconds."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()

    def check(self) -> None:
        """Raise GateError where the thread has ended by itself."""
        require_thread("takes reports in over HTTP", self._thread.is_alive())

    def _reporter_of(self, token: str) -> str | None:
        with self._lock:  # requests are in threads of their own
            known = self._attempts.attempt("taking reports in over HTTP", self._tokens)
        return None if known is None else known.get(digest_of(token))


@contextmanager
def http_open(
    config: Config, inbox: Inbox, current: Callable[[], Config], directory: Path
) -> Iterator[HttpDoor | None]:
    """Listen for reports over HTTP as a configuration says; `current`: the one in force. Raises GateError."""
    intake = None if config.desk is None else config.desk.intake
    if intake is None or intake.http is None:
        yield None
        return

    def tokens() -> Mapping[bytes, str]:
        desk = current().desk
        file = None if desk is None or desk.intake is None else desk.intake.tokens_file
        return {} if file is None else read_tokens(directory / file)

    try:
        door = HttpDoor(intake.http, inbox, tokens)
    except DoorError as error:
        raise GateError(f"{error}: name another place in [desk.intake]") from error
    door.start()
    try:
        yield door
    finally:
        door.stop()
