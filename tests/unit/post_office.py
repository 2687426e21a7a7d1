"""A real web server and a real mail server on loopback, which keep what they get and may refuse it.

`inside` makes their sockets, as in another network namespace.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.smtp import SMTP

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Posted:
    headers: dict[str, str]
    body: bytes


@dataclass
class Hooks:
    """A web server; it answers with `status`."""

    status: int = 204
    got: list[Posted] = field(default_factory=list)
    url: str = ""

    def ids(self) -> list[str]:
        return [one.headers["webhook-id"] for one in self.got]


@dataclass
class Mails:
    """A mail server; it answers the end of a mail with `answer`, its sender and recipient as they say."""

    answer: str = "250 taken"
    sender: str = "250 OK"
    recipient: str = "250 OK"
    got: list[EmailMessage] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    port: int = 0

    async def handle_MAIL(self, *asked: Any) -> str:  # noqa: N802 - aiosmtpd's names
        _, _, envelope, envelope.mail_from, options = asked
        envelope.mail_options.extend(options)
        return self.sender

    async def handle_RCPT(self, *asked: Any) -> str:  # noqa: N802 - aiosmtpd's names
        _, _, envelope, address, _ = asked
        if self.recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: ARG002, N802 - aiosmtpd's names
        if self.answer.startswith("250"):
            message = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            assert envelope.rcpt_tos == [message["To"]]
            self.got.append(message)
            self.senders.append(envelope.mail_from or "")
        return self.answer

    def ids(self) -> list[str]:
        return [str(one["Message-ID"]) for one in self.got]


@contextmanager
def hooks(inside: Callable[[Callable[[], Any]], Any] = lambda make: make()) -> Iterator[Hooks]:
    made = Hooks()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.got.append(Posted({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(made.status)
            self.send_header("location", "/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with inside(lambda: ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        made.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def mails(port: int = 0, inside: Callable[[Callable[[], Any]], Any] = lambda make: make()) -> Iterator[Mails]:
    made, loop = Mails(), asyncio.new_event_loop()
    listener = inside(lambda: socket.create_server(("127.0.0.1", port)))
    server = loop.run_until_complete(
        loop.create_server(lambda: SMTP(made, hostname="localhost", loop=loop), sock=listener)
    )
    made.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield made
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    sessions = asyncio.all_tasks() - {asyncio.current_task()}
    for one in sessions:
        one.cancel()
    await asyncio.gather(*sessions, return_exceptions=True)
