"""The bpf(2) system call: maps, pins and test runs.

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
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum
from itertools import chain
from pathlib import Path
from typing import Final

_SYSCALL_NUMBERS: Final = {"x86_64": 321, "ppc64le": 361, "s390x": 351}
_SYSCALL_NUMBER_GENERIC: Final = 280  # include/uapi/asm-generic/unistd.h: arm64, riscv64, …
_ATTR_SIZE: Final = 144
_COUNT_AT: Final = 32  # of a batch, in entries
_BATCH: Final = 1 << 16  # entries in one call; the kernel yields the processor in between
_SKB_SIZE: Final = 192  # struct __sk_buff
_SKB_MARK: Final = 8
_SKB_IFINDEX: Final = 40
_PACKET_ROOM: Final = 1 << 16

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
    LRU_HASH = 9
    LPM_TRIE = 11


@dataclass(frozen=True, slots=True)
class MapInfo:
    """What the kernel tells of a map; sizes in bytes."""

    type: int
    key_size: int
    value_size: int
    max_entries: int
    flags: int
    id: int = field(default=0, compare=False)  # given once since the boot; nothing of the map's shape


@dataclass(frozen=True, slots=True)
class ProgramInfo:
    """What the kernel tells of a program; `loaded_ns` is CLOCK_BOOTTIME."""

    id: int
    tag: str
    loaded_ns: int
    name: str


@dataclass(frozen=True, slots=True)
class PacketRun:
    """What a program made of a packet: verdict, the packet and its mark, mean duration of one run."""

    retval: int
    data: bytes
    mark: int
    duration_ns: int


def call(command: Command, attr: ctypes.Array[ctypes.c_char]) -> int:
    """Do a command; return what it answers, a new descriptor for many."""
    number = _SYSCALL_NUMBERS.get(platform.machine(), _SYSCALL_NUMBER_GENERIC)
    result = int(_libc.syscall(ctypes.c_long(number), ctypes.c_int(command), attr, ctypes.c_uint(len(attr))))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"bpf(2) {command.name}: {os.strerror(code)}")
    return result


def attributes(layout: str, *values: int) -> ctypes.Array[ctypes.c_char]:
    """Return a command's attributes, which begin with these values; the kernel may write into them."""
    return ctypes.create_string_buffer(struct.pack(layout, *values), _ATTR_SIZE)


def _address(data: bytes) -> int:
    """Return where the bytes are; the caller keeps them alive."""
    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0


def pin(fd: int, path: str) -> None:
    """Pin a map, program or link to a path in bpffs."""
    name = os.fsencode(path)
    call(Command.OBJ_PIN, attributes("=QII", _address(name), fd, 0))


def get_pinned(path: str) -> int:
    """Return a new descriptor of what is pinned at a path in bpffs."""
    name = os.fsencode(path)
    try:
        return call(Command.OBJ_GET, attributes("=QII", _address(name), 0, 0))
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0), path) from error


def info_of(fd: int, size: int) -> bytes:
    """Return the first bytes of what the kernel tells of a descriptor's object."""
    info = ctypes.create_string_buffer(size)
    call(Command.OBJ_GET_INFO_BY_FD, attributes("=IIQ", fd, size, ctypes.addressof(info)))
    return info.raw


def map_info(fd: int) -> MapInfo:
    """Return what the kernel tells of a map."""
    type_, id_, *shape = struct.unpack("=6I", info_of(fd, 24))
    return replace(MapInfo(type_, *shape), id=id_)


def program_info(fd: int) -> ProgramInfo:
    """Return what the kernel tells of a program."""
    info = info_of(fd, 80)
    id_, tag = struct.unpack_from("=I8s", info, 4)
    (loaded_ns,) = struct.unpack_from("=Q", info, 40)
    return ProgramInfo(id_, tag.hex(), loaded_ns, info[64:80].rstrip(b"\0").decode())


def lookup(fd: int, key: bytes, size: int) -> bytes:
    """Return a key's value of `size` bytes; KeyError where there is none."""
    value = ctypes.create_string_buffer(size)
    try:
        call(Command.MAP_LOOKUP_ELEM, attributes("=I4xQQQ", fd, _address(key), ctypes.addressof(value), 0))
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise KeyError(key) from error
        raise
    return value.raw


def update(fd: int, key: bytes, value: bytes) -> None:
    """Write one entry, new or not."""
    call(Command.MAP_UPDATE_ELEM, attributes("=I4xQQQ", fd, _address(key), _address(value), 0))


def _batch(command: Command, fd: int, keys: bytes, values: bytes, passed_over: int) -> int:
    """Do a command for many entries; return for how many it answered `passed_over`. It stops at each."""
    info = map_info(fd)
    total = len(keys) // info.key_size
    value_size = len(values) // total if values else 0
    done = failures = 0
    while done < total:
        key_at, value_at = _address(keys) + done * info.key_size, _address(values) + done * value_size
        attr = attributes("=QQQQIIQQ", 0, 0, key_at, value_at, min(total - done, _BATCH), fd, 0, 0)
        try:
            call(command, attr)
        except OSError as error:
            if error.errno != passed_over:
                raise
            failures += 1
            done += 1
        (count,) = struct.unpack_from("=I", attr, _COUNT_AT)  # of those before the one that failed
        done += count
    return failures


def update_batch(fd: int, keys: bytes, values: bytes) -> None:
    """Write entries, new or not, in order; keys and values one after another, many with one call.

    In a full hash table all that have room are written; then OSError E2BIG tells how many have not.
    """
    left_out = _batch(Command.MAP_UPDATE_BATCH, fd, keys, values, errno.E2BIG)
    if left_out:
        raise OSError(errno.E2BIG, f"{left_out:,} more found none")


def delete_batch(fd: int, keys: bytes) -> None:
    """Delete entries, whether or not they are there; keys one after another, many with one call."""
    _batch(Command.MAP_DELETE_BATCH, fd, keys, b"", errno.ENOENT)


def _pieces(data: memoryview, size: int) -> Iterator[bytes]:
    return chain.from_iterable(struct.iter_unpack(f"{size}s", data))


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
    entries: dict[bytes, bytes] = {}
    for keys, values in _read(fd, info):
        entries.update(zip(_pieces(keys, info.key_size), _pieces(values, value_size), strict=True))
    return entries


def read_joined(fd: int) -> tuple[bytes, bytes]:
    """Return all keys of a map one after another, and so all values. Else as `read_all`."""
    keys, values = bytearray(), bytearray()
    for more_keys, more_values in _read(fd, map_info(fd)):
        keys += more_keys
        values += more_values
    return bytes(keys), bytes(values)


def _read(fd: int, info: MapInfo) -> Iterator[tuple[memoryview, memoryview]]:
    """Yield keys and values, many at a time; they are valid until the next."""
    value_size = value_room(info)
    room = min(_BATCH, info.max_entries)
    keys = ctypes.create_string_buffer(room * info.key_size)
    values = ctypes.create_string_buffer(room * value_size)
    place = ctypes.create_string_buffer(max(info.key_size, 4))
    start, ended = 0, False
    while not ended:
        pointers = start, ctypes.addressof(place), ctypes.addressof(keys), ctypes.addressof(values)
        attr = attributes("=QQQQIIQQ", *pointers, room, fd, 0, 0)
        try:
            call(Command.MAP_LOOKUP_BATCH, attr)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            ended = True
        (count,) = struct.unpack_from("=I", attr, _COUNT_AT)
        yield memoryview(keys)[: info.key_size * count], memoryview(values)[: value_size * count]
        start = ctypes.addressof(place)


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
    attr = attributes(
        "=IIIIQQIIIIQQII",
        *(program_fd, 0, len(packet), _PACKET_ROOM, _address(packet), ctypes.addressof(data_out)),
        *(repeat, 0, _SKB_SIZE, _SKB_SIZE, _address(context), ctypes.addressof(context_out), 0, 0),
    )
    call(Command.PROG_TEST_RUN, attr)
    (retval, size) = struct.unpack_from("=i4xI", attr, 4)
    (duration_ns,) = struct.unpack_from("=I", attr, 36)
    (mark_out,) = struct.unpack_from("=I", context_out, _SKB_MARK)
    return PacketRun(retval, data_out.raw[:size], mark_out, duration_ns)
