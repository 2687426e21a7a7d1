from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from pyrad.packet import CoAPacket

from sekisho import coa_client
from sekisho.coa_client import WAITS_SECONDS, AskError, Nas, ask
from sekisho.desk.actions import ANSWER
from sekisho.desk.coa import Answer, disconnect, of_login
from sekisho.model import Address

NOW = datetime(2026, 4, 1, 3, tzinfo=UTC)
SECRET = b"a secret of these tests"
REQUEST = disconnect(of_login([Address(bytes((100, 64, 0, 1)), 32)]))

Behaviour = Callable[[int, bytes], Sequence[bytes]]
"""What a NAS sends when it hears a packet the n-th time (from 0)."""


def acknowledged(data: bytes, secret: bytes = SECRET) -> bytes:
    packet = CoAPacket(packet=data, secret=SECRET)
    answer = packet.CreateReply()
    answer.secret = secret
    made: bytes = answer.ReplyPacket()
    return made


@contextmanager
def nas(behaviour: Behaviour) -> Iterator[tuple[Nas, list[bytes]]]:
    heard: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                data, peer = door.recvfrom(5_000)
                if not data:
                    return
                for answer in behaviour(len(heard), data):
                    door.sendto(answer, peer)
                heard.append(data)

        thread = threading.Thread(target=serve)
        thread.start()
        port = door.getsockname()[1]
        try:
            yield Nas("127.0.0.1", port, SECRET), heard
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ending:
                ending.sendto(b"", ("127.0.0.1", port))
            thread.join()


def asked(there: Nas, *waits: float) -> Answer:
    return ask(there, REQUEST, utc=lambda: NOW, waits_seconds=waits)


def test_each_transmission_is_the_same_packet() -> None:
    with nas(lambda number, data: [acknowledged(data)] if number == 2 else []) as (there, heard):
        assert asked(there, 0.05, 0.05, 30) == Answer(True)
    assert len(heard) == 3
    assert len(set(heard)) == 1


def test_the_answer_counts_whatever_comes_before_it() -> None:
    with nas(lambda _, data: [b"", b"x" * 4_096, acknowledged(data, b"no"), acknowledged(data)]) as (
        there,
        _,
    ):
        assert asked(there, 30) == Answer(True)


def test_another_secret_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((0, 0, 31))  # when it is sent, when its answer is waited for, and after that
    monkeypatch.setattr(coa_client, "monotonic", lambda: next(clock))
    with (
        nas(lambda _, data: [acknowledged(data, b"no")]) as (there, _),
        pytest.raises(AskError, match="secret"),
    ):
        asked(there, 30)


def test_silence_is_told() -> None:
    with nas(lambda *_: []) as (there, _), pytest.raises(AskError, match="2 transmissions: it is silent"):
        asked(there, 0.01, 0.01)


def test_where_nothing_listens_it_is_told_at_once() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as taken:
        taken.bind(("::1", 0))
        port = taken.getsockname()[1]
        taken.connect(("::1", port))  # it hears itself alone, and nobody else can have its port
        with pytest.raises(AskError, match="nothing listens on its port"):
            asked(Nas("::1", port, SECRET), 60)


def test_no_way_there_is_told() -> None:
    with pytest.raises(AskError, match="cannot be reached"):
        asked(Nas("255.255.255.255", 3_799, SECRET), 0.01)


def test_an_action_waits_longer_than_we_do() -> None:
    assert timedelta(seconds=sum(WAITS_SECONDS)) < ANSWER


def test_a_secret_is_never_shown() -> None:
    assert "secret of" not in repr(Nas("127.0.0.1", 3_799, SECRET))
