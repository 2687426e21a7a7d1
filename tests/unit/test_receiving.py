"""Mail is taken in over LMTP and SMTP: acknowledged when it is durable, else refused for a while."""

from __future__ import annotations

import smtplib
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

import pytest

from sekisho import receiving
from sekisho.desk.mime import read
from sekisho.desk.parse import LIMITS
from sekisho.receiving import Door, DoorError, Doorkeeper, with_return_path

HOST = "127.0.0.1"
MINE, OTHER = "Abuse@example.net", "noc@example.net"
MAIL = b"From: reporter@example.org\r\nSubject: a report\r\n\r\nLook:\r\n.at this\r\n"
FROM_NOBODY = b"Return-Path: <>\r\n"
TAKEN = FROM_NOBODY + MAIL
MOST = 1_000_000


@dataclass
class Taker:
    """Keeps what it takes, while it is willing."""

    is_willing: bool = True
    taken: list[bytes] = field(default_factory=list)

    def __call__(self, batch: Sequence[bytes]) -> bool:
        if self.is_willing:
            self.taken += batch
        return self.is_willing


@contextmanager
def open_doors(take: Taker, *doors: Door) -> Iterator[Doorkeeper]:
    keeper = Doorkeeper(
        doors or (Door((HOST, 0), is_lmtp=True), Door((HOST, 0), is_lmtp=False)),
        take,
        recipients=lambda: {"abuse@example.net", "spam@example.net"},
        clients=lambda: (ip_network("192.0.2.0/24"),),
        most=MOST,
    )
    keeper.start()
    try:
        yield keeper
    finally:
        keeper.stop()


def lmtp(keeper: Doorkeeper) -> smtplib.LMTP:
    return smtplib.LMTP(HOST, keeper.ports[0])


def test_a_mail_is_taken_byte_by_byte_as_it_is_under_its_sender_by_either_protocol() -> None:
    take = Taker()
    with open_doors(take) as keeper:
        with lmtp(keeper) as client:
            assert client.sendmail("", [MINE], MAIL) == {}
        with smtplib.SMTP(HOST, keeper.ports[1]) as client:
            client.sendmail("reporter@example.org", [MINE], MAIL + b"\x80\xff 8 bit\r\n")
    of_reporter = b"Return-Path: <reporter@example.org>\r\n"
    assert take.taken == [TAKEN, of_reporter + MAIL + b"\x80\xff 8 bit\r\n"]
    assert keeper.counts["taken"] == 2


@pytest.mark.parametrize("sign", ["\r", "\n", "\0", "\x85", "\u2028"])
def test_a_sender_writes_no_line_above_what_our_mail_server_has_written(sign: str) -> None:
    sender = f'"a{sign}Authentication-Results: mx; dkim=pass header.d=example.net"@example.org'
    for mail in (MAIL, MAIL.replace(b"\r\n", b"\r")):
        (_, returned), *_ = read(with_return_path(mail, sender), LIMITS).header.fields
        assert returned == b"<>"


def test_lmtp_answers_once_for_each_recipient_and_other_mailboxes_are_nobodys() -> None:
    take = Taker()
    with open_doors(take) as keeper, lmtp(keeper) as client:
        client.ehlo()
        client.mail("")
        assert [client.rcpt(one)[0] for one in (MINE, OTHER, "spam@example.net")] == [250, 550, 250]
        client.putcmd("DATA")
        assert client.getreply()[0] == 354
        client.send(MAIL.replace(b"\n.", b"\n..") + b".\r\n")
        assert [client.getreply()[0] for _ in range(2)] == [250, 250]
        assert client.noop()[0] == 250
        assert client.docmd("EHLO me")[0] == 500
    assert take.taken == [TAKEN]


def test_addresses_are_read_alike_whether_they_come_first_or_again() -> None:
    written = {
        "<abuse@example.net>": 250,
        "<abuse@example.net> NOTIFY=NEVER": 555,  # a parameter that nobody offers
        '<"a>b"@example.net>': 550,
        "<noc(>)@example.net>": 550,
        "<abuse@>": 553,
        "abuse@example.net": 250,
    }
    with open_doors(Taker()) as keeper, lmtp(keeper) as client:
        client.ehlo()
        client.mail("", ["SIZE=1000"])
        for _ in range(2):
            assert {one: client.docmd("RCPT", f"TO:{one}")[0] for one in written} == written


def test_what_cannot_be_made_durable_is_refused_for_a_while_only() -> None:
    take = Taker(is_willing=False)
    with open_doors(take) as keeper, lmtp(keeper) as client:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.sendmail("", [MINE], MAIL)
        assert refused.value.smtp_code == 451
        take.is_willing = True
        assert client.sendmail("", [MINE], MAIL) == {}
    assert take.taken == [TAKEN]


def test_of_what_is_too_large_as_much_is_kept_as_tells_it() -> None:
    take = Taker()
    line = b"x" * 200_000 + b"\r\n"  # longer than any line may be
    with open_doors(take) as keeper, lmtp(keeper) as client:
        client.sendmail("", [MINE], MAIL + b"\r\n" + line * 20)
        client.sendmail("", [MINE], MAIL)
    assert [len(one) for one in take.taken] == [len(FROM_NOBODY) + MOST + 1, len(TAKEN)]


def test_whoever_sends_too_fast_is_asked_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "MOST_A_SECOND", 0.001)
    monkeypatch.setattr(receiving, "_BURST_SECONDS", 1_000)
    take = Taker()
    with open_doors(take) as keeper, lmtp(keeper) as client:
        client.sendmail("", [MINE], MAIL)
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.sendmail("", [MINE], MAIL)
    assert refused.value.smtp_code == 451
    assert len(take.taken) == 1


def test_there_are_no_more_sessions_than_have_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "MOST_SESSIONS", 1)
    with open_doors(Taker()) as keeper, lmtp(keeper):
        with pytest.raises(smtplib.SMTPConnectError) as refused:
            lmtp(keeper)
        assert refused.value.smtp_code == 421


def test_a_session_that_ends_in_the_middle_leaves_nothing() -> None:
    take = Taker()
    with open_doors(take) as keeper:
        client = lmtp(keeper)
        client.ehlo()
        client.mail("")
        client.rcpt(MINE)
        client.putcmd("DATA")
        client.getreply()
        client.send(MAIL)
        client.close()
        with lmtp(keeper) as other:
            other.sendmail("", [MINE], MAIL)
    assert take.taken == [TAKEN]


def test_an_end_that_is_no_end_of_its_line_is_none() -> None:
    take = Taker()
    with open_doors(take) as keeper, lmtp(keeper) as client:
        client.ehlo()
        client.mail("")
        client.rcpt(MINE)
        client.putcmd("DATA")
        client.getreply()
        client.send(b"a\n.\nMAIL FROM:<x@example.org>\r\n.\r\n")
        assert client.getreply()[0] == 250
    assert take.taken == [b"Return-Path: <>\r" + b"a\n.\nMAIL FROM:<x@example.org>\r\n"]


def test_a_unix_socket_is_there_as_long_as_the_door_is_open(tmp_path: Path) -> None:
    take, path = Taker(), tmp_path / "lmtp"
    for _ in range(2):  # also over what a killed one has left
        with open_doors(take, Door(path, is_lmtp=True)), smtplib.LMTP(str(path)) as client:
            client.sendmail("", [MINE], MAIL)
        assert not path.exists()
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))
    assert take.taken == [TAKEN, TAKEN]


def test_a_place_that_cannot_be_had_is_named() -> None:
    with open_doors(Taker()) as keeper:
        door = Door((HOST, keeper.ports[0]), is_lmtp=True)
        with pytest.raises(DoorError, match=f"127.0.0.1 port {keeper.ports[0]}: Address already in use"):
            Doorkeeper((door,), Taker(), recipients=set, clients=tuple, most=MOST).start()


def test_only_this_machine_and_clients_may_send() -> None:
    keeper = Doorkeeper((), Taker(), recipients=set, clients=lambda: (ip_network("192.0.2.0/24"),), most=MOST)
    peers = (("127.0.0.1", 1), ("::1", 1, 0, 0), ("192.0.2.7", 1), ("::ffff:192.0.2.7", 1, 0, 0), "")
    assert [keeper.may_send(peer) for peer in peers] == [True] * 5
    assert not keeper.may_send(("198.51.100.7", 1))


def test_the_end_waits_for_what_is_being_taken() -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Taker):
        def __call__(self, batch: Sequence[bytes]) -> bool:
            begun.set()
            assert go_on.wait(60)
            return super().__call__(batch)

    take, answers = Slow(), []
    with open_doors(take) as keeper:
        client = lmtp(keeper)
        sending = threading.Thread(target=lambda: answers.append(client.sendmail("", [MINE], MAIL)))
        sending.start()
        assert begun.wait(60)
        ending = threading.Thread(target=keeper.stop)
        ending.start()
        go_on.set()
        ending.join(60)
        sending.join(60)
    client.close()
    assert answers == [{}]
    assert take.taken == [TAKEN]
