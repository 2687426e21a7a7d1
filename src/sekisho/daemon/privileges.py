"""Capabilities, of which a process that strangers send to should have none to spare."""

from __future__ import annotations

import ctypes
import os
import struct

_VERSION_3 = 0x2008_0522  # include/uapi/linux/capability.h
_HEADER = struct.pack("=Ii", _VERSION_3, 0)  # of the calling thread
_SETS = struct.Struct("=6I")  # effective, permitted, inheritable: the lower 32 of each, then the upper
OPENING_FILES = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
_PR_SET_NO_NEW_PRIVS = 38  # include/uapi/linux/prctl.h


def give_up_capabilities() -> None:
    """Give up all capabilities of this thread and of those that it starts, for good. Raises OSError.

    Those to open files stay where there are any, as for who starts the daemon by hand as root: the store may
    be where only they lead. No program that is run from here has more, though it is run as root.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    _require(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    sets = ctypes.create_string_buffer(_SETS.size)
    _require(libc.capget(_HEADER, sets), "capget")
    _, permitted, *_ = _SETS.unpack(sets.raw)
    left = permitted & OPENING_FILES
    _require(libc.capset(_HEADER, _SETS.pack(left, left, 0, 0, 0, 0)), "capset")


def _require(result: int, call: str) -> None:
    if result:
        error = ctypes.get_errno()
        raise OSError(error, f"{call}: {os.strerror(error)}")
