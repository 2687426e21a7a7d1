"""What is acknowledged is in the journal of either database, which only its owner and root may reach."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing
from ipaddress import ip_network

from sekisho.daemon.bell import Bell
from sekisho.daemon.radius_process import RadiusProcess
from sekisho.lines.radius import Naming
from sekisho.lines.radius_reception import Client
from sekisho.store import open_journal
from tests.unit.radius_packets import LOGIN, NAS, SECRET, START, USER, accounting


def test_what_is_acknowledged_is_in_the_journal(url: str) -> None:
    clients = [Client("here", ip_network("127.0.0.1"), SECRET)]
    with ExitStack() as stack:
        bell = stack.enter_context(closing(Bell()))
        listen = [("127.0.0.1", 0)]
        process = RadiusProcess(listen, clients, [Naming.USER_NAME], url=url, bell=bell.fileno())
        process.start()
        stack.callback(process.stop)
        sender = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sender.settimeout(30)
        sender.connect(("127.0.0.1", process.report().radius.doors[0].port))
        for identifier in range(3):
            sender.send(accounting(START, LOGIN, USER, NAS, identifier=identifier))
            assert sender.recv(100)[1] == identifier, process.report().radius.trouble
        assert stack.enter_context(closing(open_journal(url))).waiting() == 3
