"""Frames put into an interface as its driver would, by the kernel's live test run of an XDP program."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from typing import Final

_LIVE_FRAMES: Final = 1 << 1
_BATCH: Final = 64  # as many as a driver takes off its ring at a time (NAPI_POLL_WEIGHT)
_SIOCETHTOOL: Final = 0x8946
_ETHTOOL_SGRO: Final = 0x2C


class _Options(ctypes.Structure):
    """struct bpf_test_run_opts (libbpf's bpf.h)."""

    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("data_in", ctypes.c_char_p),
        ("data_out", ctypes.c_void_p),
        ("data_size_in", ctypes.c_uint32),
        ("data_size_out", ctypes.c_uint32),
        ("ctx_in", ctypes.c_char_p),
        ("ctx_out", ctypes.c_void_p),
        ("ctx_size_in", ctypes.c_uint32),
        ("ctx_size_out", ctypes.c_uint32),
        ("retval", ctypes.c_uint32),
        ("repeat", ctypes.c_int),
        ("duration", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("cpu", ctypes.c_uint32),
        ("batch_size", ctypes.c_uint32),
    )


def inject(program_fd: int, frame: bytes, interface: str, count: int) -> None:
    """Run an XDP program on copies of a frame, as if the interface had received them."""
    context = struct.pack("=6I", 0, len(frame), 0, socket.if_nametoindex(interface), 0, 0)
    options = _Options(
        sz=ctypes.sizeof(_Options),
        data_in=frame,
        data_size_in=len(frame),
        ctx_in=context,
        ctx_size_in=len(context),
        repeat=count,
        flags=_LIVE_FRAMES,
        batch_size=_BATCH,
    )
    library = ctypes.CDLL("libbpf.so.1", use_errno=True)
    if library.bpf_prog_test_run_opts(program_fd, ctypes.byref(options)) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"injecting frames into {interface}: {os.strerror(code)}")


def receive_by_polling(interface: str) -> None:
    """Let a veth interface receive as network cards do (NAPI), which it does once GRO is on."""
    value = ctypes.create_string_buffer(struct.pack("=II", _ETHTOOL_SGRO, 1))
    request = struct.pack("=16sQ16x", interface.encode(), ctypes.addressof(value))
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SIOCETHTOOL, request)
