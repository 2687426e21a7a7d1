"""The bpf(2) system call: maps, pins, test runs and TCX links.

libbpf 1.1 knows neither TCX nor its queries, and its structs for options change between
versions; the kernel's own attributes do not. Every failure is an OSError that names the command.
Layouts: union bpf_attr in the kernel's include/uapi/linux/bpf.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain, islice
from pathlib import Path
from typing import Final, TypeVar

_SYSCALL_NUMBERS: Final = {"x86_64": 321, "ppc64le": 361, "s390x": 351}
_SYSCALL_NUMBER_GENERIC: Final = 280  # include/uapi/asm-generic/unistd.h: arm64, riscv64, …
_ATTR_SIZE: Final = 144
_TCX_INGRESS: Final = 46
_BEFORE: Final = 1 << 3  # without a relative: at the head
_BATCH: Final = 1 << 16  # entries in one call; the kernel yields the processor in between
_MAX_QUERY: Final = 64  # BPF_MPROG_MAX
_SKB_SIZE: Final = 192  # struct __sk_buff
_SKB_MARK: Final = 8
_SKB_IFINDEX: Final = 40
_PACKET_ROOM: Final = 1 << 16

_Item = TypeVar("_Item")

_libc = ctypes.CDLL(None, use_errno=True)


class Command(IntEnum):
    """The commands of bpf(2) in use."""

    MAP_LOOKUP_ELEM = 1
    MAP_UPDATE_ELEM = 2
    OBJ_PIN = 6
    OBJ_GET = 7
    PROG_TEST_RUN = 10
    OBJ_GET_INFO_BY_FD = 15
    PROG_QUERY = 16
    MAP_LOOKUP_BATCH = 24
    MAP_UPDATE_BATCH = 26
    MAP_DELETE_BATCH = 27
    LINK_CREATE = 28
    LINK_UPDATE = 29
    LINK_DETACH = 34


class MapType(IntEnum):
    """The map types in use (enum bpf_map_type)."""

    HASH = 1
    ARRAY = 2
    PERCPU_ARRAY = 6
    LPM_TRIE = 11


@dataclass(frozen=True, slots=True)
class MapInfo:
    """What the kernel tells of a map; sizes in bytes."""

    type: int
    key_size: int
    value_size: int
    max_entries: int
    flags: int


@dataclass(frozen=True, slots=True)
class ProgramInfo:
    """What the kernel tells of a program; `loaded_ns` is CLOCK_BOOTTIME."""

    id: int
    tag: str
    loaded_ns: int
    name: str


@dataclass(frozen=True, slots=True)
class LinkInfo:
    """What the kernel tells of a TCX link; `ifindex` is 0 once the interface is gone."""

    id: int
    program_id: int
    ifindex: int


@dataclass(frozen=True, slots=True)
class PacketRun:
    """What a program made of a packet: verdict, the packet and its mark, mean duration of one run."""

    retval: int
    data: bytes
    mark: int
    duration_ns: int


def _call(command: Command, attr: ctypes.Array[ctypes.c_char]) -> int:
    number = _SYSCALL_NUMBERS.get(platform.machine(), _SYSCALL_NUMBER_GENERIC)
    result = int(_libc.syscall(ctypes.c_long(number), ctypes.c_int(command), attr, ctypes.c_uint(len(attr))))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"bpf(2) {command.name}: {os.strerror(code)}")
    return result


def _attr(layout: str, *values: int) -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(struct.pack(layout, *values), _ATTR_SIZE)


def _address(data: bytes) -> int:
    """Return where the bytes are; the caller keeps them alive."""
    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0


def pin(fd: int, path: str) -> None:
    """Pin a map, program or link to a path in bpffs."""
    name = os.fsencode(path)
    _call(Command.OBJ_PIN, _attr("=QII", _address(name), fd, 0))


def get_pinned(path: str) -> int:
    """Return a new descriptor of what is pinned at a path in bpffs."""
    name = os.fsencode(path)
    try:
        return _call(Command.OBJ_GET, _attr("=QII", _address(name), 0, 0))
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0), path) from error


def _info(fd: int, size: int) -> bytes:
    info = ctypes.create_string_buffer(size)
    _call(Command.OBJ_GET_INFO_BY_FD, _attr("=IIQ", fd, size, ctypes.addressof(info)))
    return info.raw


def map_info(fd: int) -> MapInfo:
    """Return what the kernel tells of a map."""
    type_, _id, *rest = struct.unpack("=6I", _info(fd, 24))
    return MapInfo(type_, *rest)


def program_info(fd: int) -> ProgramInfo:
    """Return what the kernel tells of a program."""
    info = _info(fd, 80)
    id_, tag = struct.unpack_from("=I8s", info, 4)
    (loaded_ns,) = struct.unpack_from("=Q", info, 40)
    return ProgramInfo(id_, tag.hex(), loaded_ns, info[64:80].rstrip(b"\0").decode())


def link_info(fd: int) -> LinkInfo:
    """Return what the kernel tells of a TCX link."""
    _type, id_, program_id, ifindex = struct.unpack("=III4xI", _info(fd, 20))
    return LinkInfo(id_, program_id, ifindex)


def lookup(fd: int, key: bytes, size: int) -> bytes:
    """Return a key's value of `size` bytes; KeyError where there is none."""
    value = ctypes.create_string_buffer(size)
    try:
        _call(Command.MAP_LOOKUP_ELEM, _attr("=I4xQQQ", fd, _address(key), ctypes.addressof(value), 0))
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise KeyError(key) from error
        raise
    return value.raw


def update(fd: int, key: bytes, value: bytes) -> None:
    """Write one entry, new or not."""
    _call(Command.MAP_UPDATE_ELEM, _attr("=I4xQQQ", fd, _address(key), _address(value), 0))


def _batch(command: Command, fd: int, keys: bytes, values: bytes, count: int) -> None:
    _call(command, _attr("=QQQQIIQQ", 0, 0, _address(keys), _address(values), count, fd, 0, 0))


def _chunks(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, _BATCH)):
        yield chunk


def update_batch(fd: int, entries: Iterable[tuple[bytes, bytes]]) -> None:
    """Write entries, new or not, in order; one call for many."""
    for chunk in _chunks(entries):
        keys = b"".join([key for key, _ in chunk])
        values = b"".join([value for _, value in chunk])
        _batch(Command.MAP_UPDATE_BATCH, fd, keys, values, len(chunk))


def delete_batch(fd: int, keys: Sequence[bytes]) -> None:
    """Delete entries, all of which exist; one call for many."""
    for chunk in _chunks(keys):
        _batch(Command.MAP_DELETE_BATCH, fd, b"".join(chunk), b"", len(chunk))


def _pieces(buffer: ctypes.Array[ctypes.c_char], size: int, count: int) -> Iterator[bytes]:
    return chain.from_iterable(struct.iter_unpack(f"{size}s", memoryview(buffer)[: size * count]))


def value_room(info: MapInfo) -> int:
    """Return how many bytes one entry's value takes: per CPU one of a multiple of eight bytes each."""
    if info.type != MapType.PERCPU_ARRAY:
        return info.value_size
    return -(-info.value_size // 8) * 8 * possible_cpus()


def read_all(fd: int) -> dict[bytes, bytes]:
    """Return every entry of a map, many in one call; values as `value_room` says.

    An entry that a packet adds or removes meanwhile may be missing.
    """
    info = map_info(fd)
    value_size = value_room(info)
    room = min(_BATCH, info.max_entries)
    keys = ctypes.create_string_buffer(room * info.key_size)
    values = ctypes.create_string_buffer(room * value_size)
    place = ctypes.create_string_buffer(max(info.key_size, 4))
    entries: dict[bytes, bytes] = {}
    start, ended = 0, False
    while not ended:
        pointers = start, ctypes.addressof(place), ctypes.addressof(keys), ctypes.addressof(values)
        attr = _attr("=QQQQIIQQ", *pointers, room, fd, 0, 0)
        try:
            _call(Command.MAP_LOOKUP_BATCH, attr)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            ended = True
        (count,) = struct.unpack_from("=I", attr, 32)
        entries.update(
            zip(_pieces(keys, info.key_size, count), _pieces(values, value_size, count), strict=True)
        )
        start = ctypes.addressof(place)
    return entries


def possible_cpus() -> int:
    """Return how many CPUs there may ever be, each with its part of a per-CPU value."""
    last = Path("/sys/devices/system/cpu/possible").read_text(encoding="ascii").strip()
    return int(last.rsplit(",", 1)[-1].rsplit("-", 1)[-1]) + 1


def run_packet(
    program_fd: int, packet: bytes, *, mark: int = 0, ifindex: int = 0, repeat: int = 1
) -> PacketRun:
    """Run a tc program on a packet that starts with an Ethernet header.

    With `repeat` the packet is given to each run as the one before left it.
    """
    context_in = bytearray(_SKB_SIZE)
    struct.pack_into("=I", context_in, _SKB_MARK, mark)
    struct.pack_into("=I", context_in, _SKB_IFINDEX, ifindex)
    context = bytes(context_in)
    context_out = ctypes.create_string_buffer(_SKB_SIZE)
    data_out = ctypes.create_string_buffer(_PACKET_ROOM)
    attr = _attr(
        "=IIIIQQIIIIQQII",
        *(program_fd, 0, len(packet), _PACKET_ROOM, _address(packet), ctypes.addressof(data_out)),
        *(repeat, 0, _SKB_SIZE, _SKB_SIZE, _address(context), ctypes.addressof(context_out), 0, 0),
    )
    _call(Command.PROG_TEST_RUN, attr)
    (retval, size) = struct.unpack_from("=i4xI", attr, 4)
    (duration_ns,) = struct.unpack_from("=I", attr, 36)
    (mark_out,) = struct.unpack_from("=I", context_out, _SKB_MARK)
    return PacketRun(retval, data_out.raw[:size], mark_out, duration_ns)


def attach_tcx(program_fd: int, ifindex: int) -> int:
    """Attach a program to an interface's TCX ingress ahead of all others; return the link."""
    return _call(Command.LINK_CREATE, _attr("=IIIIIIQ", program_fd, ifindex, _TCX_INGRESS, _BEFORE, 0, 0, 0))


def replace_in_link(link_fd: int, program_fd: int) -> None:
    """Put another program into a link; no packet meets the link without one."""
    _call(Command.LINK_UPDATE, _attr("=IIII", link_fd, program_fd, 0, 0))


def detach_link(link_fd: int) -> None:
    """Take a link's program off its interface at once, whoever else has the link open or pinned."""
    _call(Command.LINK_DETACH, _attr("=I", link_fd))


def query_tcx(ifindex: int) -> list[tuple[int, int]]:
    """Return (program id, link id or 0) of what is on an interface's TCX ingress, in order.

    OSError EINVAL where the kernel has no TCX (before 6.6).
    """
    programs = (ctypes.c_uint32 * _MAX_QUERY)()
    links = (ctypes.c_uint32 * _MAX_QUERY)()
    attr = _attr(
        "=IIIIQI4xQQQQ",
        *(ifindex, _TCX_INGRESS, 0, 0, ctypes.addressof(programs), _MAX_QUERY),
        *(0, ctypes.addressof(links), 0, 0),
    )
    _call(Command.PROG_QUERY, attr)
    (count,) = struct.unpack_from("=I", attr, 24)
    return list(zip(programs[:count], links[:count], strict=True))
