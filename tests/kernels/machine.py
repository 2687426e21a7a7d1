"""A virtual machine that boots one kernel over this machine's own root file system and runs pytest.

The root is shared read-only by virtiofs, so the guest has the same Python, libbpf, iptables and nft as
the machine, and nothing needs to be installed in it. Its writes go to its own memory.
"""

from __future__ import annotations

import lzma
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.kernels.debs import Kernel

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
BUSYBOX = Path("/bin/busybox")
VIRTIOFSD = "/usr/lib/qemu/virtiofsd"
BOOT_MODULES = ("virtio_pci", "virtiofs", "overlay")
MEMORY_MB = 2048
BOOT_S = 240  # 5 s on two idle cores, a minute where others had both
TESTS_S = 3600
STARTED = "runs the tests"  # said by inside.sh


class GuestError(Exception):
    """The guest gave no result; the message tells how far it came."""


def run(kernel: Kernel, arguments: Sequence[str], place: Path) -> str:
    """Boot `kernel`, run pytest with `arguments` in it and return its JUnit report.

    `place` is an empty directory for sockets and logs, console.log and report.xml among them. Raises
    `GuestError` when the guest does not boot, does not finish in time, or ends without a report.
    """
    (place / "initramfs").write_bytes(_initramfs(kernel, arguments, place))
    console = place / "console.log"
    with _root_file_system(place), _process(_qemu(kernel, place), place / "qemu.log") as qemu:
        if not _until(lambda: STARTED in _text(console), qemu, BOOT_S):
            raise GuestError(f"did not boot within {BOOT_S} s\n{_tail(console)}{_tail(place / 'qemu.log')}")
        if not _until(lambda: qemu.poll() is not None, qemu, TESTS_S):
            raise GuestError(f"did not finish its tests within {TESTS_S} s\n{_tail(console)}")
    report = _text(place / "report.xml")
    if not report:
        raise GuestError(f"ended without a report\n{_tail(console)}")
    return report


def _tail(log: Path) -> str:
    return "".join(f"    {line}\n" for line in _text(log).splitlines()[-25:])


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def _until(condition: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait until `condition` holds, the process has ended, or the time is over; return the condition."""
    deadline = time.monotonic() + seconds
    while not condition() and process.poll() is None and time.monotonic() < deadline:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)
    return condition()


@contextmanager
def _process(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command that ends with this block, and with this process however that ends."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command], stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def _root_file_system(place: Path) -> Iterator[None]:
    """Serve this machine's root file system on a socket in `place`."""
    socket, log = place / "virtiofs.sock", place / "virtiofsd.log"
    options = "source=/,cache=always,sandbox=chroot"  # nothing the guest reads changes while it runs
    with _process([VIRTIOFSD, f"--socket-path={socket}", "-o", options], log) as server:
        if not _until(socket.exists, server, 10):
            raise GuestError(f"virtiofsd does not serve the root file system\n{_tail(log)}")
        yield


def _qemu(kernel: Kernel, place: Path) -> list[str]:
    """Return the command: software emulation, which works in any container and virtual machine."""
    return [
        *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"),
        *("-m", str(MEMORY_MB), "-object", f"memory-backend-memfd,id=memory,size={MEMORY_MB}M,share=on"),
        *("-machine", "q35,memory-backend=memory", "-nodefaults", "-no-reboot", "-display", "none"),
        *("-kernel", str(kernel.image), "-initrd", str(place / "initramfs")),
        *("-append", "console=ttyS0 panic=-1 quiet"),
        *("-serial", f"file:{place / 'console.log'}", "-serial", f"file:{place / 'report.xml'}"),
        *("-chardev", f"socket,id=root,path={place / 'virtiofs.sock'}"),
        *("-device", "vhost-user-fs-pci,chardev=root,tag=machine"),
    ]


def _initramfs(kernel: Kernel, arguments: Sequence[str], place: Path) -> bytes:
    """Return an archive with busybox, the modules that reach the root file system, and the job."""
    modules = _boot_modules(kernel)
    settings = {
        "PATH": os.environ["PATH"],
        "BOOT_MODULES": " ".join(modules),
        "REPOSITORY": str(REPOSITORY),
        "MODULES": str(kernel.modules),
        "PYTHON": str(REPOSITORY / ".venv/bin/python"),
        "ARGUMENTS": shlex.join(arguments),
    }
    tree = place / "tree"
    for name in ("bin", "dev", "machine", "memory", "modules", "root"):
        (tree / name).mkdir(parents=True)
    for name, content in modules.items():
        (tree / "modules" / name).write_bytes(content)
    (tree / "bin/busybox").write_bytes(BUSYBOX.read_bytes())
    (tree / "init").write_bytes((HERE / "init").read_bytes())
    job = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in settings.items())
    (tree / "job").write_text(job)
    for program in ("bin/busybox", "init"):
        (tree / program).chmod(0o755)
    return _archive(tree)


def _archive(tree: Path) -> bytes:
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    command = [str(BUSYBOX), "cpio", "-o", "-H", "newc"]
    return subprocess.run(command, cwd=tree, input=names.encode(), capture_output=True, check=True).stdout


def _boot_modules(kernel: Kernel) -> dict[str, bytes]:
    """Return the modules that reach the root file system, in loading order."""
    base = kernel.modules.parent.parent.parent
    command = ["modprobe", "--dirname", str(base), "--set-version", kernel.release, "--show-depends", "--all"]
    shown = subprocess.run([*command, *BOOT_MODULES], capture_output=True, text=True, check=True).stdout
    paths = [Path(line.split()[1]) for line in shown.splitlines() if line.startswith("insmod ")]
    return {path.name.removesuffix(".xz"): _module(path) for path in paths}


def _module(path: Path) -> bytes:
    content = path.read_bytes()
    return lzma.decompress(content) if path.suffix == ".xz" else content
