"""Capabilities, of which a process that strangers send to should have none."""

from __future__ import annotations

import ctypes
import os
import struct

_VERSION_3 = 0x2008_0522  # include/uapi/linux/capability.h
_HEADER = struct.pack("=Ii", _VERSION_3, 0)  # of the calling thread
_NONE = bytes(24)  # effective, permitted, inheritable: twice 32 bits each


def give_up_capabilities() -> None:
    """Give up all capabilities of this thread and of those that it starts. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset(_HEADER, _NONE):
        error = ctypes.get_errno()
        raise OSError(error, f"capset: {os.strerror(error)}")
