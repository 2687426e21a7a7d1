"""A mail server that hands messages over by LMTP, in a process of its own, in a namespace."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Final, NamedTuple

from tests.system.netns import Namespace

SESSIONS: Final = 16  # at one time
_LATER_SECONDS: Final = 0.1  # after which a message is sent again that was not taken


class Handed(NamedTuple):
    """When the first session began and the last message was taken, in seconds of CLOCK_MONOTONIC.

    `again`: how often messages were not taken, and sent again.
    """

    begin: float
    end: float
    again: int


def hand_over(here: Namespace, port: int, mailbox: str, messages: Sequence[bytes]) -> Handed:
    """Hand messages over at a port of a namespace's loopback, until all are taken."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return here.call(lambda: process.submit(_hand_over, port, mailbox, messages)).result()


def _hand_over(port: int, mailbox: str, messages: Sequence[bytes]) -> Handed:
    shares = [messages[first::SESSIONS] for first in range(SESSIONS)]
    begin = time.monotonic()
    with ThreadPoolExecutor(SESSIONS) as sessions:
        again = sum(sessions.map(lambda share: _session(port, mailbox, share), shares))
    return Handed(begin, time.monotonic(), again)


def _session(port: int, mailbox: str, messages: Sequence[bytes]) -> int:
    again = 0
    with smtplib.LMTP("127.0.0.1", port) as client:
        for message in messages:
            while not _is_taken(client, mailbox, message):
                again += 1
                time.sleep(_LATER_SECONDS)
    return again


def _is_taken(client: smtplib.LMTP, mailbox: str, message: bytes) -> bool:
    try:
        return not client.sendmail("", [mailbox], message)
    except smtplib.SMTPDataError:
        return False
