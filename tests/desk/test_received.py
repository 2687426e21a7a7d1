"""Received fields: as servers write them, and as senders would like them to be read."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.desk.received import LONGEST, hop
from sekisho.desk.report import HostAddress
from tests.desk import letters

DATE = "Tue, 3 Nov 2026 17:11:12 +0900"
AT = datetime(2026, 11, 3, 8, 11, 12, tzinfo=UTC)
ADDRESS, OTHER = ip_address("198.51.100.7"), ip_address("192.0.2.9")
IPV6 = ip_address("2001:db8:4000::7")

addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6, network="2001:db8::/32"))
words = st.text(st.characters(blacklist_categories=["Cs"]), max_size=60)
greetings = st.one_of(
    words,
    st.lists(
        st.sampled_from(
            [
                "(",
                ")",
                "[",
                "]",
                " ",
                ";",
                "by ",
                "from ",
                "with LMTP ",
                "\\",
                str(OTHER),
                f"[{OTHER}]",
                "helo=",
            ]
        ),
        max_size=12,
    ).map("".join),
)


@given(addresses, st.sampled_from(letters.SERVERS), st.integers(1, 65_535).filter(lambda port: port != 25))
def test_every_server_s_field_gives_address_and_time(
    address: HostAddress, write: letters.Writer, port: int
) -> None:
    found = hop(write(address, DATE, port))
    assert (found.address, found.is_clear) == (address, True)
    assert found.moment is not None
    assert found.moment.at == AT
    assert found.port == (port if write in letters.WITH_PORT else None)
    assert found.by is not None


@given(greetings)
def test_no_greeting_gives_the_address(greeting: str) -> None:
    """As those write it who take out what could end a comment, and as qmail does, who takes out nothing."""
    neutral = "".join("?" if sign in ' <>()\\";@' else sign for sign in greeting) or "x"
    for field in (
        f"from {neutral} (unknown [{ADDRESS}])\n by mx.example.net (Postfix) with ESMTP id 1; {DATE}",
        f"from x ([{ADDRESS}] helo={neutral})\n by mx.example.net with esmtp (Exim 4.96) id 1; {DATE}",
        f"from unknown (HELO {greeting}) ({ADDRESS})\n by mx.example.net with SMTP; {DATE}",
    ):
        found = hop(field)
        assert found.address == ADDRESS or not found.is_clear


@given(st.text(max_size=300))
def test_whatever_is_written_is_a_hop(value: str) -> None:
    found = hop(value)
    assert found.is_clear or found.address is None


@given(
    st.lists(
        st.sampled_from(
            ["from", "by", "(", ")", "[", "]", ";", "x", str(ADDRESS), f"[{OTHER}]", DATE, "with", "\\"]
        )
    )
)
def test_whatever_its_pieces_are_it_is_a_hop(pieces: list[str]) -> None:
    found = hop(" ".join(pieces))
    assert found.is_clear or found.address is None


@pytest.mark.parametrize(
    "field",
    [
        f"from [{OTHER}] (unknown [{ADDRESS}]) by mx.example.net (Postfix) with SMTP id 1; {DATE}",
        f"from localhost (HELO [{OTHER}]) ({ADDRESS}) by mx.example.net with SMTP; {DATE}",
        f"from {ADDRESS} (EHLO {OTHER}) by mx.example.net with SMTPs (version=TLS1_3); {DATE}",
        f"from {ADDRESS}  (EHLO x) ({ADDRESS}) by mx.example.net with SMTP; {DATE}",
        f"from x (ident@dsl.example [{ADDRESS}] (may be forged)) by mx.example.net; {DATE}",
        f"from x ([::ffff:{ADDRESS}]) by mx.example.net; {DATE}",
        f"from x ([IPv6:::ffff:{ADDRESS}]) by mx.example.net; {DATE}",
        f"from x (dsl (nested (deep) [{ADDRESS}]))\n\tby mx.example.net\n\t(a; b) with ESMTP; {DATE}",
        f"from x ({ADDRESS}) by mx.example.net ({OTHER}) with Microsoft SMTP Server; {DATE}",
        f"FROM x ([{ADDRESS}]) BY mx.example.net WITH ESMTP; {DATE}",
        f"from [{ADDRESS}] (helo=[{OTHER}]) by mx.example.net with smtp (Exim 4.96) id 1; {DATE}",
        f"from [{ADDRESS}] by mx.example.net with esmtp (Exim 4.96) id 1; {DATE}",
        f"from x (LHLO [{OTHER}]) ({ADDRESS}) by mx.example.net with LMTP; {DATE}",
        f"from x ({OTHER}@{ADDRESS}) by mx.example.net with SMTP; {DATE}",
        f"from x (HELO y) (a@b@{ADDRESS}) by mx.example.net with ESMTPA; {DATE}",
        f"from unknown [{ADDRESS}] (EHLO [{OTHER}]) by mx.example.net (mxl_mta-7.2) with ESMTP; {DATE}",
        f"from {ADDRESS} by mx.example.net pod-id a--b with HTTPS; {DATE}",
        f"from [{ADDRESS}] by mx.example.net with HTTP; {DATE}",
        f"from 127.0.0.1 (EHLO x) ({ADDRESS}) by mx.example.net with SMTP; {DATE}",
    ],
)
def test_the_address_is_the_one_that_the_server_has_seen(field: str) -> None:
    found = hop(field)
    assert (found.address, found.by) == (ADDRESS, "mx.example.net")


@pytest.mark.parametrize(
    "greeting", ["by", "from", "with", "id", "for", "LMTP", "HELO", "[unix", "localhost"]
)
def test_a_greeting_that_is_a_word_of_the_grammar_hides_nothing(greeting: str) -> None:
    found = hop(
        f"from {greeting} (unknown [{ADDRESS}])\n\tby mx.example.net (Postfix) with SMTP id 1; {DATE}"
    )
    assert (found.address, found.by, found.is_clear) == (ADDRESS, "mx.example.net", True)


def test_a_port_may_stand_within_the_brackets() -> None:
    found = hop(
        f"from [{ADDRESS}] ([{ADDRESS}:4567] helo=x) by y (ecelerity 3.6 r(1)) with ESMTP id 1; {DATE}"
    )
    assert (found.address, found.port) == (ADDRESS, 4567)


def test_ipv6_with_a_port_and_a_zone() -> None:
    assert hop(f"from x ([{IPV6}]:4567 helo=y) by z; {DATE}").port == 4567
    assert hop(f"from x ({IPV6}) by z; {DATE}").address == IPV6
    assert hop(f"from x ([fe80::1%14]) by z ([fe80::2%15]) with mapi id 1; {DATE}").address == ip_address(
        "fe80::1"
    )


@pytest.mark.parametrize(
    "field",
    [
        "(qmail 123 invoked from network); 3 Nov 2026 08:11:12 -0000",
        f"by mx.example.net (Postfix, from userid 33) id 1; {DATE}",
        f"by 2002:a05:6a10:1 with SMTP id x1; {DATE}",
        f"(from root@localhost) by mx.example.net (8.17.1) id 1; {DATE}",
        f"from mx.example.net by store.example.net with LMTP id 1; {DATE}",
        f"from localhost ([unix socket]) by store.example.net (Cyrus) with LMTPA; {DATE}",
        f"from pop.example.org [{OTHER}] by localhost with POP3 (fetchmail-6.4); {DATE}",
        f"from [{OTHER}] by store.example.net (LMTP); {DATE}",
    ],
)
def test_a_hand_over_within_names_nobody_and_is_clear(field: str) -> None:
    found = hop(field)
    assert (found.address, found.is_clear) == (None, True)
    assert found.moment is not None
    assert found.moment.at == AT


@pytest.mark.parametrize(
    "field",
    [
        f"from dsl.example by mx.example.net with SMTP; {DATE}",
        f"from {OTHER} by mx.example.net with SMTP; {DATE}",
        f"from [{OTHER}] by mx.example.net with SMTP; {DATE}",
        f"from unknown (unknown [unknown]) by mx.example.net (Postfix) with SMTP; {DATE}",
        f"from unknown (HELO x) ({OTHER}) ({ADDRESS}) by mx.example.net; {DATE}",
        f"from unknown (HELO x) ({OTHER}) by y () ({ADDRESS}) by mx.example.net; {DATE}",
        f"from unknown (HELO x\\) ({ADDRESS}) by mx.example.net; {DATE}",
        f"from unknown (HELO x) ([{OTHER}]) with a (b) ({ADDRESS}) by mx.example.net; {DATE}",
        f"from unknown (HELO x) ([{OTHER}]) with (b) ({ADDRESS})",
        f"from unknown (HELO x) ([{OTHER}]) by y; {DATE} () ({ADDRESS}) by mx.example.net; {DATE}",
        f"from unknown (HELO x) ([{OTHER}]) by y; {DATE} (() ({ADDRESS}) by mx.example.net; {DATE}",
        f"from unknown (HELO x) ([{OTHER}]) by y; {DATE} (\\) ({ADDRESS}) by mx.example.net; {DATE}",
        f"from unknown (HELO x)) ({ADDRESS}) by mx.example.net; {DATE}",
        f"from x ([{ADDRESS}] [{OTHER}]) by mx.example.net; {DATE}",
        f"from x ([{ADDRESS}:25] [{OTHER}]) by mx.example.net; {DATE}",
        f"from {ADDRESS} (EHLO x) ({OTHER}) by mx.example.net with SMTP; {DATE}",
        f"from x [{OTHER}] (y) by mx.example.net with ESMTP; {DATE}",
        f"from x [{OTHER}] by mx.example.net with HTTP; {DATE}",
        f"from x by mx.example.net with HTTP; {DATE}",
        f"from [{OTHER}] with HTTP by mx.example.net with SMTP; {DATE}",
        f"from [{OTHER}] by a (LMTP) by mx.example.net; {DATE}",
        f"from [{OTHER}] (LMTP) by mx.example.net; {DATE}",
        f"{ADDRESS}; {DATE}",
        "",
        "(" * LONGEST,
        "()" * LONGEST,
        f"from x ([{ADDRESS}]) by mx.example.net; {DATE}" + " " * LONGEST,
    ],
)
def test_what_cannot_be_read_for_certain_names_nobody_and_is_not_clear(field: str) -> None:
    found = hop(field)
    assert (found.address, found.is_clear) == (None, False)


@pytest.mark.parametrize("date", ["", "yesterday", "Tue, 3 Nov 2999 08:11:12 +0000"])
def test_a_hop_whose_date_is_none_has_no_time(date: str) -> None:
    assert hop(f"from x ([{ADDRESS}]) by y; {date}").moment is None


def test_a_date_without_a_zone_is_there_and_unknown() -> None:
    found = hop(f"from x ([{ADDRESS}]) by y; Tue, 3 Nov 2026 08:11:12")
    assert found.moment is not None
    assert found.moment.at is None
