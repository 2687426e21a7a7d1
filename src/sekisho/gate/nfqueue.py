"""The netfilter queues of this network namespace: bind, release, learn that something came; see no packet.

The messages are those of linux/netfilter/nfnetlink_queue.h; numbers in attributes are big-endian, in
headers native.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from sekisho.gate import GateError
from sekisho.gate.releases import ID_MASK, Batch

NETLINK_NETFILTER: Final = 12
SO_RCVBUFFORCE: Final = 33
SO_ATTACH_FILTER: Final = 26

SUBSYS_QUEUE: Final = 3
MSG_PACKET: Final = SUBSYS_QUEUE << 8
MSG_CONFIG: Final = SUBSYS_QUEUE << 8 | 2
MSG_VERDICT_BATCH: Final = SUBSYS_QUEUE << 8 | 3
NLMSG_ERROR: Final = 2
NLM_F_REQUEST: Final = 1
NLM_F_ACK: Final = 4

CFG_CMD: Final = 1
CFG_PARAMS: Final = 2
CFG_QUEUE_MAXLEN: Final = 3
CMD_BIND: Final = 1
CMD_UNBIND: Final = 2
CMD_PF_BIND: Final = 3
COPY_META: Final = 1  # COPY_NONE drops what it queues
VERDICT_HDR: Final = 2
NF_ACCEPT: Final = 1

QUEUE_LENGTH: Final = 1 << 20  # patched kernels stop at 65,536 of it

HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
GENERIC: Final = struct.Struct(">BBH")  # family, version, queue
ATTRIBUTE: Final = struct.Struct("=HH")  # length, type
COMMAND: Final = struct.Struct(">BBH")  # command, pad, protocol family
VERDICT: Final = struct.Struct(">II")  # verdict, id
ERROR: Final = struct.Struct("=i")  # negative error number, 0: done

# Where a packet message carries its queue and its id, which is always the first attribute.
QUEUE_OFFSET: Final = HEADER.size + 2
ID_OFFSET: Final = HEADER.size + GENERIC.size + ATTRIBUTE.size

PART_BYTES: Final = 4096 - 128  # an answer that leaves room for another row is the last
PROC_QUEUES: Final = Path("/proc/thread-self/net/netfilter/nfnetlink_queue")
PROC_NETLINK: Final = Path("/proc/thread-self/net/netlink")

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant


class QueueRow(NamedTuple):
    """One queue as /proc shows it; drops since it was bound: for want of room, and of an owner that reads."""

    port_id: int
    held: int
    full_drops: int
    user_drops: int
    last_id: int


def parse_rows(text: bytes) -> dict[int, QueueRow]:
    """Read /proc/net/netfilter/nfnetlink_queue: queue → row.

    Its columns: queue, owner's port id, held, copy mode, copy range, dropped as full, dropped as undelivered,
    last id given, 1.
    """
    rows = {}
    for line in text.splitlines():
        queue, port_id, held, _mode, _range, full, user, last_id, _one = map(int, line.split())
        rows[queue] = QueueRow(port_id & ID_MASK, held, full, user, last_id & ID_MASK)
    return rows


class QueueTable:
    """The kernel's table of queues in the network namespace of the thread that opened it."""

    def __init__(self) -> None:
        self._fd = os.open(PROC_QUEUES, os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> dict[int, QueueRow]:
        """Return queue → row, of every program's queues."""
        text = part = os.pread(self._fd, 65536, 0)
        while len(part) > PART_BYTES:  # the kernel answers whole rows, a page at a time
            part = os.pread(self._fd, 65536, len(text))
            text += part
        return parse_rows(text)

    def close(self) -> None:
        """Close it."""
        os.close(self._fd)


def message(kind: int, flags: int, sequence: int, queue: int, *attributes: tuple[int, bytes]) -> bytes:
    """Return a request; attributes are (type, payload)."""
    body = GENERIC.pack(socket.AF_UNSPEC, 0, queue)
    for number, payload in attributes:
        body += ATTRIBUTE.pack(ATTRIBUTE.size + len(payload), number) + payload
        body += bytes(-len(payload) % 4)
    return HEADER.pack(HEADER.size + len(body), kind, NLM_F_REQUEST | flags, sequence, 0) + body


LOAD_HALF: Final = 0x28  # of the message, big-endian
LOAD_WORD: Final = 0x20
TO_X: Final = 0x07
FROM_X: Final = 0x87
JUMP_EQUAL: Final = 0x15
RETURN: Final = 0x06


def wake_filter(last_ids: Mapping[int, int]) -> list[Instruction]:
    """Return a socket filter that shows no packet, only that one came.

    It lets through every message that is not of a packet, and of each queue's packet messages only the one
    that follows `last_ids`, cut down to its netlink header. So the first arrival wakes the reader once,
    whatever follows it, and a burst cannot fill the socket's buffer (packets would be dropped for it).
    """
    program: list[Instruction] = [
        (LOAD_HALF, 0, 0, 4),
        (JUMP_EQUAL, 1, 0, socket.htons(MSG_PACKET)),
        (RETURN, 0, 0, 0xFFFF_FFFF),
        (LOAD_WORD, 0, 0, ID_OFFSET),
        (TO_X, 0, 0, 0),
        (LOAD_HALF, 0, 0, QUEUE_OFFSET),
    ]
    for queue, last_id in last_ids.items():
        program += [
            (JUMP_EQUAL, 0, 4, queue),
            (FROM_X, 0, 0, 0),
            (JUMP_EQUAL, 0, 1, (last_id + 1) & ID_MASK),
            (RETURN, 0, 0, HEADER.size),
            (RETURN, 0, 0, 0),
        ]
    return [*program, (RETURN, 0, 0, 0)]


def attach_filter(sock: socket.socket, program: list[Instruction]) -> None:
    """Attach a classic BPF program to a socket in place of the one it has."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    fprog = struct.pack("@HP", len(program), ctypes.addressof(code))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, fprog)


class QueueSocket:
    """A netlink socket that owns queues. What they hold is dropped when it closes.

    Errors: GateError for want of CAP_NET_ADMIN, or of the kernel's nfnetlink_queue.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER
        )
        self._socket.setblocking(False)
        self.wake_after({})  # before anything is bound: no packet message ever arrives
        self._socket.bind((0, 0))
        self._sequence = 0
        self._load_module()
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20)  # one wake-up of each queue fits

    @property
    def port_id(self) -> int:
        """The address by which the kernel knows the owner of a queue."""
        return int(self._socket.getsockname()[0])

    def fileno(self) -> int:
        """Return the file descriptor: readable once something came after `wake_after`."""
        return self._socket.fileno()

    def bind(self, queue: int) -> None:
        """Own a queue and make it hold all it can.

        Errors: GateError when another process owns it.
        """
        attributes = (
            (CFG_CMD, COMMAND.pack(CMD_BIND, 0, 0)),
            (CFG_PARAMS, struct.pack(">IB", 0, COPY_META)),
            (CFG_QUEUE_MAXLEN, struct.pack(">I", QUEUE_LENGTH)),
        )
        self._must(self._ask(MSG_CONFIG, queue, *attributes), queue, "bind")

    def unbind(self, queue: int) -> None:
        """Give a queue up; what it holds is dropped."""
        code = self._ask(MSG_CONFIG, queue, (CFG_CMD, COMMAND.pack(CMD_UNBIND, 0, 0)))
        self._must(code, queue, "unbind")

    def release(self, batches: Iterable[Batch]) -> None:
        """Send on everything in each queue up to an id; `drain` tells whether that went wrong."""
        self._socket.send(
            b"".join(
                message(
                    MSG_VERDICT_BATCH,
                    0,
                    0,
                    batch.queue,
                    (VERDICT_HDR, VERDICT.pack(NF_ACCEPT, batch.last_id)),
                )
                for batch in batches
            )
        )

    def wake_after(self, last_ids: Mapping[int, int]) -> None:
        """Become readable with the first packet after these ids (queue → last id seen)."""
        attach_filter(self._socket, wake_filter(last_ids))

    def drain(self) -> None:
        """Read away what woke us and what became of releases.

        Errors: OSError when a queue is no longer ours.
        """
        while True:
            try:
                answer = self._socket.recv(4096)
            except BlockingIOError:
                return
            code = _error_number(answer)
            if code not in (0, errno.ENOENT):  # ENOENT: a flush of the ruleset has dropped what was held
                raise OSError(code, f"a verdict was not taken: {os.strerror(code)}")

    def close(self) -> None:
        """Close the socket, and drop what its queues hold."""
        self._socket.close()

    def _ask(self, kind: int, queue: int, *attributes: tuple[int, bytes]) -> int:
        """Send one request and return the error number it is answered with, 0 for none.

        The kernel has answered by the time `send` returns.
        """
        self._sequence = (self._sequence + 1) & ID_MASK
        self._socket.send(message(kind, NLM_F_ACK, self._sequence, queue, *attributes))
        while True:
            answer = self._socket.recv(4096)
            if HEADER.unpack_from(answer)[3] == self._sequence:
                return _error_number(answer)

    def _load_module(self) -> None:
        """Make the kernel load nfnetlink_queue, which any request does; this one has no effect since 3.8."""
        code = self._ask(MSG_CONFIG, 0, (CFG_CMD, COMMAND.pack(CMD_PF_BIND, 0, socket.AF_INET)))
        if code:
            self.close()
            way_out = (
                "CAP_NET_ADMIN is needed" if code == errno.EPERM else "it needs the module nfnetlink_queue"
            )
            raise GateError(f"this kernel offers no netfilter queue: {os.strerror(code)}; {way_out}")

    def _must(self, code: int, queue: int, verb: str) -> None:
        if code == 0:
            return
        table = QueueTable()
        row = table.read().get(queue)
        table.close()
        if row is not None and row.port_id != self.port_id:
            raise GateError(
                f"cannot {verb} netfilter queue {queue}: {owner_name(row.port_id)} owns it; "
                "end that program, or give the gate other queues: `queue = N` in [gate], the first of 64"
            )
        raise GateError(f"cannot {verb} netfilter queue {queue}: {os.strerror(code)}")


def _error_number(answer: bytes) -> int:
    """Return the error number that a message reports, 0 for any other message."""
    if HEADER.unpack_from(answer)[1] != NLMSG_ERROR:
        return 0
    code: int = ERROR.unpack_from(answer, HEADER.size)[0]
    return -code


def owner_name(port_id: int) -> str:
    """Name the process behind a netfilter netlink port id, as far as /proc tells."""
    for pid in _socket_holders(_inode_of(port_id)):
        try:
            command = Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            continue
        return f"process {pid} ({command})"
    return f"a process not visible from here (netlink port {port_id})"


def _inode_of(port_id: int) -> int | None:
    for line in PROC_NETLINK.read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1]) == NETLINK_NETFILTER and int(fields[2]) & ID_MASK == port_id:
            return int(fields[-1])
    return None


def _socket_holders(inode: int | None) -> Iterator[int]:
    wanted = f"socket:[{inode}]"
    for process in Path("/proc").glob("[0-9]*"):
        if wanted in _open_files(process):
            yield int(process.name)


def _open_files(process: Path) -> set[str]:
    links = set()
    with suppress(OSError):  # ended meanwhile, or another user's
        for entry in (process / "fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                links.add(str(entry.readlink()))
    return links
