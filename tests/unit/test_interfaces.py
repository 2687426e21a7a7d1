"""What rtnetlink tells of interfaces."""

from __future__ import annotations

import struct

from sekisho.gate.interfaces import (
    IFF_RUNNING,
    IFF_UP,
    IFLA_IFNAME,
    LINK,
    RTM_DELLINK,
    RTM_NEWLINK,
    LinkChange,
    LinkState,
    parse_links,
)


def attribute(kind: int, payload: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def message(kind: int, name: str, flags: int) -> bytes:
    body = (
        LINK.pack(0, 0, 1, 7, flags, 0) + attribute(13, b"\1") + attribute(IFLA_IFNAME, name.encode() + b"\0")
    )
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def test_up_down_and_gone_are_told_apart() -> None:
    data = b"".join(
        (
            message(RTM_NEWLINK, "bng0", IFF_UP | IFF_RUNNING),
            message(RTM_NEWLINK, "up0", IFF_UP),
            message(RTM_NEWLINK, "bng0.100", IFF_RUNNING),
            message(RTM_DELLINK, "ppp12", IFF_UP | IFF_RUNNING),
        )
    )
    assert list(parse_links(data)) == [
        LinkChange("bng0", LinkState.UP),
        LinkChange("up0", LinkState.DOWN),
        LinkChange("bng0.100", LinkState.DOWN),
        LinkChange("ppp12", LinkState.GONE),
    ]


def test_other_messages_and_broken_ones_tell_nothing() -> None:
    assert list(parse_links(message(RTM_NEWLINK + 4, "bng0", IFF_UP))) == []
    assert list(parse_links(bytes(16))) == []
    assert list(parse_links(b"")) == []
