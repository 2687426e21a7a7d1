"""Asks a NAS over UDP (RFC 5176) and waits for its answer: each request from a port of its own.

A retransmission is the same packet, with the same identifier, from the same port: a NAS that has heard it
answers as before, and does nothing twice. RADIUS hides nothing and its MD5 is weak: to a NAS on another
machine it goes through IPsec, or over a network of the operator's own.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Final

from sekisho.desk.coa import LONGEST_PACKET, Answer, NoAnswerError, Request, Sent, decode, encode

WAITS_SECONDS: Final = (1.0, 2.0, 4.0)
"""How long each transmission waits; together less than an action waits (desk.actions.ANSWER)."""


@dataclass(frozen=True, slots=True)
class Nas:
    """Where a NAS listens, and the secret that is shared with it."""

    host: str
    port: int
    secret: bytes = field(repr=False)


class AskError(Exception):
    """Nobody has answered; what was asked may be done all the same, and may be asked again."""


def ask(
    nas: Nas,
    request: Request,
    *,
    utc: Callable[[], datetime],
    waits_seconds: Sequence[float] = WAITS_SECONDS,
) -> Answer:
    """Send a request until it is answered, once for each wait. AskError says why there is no answer."""
    sent = encode(request, secrets.randbelow(256), nas.secret, utc())
    try:
        family = socket.AF_INET6 if ":" in nas.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as door:
            door.connect((nas.host, nas.port))  # what others send does not reach us
            return _ask(door, nas, sent, waits_seconds)
    except OSError as error:
        raise AskError(f"the NAS cannot be reached: {error.strerror or error}") from error


def _ask(door: socket.socket, nas: Nas, sent: Sent, waits_seconds: Sequence[float]) -> Answer:
    why = "it is silent"
    for wait in waits_seconds:
        try:
            door.send(sent.data)
            answer, told = _answer(door, nas, sent, monotonic() + wait)
        except ConnectionRefusedError as error:
            raise AskError("nothing listens on its port") from error
        if answer is not None:
            return answer
        why = told or why
    raise AskError(f"no answer to {len(waits_seconds)} transmissions: {why}")


def _answer(door: socket.socket, nas: Nas, sent: Sent, until: float) -> tuple[Answer | None, str | None]:
    """Wait for the answer; return it, or why what came was none."""
    why = None
    while (left := until - monotonic()) > 0:
        door.settimeout(left)
        try:
            data = door.recv(LONGEST_PACKET + 1)
        except TimeoutError:
            break
        try:
            return decode(data, sent, nas.secret), None
        except NoAnswerError as error:
            why = str(error)
    return None, why
