"""Network namespaces for tests: made with unique names, joined by veth pairs, always taken down.

`ip netns exec` mounts a new /sys and so hides bpffs; everything here enters by setns(2) alone.
Nothing outside the namespaces is touched, so two runs beside each other do not meet.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.system.patience import patience

_CLONE_NEWNET = 0x40000000
_END_SECONDS = 5.0  # how long a process may take to end when asked

_Result = TypeVar("_Result")
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Namespace:
    """One network namespace; commands, processes and callables run inside it."""

    name: str
    _stack: ExitStack = field(repr=False)

    @property
    def path(self) -> str:
        """Where it can be entered from, for nsenter --net=…"""
        return f"/run/netns/{self.name}"

    def run(
        self, *command: str, check: bool = True, text_in: str | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end and return what it printed."""
        return _run(self._entering(command), check=check, text_in=text_in, timeout=timeout)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a process, its output on pipes; it is ended with the namespace at the latest."""
        process = subprocess.Popen(
            self._entering(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._stack.callback(_end, process)
        return process

    def call(self, function: Callable[[], _Result]) -> _Result:
        """Call a function in a thread inside the namespace; sockets made there belong to it for good."""

        def inside() -> _Result:
            _enter(self.path)
            return function()

        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(inside).result()

    def sysctl(self, key: str, value: int | str) -> None:
        """Set one of the namespace's own sysctls, as `net.ipv4.ip_forward`."""
        path = Path("/proc/sys", *key.split("."))
        self.call(lambda: path.write_text(str(value), encoding="ascii"))

    def address(self, interface: str, *addresses: str) -> None:
        """Give an interface addresses with prefix lengths, and set it up."""
        for address in addresses:
            # Without `nodad` nobody can bind to an IPv6 address until a worker of the kernel has seen it.
            nodad = ("nodad",) if ":" in address else ()
            self.run("ip", "address", "add", address, "dev", interface, *nodad)
        self.run("ip", "link", "set", interface, "up")

    def _entering(self, command: tuple[str, ...]) -> list[str]:
        return ["nsenter", f"--net={self.path}", "--", *command]


@dataclass(frozen=True)
class Net:
    """What one test has built."""

    _stack: ExitStack = field(repr=False)
    _suffix: str

    def namespace(self, label: str) -> Namespace:
        """Make a namespace with loopback up and no duplicate address detection; labels are a test's own."""
        name = f"sekisho-{label}-{self._suffix}"
        _ip("netns", "add", name)
        self._stack.callback(_ip, "netns", "delete", name)
        made = Namespace(name, self._stack)
        made.run("ip", "link", "set", "lo", "up")
        for scope in ("all", "default"):
            made.sysctl(f"net.ipv6.conf.{scope}.accept_dad", 0)
        return made

    def veth(self, one: Namespace, one_interface: str, other: Namespace, other_interface: str) -> None:
        """Join two namespaces by a veth pair; neither end is up yet."""
        _ip(
            *("link", "add", one_interface, "netns", one.name, "type", "veth"),
            *("peer", "name", other_interface, "netns", other.name),
        )


@contextmanager
def network() -> Iterator[Net]:
    """Give a test its namespaces and take everything down after it, in the opposite order."""
    with ExitStack() as stack:
        yield Net(stack, secrets.token_hex(4))


def _ip(*arguments: str) -> None:
    _run(["ip", *arguments])


def _run(
    command: list[str], *, check: bool = True, text_in: str | None = None, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, input=text_in, timeout=patience(timeout))
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: status {done.returncode}: {done.stderr.strip()}")
    return done


def _enter(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(fd, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    finally:
        os.close(fd)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=patience(_END_SECONDS))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
