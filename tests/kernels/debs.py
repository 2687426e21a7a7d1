"""Debian's cloud kernels, unpacked below build/kernels/ and never installed.

The mirror is the one this machine's own apt uses; the release is the one asked for. apt gets a
configuration, lists and a cache of its own for it, so that the machine's stay as they are.
"""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

KEYRINGS = ("debian-archive-keyring.gpg", "debian-archive-keyring.pgp")  # Debian 12's name, Debian 13's
LISTS_AGE_S = 24 * 3600
METAPACKAGE = "linux-image-cloud-amd64"
# One package up to 6.12; later ones split it into vmlinuz, modules and what both need.
PART = re.compile(r"linux-(image|binary|modules|base)-\d\S*-cloud-amd64")


class NoKernelError(Exception):
    """A kernel cannot be had; the message names the reason and the way out."""


@dataclass(frozen=True)
class Release:
    """Where a kernel comes from: a Debian suite, and its security suite where it has one."""

    suite: str
    security: str | None = None


@dataclass(frozen=True)
class Kernel:
    """An unpacked kernel: its release as `uname -r` tells it, and its files."""

    release: str
    image: Path
    modules: Path


def kernel(release: Release, root: Path) -> Kernel:
    """Return the newest cloud kernel of a Debian release, from `root` or from the mirror.

    Raises `NoKernelError` when there is no mirror, no such suite on it, or no kernel in the suite.
    """
    place = root / release.suite
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs may start at once
        apt = _apt_options(release, place)
        _refresh(apt, place)
        target = place / _newest(apt)
        if not target.exists():
            _unpack(apt, target)
    return _found(target)


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise NoKernelError(f"{' '.join(command[:1] + command[-2:])} failed: {done.stderr.strip()}")
    return done.stdout


def _mirror(label: str) -> str:
    """Return the address from which this machine's apt takes what Debian labels so; "" when it does not."""
    lines = _run(
        "apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages"
    )
    for line in lines.splitlines():
        origin, labelled, address = line.split("|")
        if (origin, labelled) == ("Debian", label):
            return address
    return ""


def _apt_options(release: Release, place: Path) -> tuple[str, ...]:
    """Write an apt configuration for one release and return the options that select it."""
    main, security = _mirror("Debian"), _mirror("Debian-Security")
    if not main:
        raise NoKernelError(
            "this machine's apt knows no Debian mirror. Run `apt-get update`, or mend /etc/apt."
        )
    keyrings = [path for name in KEYRINGS if (path := Path("/usr/share/keyrings", name)).exists()]
    if not keyrings:
        raise NoKernelError("there are no Debian archive keys here: `apt-get install debian-archive-keyring`")
    signed = f"[arch=amd64 signed-by={keyrings[0]}]"
    sources = [f"deb {signed} {main} {release.suite} main"]
    if release.security and security:
        sources.append(f"deb {signed} {security} {release.security} main")
    for directory in ("lists/partial", "archives/partial"):
        (place / directory).mkdir(parents=True, exist_ok=True)
    (place / "sources.list").write_text("\n".join(sources) + "\n")
    settings = {
        "Dir::Etc::SourceList": place / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": place / "lists",
        "Dir::State::Status": "/dev/null",
        "Dir::Cache": place,
        "APT::Architecture": "amd64",
        "APT::Sandbox::User": "root",  # root's own directories are not for the user _apt
    }
    return tuple(part for name, value in settings.items() for part in ("-o", f"{name}={value}"))


def _refresh(apt: tuple[str, ...], place: Path) -> None:
    """Read the package lists anew when they are a day old."""
    stamp = place / "refreshed"
    if stamp.exists() and time.time() - stamp.stat().st_mtime < LISTS_AGE_S:
        return
    _run("apt-get", *apt, "-qq", "--error-on=any", "update")
    stamp.touch()


def _newest(apt: tuple[str, ...]) -> str:
    shown = _run("apt-cache", *apt, "show", "--no-all-versions", METAPACKAGE)
    return next(line.removeprefix("Version: ") for line in shown.splitlines() if line.startswith("Version: "))


def _packages(apt: tuple[str, ...]) -> list[str]:
    """Return the packages that the newest kernel consists of."""
    relations = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    options = [f"--no-{relation}" for relation in relations]
    names = _run("apt-cache", *apt, "depends", "--recurse", *options, METAPACKAGE).split()
    return sorted({name for name in names if PART.fullmatch(name)})


def _unpack(apt: tuple[str, ...], target: Path) -> None:
    """Fetch the kernel's packages and unpack them into `target`, which appears only when it is complete."""
    unfinished = target.with_name(f"{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    _run("apt-get", *apt, "-qq", "download", *_packages(apt), cwd=unfinished)
    for package in unfinished.glob("*.deb"):
        _run("dpkg", "-x", str(package), str(unfinished))
        package.unlink()
    found = _found(unfinished)
    (unfinished / "lib").mkdir(exist_ok=True)
    if found.modules.parent != unfinished / "lib/modules":
        (unfinished / "lib/modules").symlink_to("../usr/lib/modules")  # where depmod looks
    _run("depmod", "--basedir", str(unfinished), found.release)
    unfinished.rename(target)


def _found(target: Path) -> Kernel:
    modules = [path for top in ("usr/lib/modules", "lib/modules") for path in target.glob(f"{top}/*/kernel")]
    images = [*target.glob("boot/vmlinuz-*"), *target.glob("usr/lib/modules/*/vmlinuz")]
    if not modules or not images:
        raise NoKernelError(
            f"{target} holds no kernel image with modules: has Debian changed its packages? Look there."
        )
    return Kernel(modules[0].parent.name, images[0], modules[0].parent)
