"""Processes that log in as the kernel's audit sees it, where nothing forbids that."""

from __future__ import annotations

import subprocess
import sys

NO_LOGIN = 2**32 - 1  # what the kernel tells of a process that comes from no login
_LOG_IN = """
import contextlib, sys
uid = sys.argv.pop(1)
with contextlib.suppress(OSError), open("/proc/self/loginuid", "w") as file:
    file.write(uid)
told = ""
with contextlib.suppress(OSError), open("/proc/self/loginuid") as file:
    told = file.read()
print(told, flush=True)
"""


def logged_in(uid: int, program: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a Python program that has logged in as a user first, and told as whom the kernel sees it.

    Its input and output are pipes.
    """
    command = [sys.executable, "-c", _LOG_IN + program, str(uid), *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
