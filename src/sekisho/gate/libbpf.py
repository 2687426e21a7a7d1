"""Loading of a built object through libbpf, by its C interface (libbpf.so.1, ABI mode)."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Final

from sekisho.gate import GateError, bpf

_LIBRARY: Final = "libbpf.so.1"
_WARN: Final = 0  # enum libbpf_print_level
_LOG_TAIL: Final = 4_000  # characters of the verifier's log in an error: its end names the fault
_LINE_ROOM: Final = 1 << 16

_Print = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_libc = ctypes.CDLL(None)
_print_lock = Lock()  # libbpf has one print function for the whole process


@dataclass(frozen=True, slots=True)
class Loaded:
    """Descriptors of a loaded object's programs and maps by name; the caller closes them."""

    programs: Mapping[str, int]
    maps: Mapping[str, int]

    def close(self) -> None:
        """Close every descriptor; what is attached or pinned stays."""
        for fd in (*self.programs.values(), *self.maps.values()):
            os.close(fd)


def load(
    object_path: str | Path,
    *,
    pin_dir: str | None,
    sizes: Mapping[str, int],
    programs: Collection[str] | None = None,
    rodata_test_clock: bool = False,
) -> Loaded:
    """Load programs (None: all) and maps of a built object; maps already pinned in `pin_dir` are used again.

    `sizes`: entries by map name, for the maps whose size is the operator's. With `pin_dir`, an existing
    directory in bpffs, new maps are pinned there by name. GateError where the kernel or a pinned map refuses.
    """
    with _captured_print() as messages, _opened(str(object_path), messages) as handle:
        maps = dict(_named(handle, "map"))
        for name, size in sizes.items():
            _check(_library().bpf_map__set_max_entries(maps[name], size), f"map {name} of {size} entries")
        if rodata_test_clock:
            _set_test_clock(maps)
        shared = {name: map_ for name, map_ in maps.items() if not _library().bpf_map__is_internal(map_)}
        wanted = {name: p for name, p in _named(handle, "program") if programs is None or name in programs}
        for name, program in _named(handle, "program"):
            _library().bpf_program__set_autoload(program, name in wanted)
        known = _reuse_pinned(shared, pin_dir) if pin_dir else set()
        _check(_library().bpf_object__load(handle), "the kernel refused the gate's program", messages)
        if pin_dir:
            for name in shared.keys() - known:
                bpf.pin(_library().bpf_map__fd(maps[name]), f"{pin_dir}/{name}")
        return Loaded(
            {name: _own(_library().bpf_program__fd(program)) for name, program in wanted.items()},
            {name: _own(_library().bpf_map__fd(map_)) for name, map_ in shared.items()},
        )


def missing() -> str | None:
    """Return what keeps libbpf from being used, or None."""
    try:
        _library()
    except OSError as error:
        return str(error)
    return None


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(_LIBRARY, use_errno=True)
    pointers = (
        "bpf_object__open_file",
        "bpf_object__next_map",
        "bpf_object__next_program",
        "libbpf_set_print",
    )
    for name in pointers:
        getattr(library, name).restype = ctypes.c_void_p
    for name in ("bpf_map__name", "bpf_program__name"):
        getattr(library, name).restype = ctypes.c_char_p
    library.bpf_object__close.restype = None
    library.bpf_map__is_internal.restype = ctypes.c_bool
    handle = ctypes.c_void_p
    library.bpf_object__open_file.argtypes = (ctypes.c_char_p, handle)
    library.bpf_object__next_map.argtypes = (handle, handle)
    library.bpf_object__next_program.argtypes = (handle, handle)
    library.bpf_map__set_max_entries.argtypes = (handle, ctypes.c_uint32)
    library.bpf_program__set_autoload.argtypes = (handle, ctypes.c_bool)
    library.bpf_map__reuse_fd.argtypes = (handle, ctypes.c_int)
    library.bpf_map__set_initial_value.argtypes = (handle, ctypes.c_char_p, ctypes.c_size_t)
    for name in (
        *("bpf_object__load", "bpf_object__close", "bpf_map__fd", "bpf_program__fd", "bpf_map__name"),
        *("bpf_program__name", "bpf_map__type", "bpf_map__key_size", "bpf_map__value_size"),
        *("bpf_map__max_entries", "bpf_map__map_flags", "bpf_map__is_internal"),
    ):
        getattr(library, name).argtypes = (handle,)
    return library


@contextmanager
def _captured_print() -> Iterator[list[str]]:
    """Collect libbpf's warnings, the verifier's log among them, instead of printing them."""
    messages: list[str] = []

    def keep(level: int, text: bytes, arguments: int) -> int:
        if level == _WARN:
            line = ctypes.create_string_buffer(_LINE_ROOM)
            _libc.vsnprintf(line, ctypes.c_size_t(_LINE_ROOM), text, ctypes.c_void_p(arguments))
            messages.append(line.value.decode(errors="replace"))
        return 0

    callback = _Print(keep)
    with _print_lock:
        before = _library().libbpf_set_print(callback)
        try:
            yield messages
        finally:
            _library().libbpf_set_print(ctypes.c_void_p(before))


@contextmanager
def _opened(path: str, messages: list[str]) -> Iterator[int]:
    handle = _library().bpf_object__open_file(os.fsencode(path), None)
    if not handle:
        reason = _reason(ctypes.get_errno(), messages)
        raise GateError(f"gate object {path} cannot be read (`make bpf` builds it): {reason}")
    try:
        yield handle
    finally:
        _library().bpf_object__close(handle)


def _named(handle: int, kind: str) -> Iterator[tuple[str, int]]:
    library = _library()
    following: Callable[[int, int | None], int | None] = getattr(library, f"bpf_object__next_{kind}")
    name_of: Callable[[int], bytes] = getattr(library, f"bpf_{kind}__name")
    item = following(handle, None)
    while item:
        yield name_of(item).decode(), item
        item = following(handle, item)


def _set_test_clock(maps: Mapping[str, int]) -> None:
    """Set `test_clock`, the one constant in its section (bpf/maps.h)."""
    clock = _library().bpf_map__set_initial_value(maps[".rodata.clock"], b"\1", 1)
    _check(clock, "test_clock is not alone in .rodata.clock")


def _reuse_pinned(maps: Mapping[str, int], pin_dir: str) -> set[str]:
    """Let the object use the maps that are pinned already; return their names."""
    reused = set()
    for name, map_ in maps.items():
        path = f"{pin_dir}/{name}"
        with suppress(FileNotFoundError):
            fd = bpf.get_pinned(path)
            try:
                _same_shape(path, bpf.map_info(fd), _declared(map_))
                _check(_library().bpf_map__reuse_fd(map_, fd), f"pinned map {path}")
            finally:
                os.close(fd)
            reused.add(name)
    return reused


def _declared(map_: int) -> bpf.MapInfo:
    library = _library()
    return bpf.MapInfo(
        type=library.bpf_map__type(map_),
        key_size=library.bpf_map__key_size(map_),
        value_size=library.bpf_map__value_size(map_),
        max_entries=library.bpf_map__max_entries(map_),
        flags=library.bpf_map__map_flags(map_),
    )


def _same_shape(path: str, pinned: bpf.MapInfo, wanted: bpf.MapInfo) -> None:
    if pinned == wanted:
        return
    raise GateError(
        f"pinned map {path} has {pinned.max_entries} entries of {pinned.key_size} + {pinned.value_size} "
        f"bytes, wanted are {wanted.max_entries} of {wanted.key_size} + {wanted.value_size}: "
        "run `sekisho gate down` first (sessions are counted anew), or set the size back"
    )


def _check(result: int, what: str, messages: list[str] | None = None) -> None:
    if result < 0:
        raise GateError(f"{what}: {_reason(-result, messages or [])}")


def _reason(code: int, messages: list[str]) -> str:
    name = errno.errorcode.get(code, str(code))
    log = "".join(messages)[-_LOG_TAIL:].strip()
    return f"{os.strerror(code)} ({name})" + (f"\n{log}" if log else "")


def _own(fd: int) -> int:
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
