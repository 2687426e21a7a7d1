"""Netlink messages, the table of queues, and what the socket filter lets through."""

from __future__ import annotations

import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from sekisho.gate import nfqueue
from sekisho.gate.nfqueue import HEADER, Instruction, QueueRow, message, parse_rows, wake_filter
from sekisho.gate.releases import ID_MASK

TABLE = b""" 2500   4711  1000 1     0     2     3 4294967295  1
 2501  -4000     0 1     0     0     0       -1  1
"""


def test_table_of_queues() -> None:
    rows = parse_rows(TABLE)
    assert rows[2500] == QueueRow(4711, 1000, 2, 3, ID_MASK)
    assert rows[2501] == QueueRow(2**32 - 4000, 0, 0, 0, ID_MASK)  # older kernels print both signed


def test_message_layout() -> None:
    text = message(nfqueue.MSG_CONFIG, nfqueue.NLM_F_ACK, 7, 2500, (2, b"\0\0\0\0\1"), (3, b"\0\x10\0\0"))
    assert HEADER.unpack_from(text) == (len(text), 0x302, 5, 7, 0)
    assert text[16:20] == b"\0\0" + (2500).to_bytes(2, "big")
    params = struct.pack("=HH", 9, 2) + b"\0\0\0\0\1\0\0\0"
    assert text[20:] == params + struct.pack("=HH", 8, 3) + b"\0\x10\0\0"


def run_filter(program: list[Instruction], data: bytes) -> int:
    """Interpret the few instructions that wake_filter uses; return how many bytes pass."""
    accumulator = index = at = 0
    while True:
        code, jump_true, jump_false, constant = program[at]
        at += 1
        if code == nfqueue.LOAD_HALF:
            accumulator = int.from_bytes(data[constant : constant + 2], "big")
        elif code == nfqueue.LOAD_WORD:
            accumulator = int.from_bytes(data[constant : constant + 4], "big")
        elif code == nfqueue.TO_X:
            index = accumulator
        elif code == nfqueue.FROM_X:
            accumulator = index
        elif code == nfqueue.JUMP_EQUAL:
            at += jump_true if accumulator == constant else jump_false
        else:
            assert code == nfqueue.RETURN
            return min(constant, len(data))


def packet_message(queue: int, packet_id: int) -> bytes:
    attribute = struct.pack("=HH", 11, 1) + struct.pack(">IHB", packet_id, 0x0800, 0) + b"\0"
    payload = b"secret: who writes to whom"
    body = struct.pack(">BBH", socket.AF_INET, 0, queue) + attribute + payload
    return HEADER.pack(HEADER.size + len(body), nfqueue.MSG_PACKET, 0, 0, 0) + body


@given(
    st.dictionaries(st.integers(0, 65535), st.integers(0, ID_MASK), max_size=64),
    st.integers(0, 65535),
    st.integers(0, ID_MASK),
)
def test_a_packet_shows_its_netlink_header_at_most(
    last_ids: dict[int, int], queue: int, packet_id: int
) -> None:
    assert run_filter(wake_filter(last_ids), packet_message(queue, packet_id)) in (0, HEADER.size)


@given(st.dictionaries(st.integers(0, 65535), st.integers(0, ID_MASK), min_size=1, max_size=64), st.data())
def test_only_the_next_packet_of_a_queue_wakes(last_ids: dict[int, int], data: st.DataObject) -> None:
    program = wake_filter(last_ids)
    queue = data.draw(st.sampled_from(sorted(last_ids)))
    step = data.draw(st.integers(0, 5))
    came = run_filter(program, packet_message(queue, (last_ids[queue] + step) & ID_MASK))
    assert came == (HEADER.size if step == 1 else 0)


def test_acknowledgements_pass_whole() -> None:
    answer = HEADER.pack(36, nfqueue.NLMSG_ERROR, 0, 1, 0) + bytes(20)
    assert run_filter(wake_filter({2500: 0}), answer) == 36
