"""Requests as radclient reads them, and its words on the answers."""

from __future__ import annotations

from sekisho.lab.accounting import Status, acknowledged, request
from sekisho.lab.topology import Addresses

HELD = Addresses("100.64.1.11", "2001:db8:4001:100::/56", "2001:db8:4001:100::2")

# FreeRADIUS 3.2.1, `radclient -x`, shortened; the second answer is the first request's.
SAID = """\
Sent Accounting-Request Id 110 from 0.0.0.0:54154 to 192.0.2.1:1813 length 96
\tAcct-Status-Type = Start
\tUser-Name = "home-4"
\tFramed-IP-Address = 100.64.0.13
Sent Accounting-Request Id 7 from 0.0.0.0:54154 to 192.0.2.1:1813 length 95
\tUser-Name = "bot-4"
Sent Accounting-Request Id 110 from 0.0.0.0:54154 to 192.0.2.1:1813 length 96
\tUser-Name = "home-4"
Received Accounting-Response Id 7 from 192.0.2.1:1813 to 192.0.2.2:54154 length 20
Received Accounting-Response Id 110 from 192.0.2.1:1813 to 192.0.2.2:54154 length 20
"""


def test_a_request_names_the_line_the_login_and_both_addresses() -> None:
    rows = request(Status.STOP, "bot-4", 1, HELD, 1_700_000_000.9).splitlines()
    assert "Acct-Status-Type = Stop" in rows
    assert 'User-Name = "bot-4"' in rows
    assert 'Acct-Session-Id = "bot-4-1"' in rows
    assert "Event-Timestamp = 1700000000" in rows
    assert "Framed-IP-Address = 100.64.1.11" in rows
    assert "Delegated-IPv6-Prefix = 2001:db8:4001:100::/56" in rows


def test_answers_are_told_by_their_numbers_and_repeated_requests_do_no_harm() -> None:
    assert acknowledged(SAID) == ["bot-4", "home-4"]


def test_what_is_half_written_is_not_there_yet() -> None:
    for length in range(len(SAID)):
        whole = SAID[:length].count("Response Id 7 ") + SAID[:length].count("Response Id 110 ")
        assert acknowledged(SAID[:length]) == ["bot-4", "home-4"][:whole]
